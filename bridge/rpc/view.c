/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules of visibility. Called by every handler that shows messages; must not know how they
 * are stored or sent. */
#include "bridge/rpc/view.h"

#include <string.h>

#include "bridge/message/edit_body.h"
#include "bridge/message/meta.h"
#include "bridge/message/system_body.h"
#include "common/err.h"
#include "common/wire.h"

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t view_floor(bool history_all, uint64_t joined_seq, uint64_t cleared_to)
{
	return history_all ? cleared_to : max_u64(joined_seq, cleared_to);
}

uint64_t view_was_after(bool history_all, uint64_t floor)
{
	return history_all ? floor : UINT64_MAX;
}

uint64_t view_mark(uint64_t read_seq, uint64_t joined_seq, uint64_t cleared_to)
{
	return max_u64(read_seq, max_u64(joined_seq, cleared_to));
}

bool view_expired(const struct store_msg *m, int64_t now_ms)
{
	int64_t at_ms = meta_expires_ms(m->meta, m->ts_ms);

	return at_ms > 0 && now_ms >= at_ms;
}

/* True for what is not shown as it is stored, and the body that is shown. */
static bool shown_otherwise(struct im_buf *body, const struct store_msg *m, uint64_t was_after)
{
	if (system_body_is(m->type)) {
		system_body_put(body, m->body);
		return true;
	}
	if (!edit_body_is(m->type) || edit_body_seq(m->body) > was_after)
		return false;
	edit_body_without_was(body, m->body);
	return true;
}

int view_message(struct im_buf *b, struct names *names, struct im_str conv,
	const struct store_msg *m, uint64_t was_after, int64_t now_ms)
{
	struct im_wire_msg w = {.seq = m->seq,
		.cursor = m->gid,
		.ts_ms = m->ts_ms,
		.id = m->id,
		.type = m->type,
		.enc = m->enc,
		.meta = m->meta,
		.body = m->body};
	bool expired = !m->recalled && view_expired(m, now_ms);
	struct im_buf body;
	int rc = names_user(names, m->sender, &w.from);

	if (rc == IM_E_NONE)
		w.from = (struct im_str){NULL, 0};
	else if (rc != IM_OK)
		return rc;
	if (m->recalled || expired) {
		w.type = m->recalled ? IM_STR(VIEW_RECALLED) : IM_STR(VIEW_EXPIRED);
		w.enc = IM_ENC_JSON;
		w.body = IM_STR("null");
		if (expired)
			w.meta = (struct im_str){NULL, 0};
	}
	im_buf_init(&body, 0);
	if (!m->recalled && !expired && shown_otherwise(&body, m, was_after)) {
		w.body = im_buf_view(&body);
		if (body.failed)
			b->failed = true;
	}
	im_wire_message(b, conv, &w);
	im_buf_free(&body);
	return b->failed ? IM_E_NOMEM : IM_OK;
}
