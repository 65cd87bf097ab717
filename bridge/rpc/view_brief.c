/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the short form of messages. Called by conv_item.c; must not know who may see which. */
#include "bridge/rpc/view_brief.h"

#include "bridge/message/meta.h"
#include "bridge/message/preview.h"
#include "bridge/message/system_body.h"
#include "common/jsonw.h"

/* What stands around a body and behind it. */
#define AROUND_BODY (sizeof(",\"enc\":\"base64\",\"body\":\"\",\"cut\":true}}") - 1)

static void put_from(struct im_buf *b, struct im_str from, struct im_str name, struct view_room *r)
{
	im_jsonw_member_str(b, "from", from);
	r->free += from.n;
	if (name.n == 0)
		return;
	im_jsonw_member_str(b, "from_name", name);
	r->free += im_jsonw_size(name) - 2;
}

static void put_system(struct im_buf *b, struct im_str body)
{
	bool whole;

	im_buf_z(b, ",\"body\":");
	whole = system_body_brief(b, body);
	if (!whole)
		im_buf_z(b, ",\"cut\":true");
}

int view_brief(struct im_buf *b, const struct view_of *v, const struct store_msg *m,
	struct im_str from_name, struct view_room *room)
{
	struct im_wire_msg w;
	struct im_buf body;
	struct im_str type;
	int64_t ends_ms;
	int rc;

	im_buf_init(&body, 0);
	rc = view_wire(v, m, &body, &w);
	if (rc != IM_OK)
		goto out;
	type = im_type_shown(w.type, w.enc);
	ends_ms = meta_expires_ms(w.meta, w.ts_ms);
	im_buf_z(b, "{\"seq\":");
	im_buf_u64(b, w.seq);
	put_from(b, w.from, from_name, room);
	im_jsonw_member_int(b, "ts", w.ts_ms);
	if (!im_str_eqz(type, "text"))
		im_jsonw_member_str(b, "type", type);
	if (ends_ms > 0)
		im_jsonw_member_int(b, "ttl", (ends_ms - w.ts_ms) / 1000);
	if (system_body_is(w.type))
		put_system(b, w.body);
	else
		preview_body(b, w.enc, w.body, view_room_left(room, b, AROUND_BODY));
	im_buf_c(b, '}');
	rc = b->failed ? IM_E_NOMEM : IM_OK;
out:
	im_buf_free(&body);
	return rc;
}
