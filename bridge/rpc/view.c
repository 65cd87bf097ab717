/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules of visibility. Called by every handler that shows messages; must not know how they
 * are stored or sent. */
#include "bridge/rpc/view.h"

#include "bridge/message/seen.h"
#include "common/wire.h"

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
	struct im_buf body;
	int rc = names_user(names, m->sender, &w.from);

	if (rc == IM_E_NONE)
		w.from = (struct im_str){NULL, 0};
	else if (rc != IM_OK)
		return rc;
	im_buf_init(&body, 0);
	seen_now(&w, m->recalled, was_after, now_ms, &body);
	b->failed = b->failed || body.failed;
	im_wire_message(b, conv, &w);
	im_buf_free(&body);
	return b->failed ? IM_E_NOMEM : IM_OK;
}
