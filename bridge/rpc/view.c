/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules of visibility. Called by every handler that shows messages; must not know how they
 * are stored or sent. */
#include "bridge/rpc/view.h"

#include <inttypes.h>

#include "bridge/message/seen.h"
#include "common/jsonw.h"

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t view_floor(bool history_all, uint64_t joined_seq, uint64_t cleared_to)
{
	return history_all ? cleared_to : max_u64(joined_seq, cleared_to);
}

uint64_t view_mark(uint64_t read_seq, uint64_t joined_seq, uint64_t cleared_to)
{
	return max_u64(read_seq, max_u64(joined_seq, cleared_to));
}

int view_wire(const struct view_of *v, const struct store_msg *m, struct im_buf *scratch,
	struct im_wire_msg *out)
{
	int rc;

	*out = (struct im_wire_msg){.seq = m->seq,
		.cursor = m->gid,
		.ts_ms = m->ts_ms,
		.id = m->id,
		.type = m->type,
		.enc = m->enc,
		.meta = m->meta,
		.body = m->body};
	rc = names_user(v->names, m->sender, &out->from);
	if (rc == IM_E_NONE)
		out->from = (struct im_str){NULL, 0};
	else if (rc != IM_OK)
		return rc;
	seen_now(out, m->recalled, v->was_after, v->now_ms, scratch);
	return scratch->failed ? IM_E_NOMEM : IM_OK;
}

static int put(struct im_buf *b, const struct view_of *v, const struct store_msg *m,
	struct im_str from_name)
{
	struct im_wire_msg w;
	struct im_buf body;
	int rc;

	im_buf_init(&body, 0);
	rc = view_wire(v, m, &body, &w);
	w.from_name = from_name;
	if (rc == IM_OK)
		im_wire_message(b, v->conv, &w);
	im_buf_free(&body);
	return rc != IM_OK ? rc : b->failed ? IM_E_NOMEM : IM_OK;
}

int view_named(struct im_buf *b, const struct view_of *v, const struct store_msg *m,
	struct im_str from_name)
{
	return put(b, v, m, from_name.p ? from_name : IM_STR(""));
}

int view_message(struct im_buf *b, struct names *names, struct im_str conv,
	const struct store_msg *m, uint64_t was_after, int64_t now_ms)
{
	const struct view_of v = {names, conv, was_after, now_ms};

	return put(b, &v, m, (struct im_str){NULL, 0});
}

int view_quote(struct im_buf *b, struct names *names, const struct store_msg *m, int64_t now_ms)
{
	const struct view_of v = {.names = names, .was_after = UINT64_MAX, .now_ms = now_ms};
	struct im_wire_msg w;
	struct im_buf body;
	int rc;

	im_buf_init(&body, 0);
	rc = view_wire(&v, m, &body, &w);
	if (rc == IM_OK) {
		im_buf_printf(b, "{\"seq\":%" PRIu64, w.seq);
		im_jsonw_member_str(b, "from", w.from);
		im_jsonw_member_str(b, "type", im_type_shown(w.type, w.enc));
		preview_body(b, w.enc, w.body, PREVIEW_BYTES);
		im_buf_c(b, '}');
	}
	im_buf_free(&body);
	return rc == IM_OK && b->failed ? IM_E_NOMEM : rc;
}
