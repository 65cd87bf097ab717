/* SPDX-License-Identifier: BSD-3-Clause */
/* Called for every delivery and for every message that is read. */
#include "bridge/message/seen.h"

#include "bridge/message/edit_body.h"
#include "bridge/message/meta.h"
#include "bridge/message/system_body.h"

bool seen_expired(struct im_str meta, int64_t ts_ms, int64_t now_ms)
{
	int64_t at_ms = meta_expires_ms(meta, ts_ms);

	return at_ms > 0 && now_ms >= at_ms;
}

bool seen_gone(bool recalled, struct im_str meta, int64_t ts_ms, int64_t now_ms)
{
	return recalled || seen_expired(meta, ts_ms, now_ms);
}

uint64_t seen_was_after(bool history_all, uint64_t floor)
{
	return history_all ? floor : UINT64_MAX;
}

static void gone(struct im_wire_msg *m, struct im_str type)
{
	m->type = type;
	m->enc = IM_ENC_JSON;
	m->body = IM_STR("null");
}

bool seen_now(struct im_wire_msg *m, bool recalled, uint64_t was_after, int64_t now_ms,
	struct im_buf *scratch)
{
	im_buf_reset(scratch);
	if (recalled) {
		gone(m, IM_STR(SEEN_RECALLED));
		return false;
	}
	if (seen_expired(m->meta, m->ts_ms, now_ms)) {
		gone(m, IM_STR(SEEN_EXPIRED));
		m->meta = (struct im_str){NULL, 0};
		return true;
	}
	if (system_body_is(m->type))
		system_body_put(scratch, m->body);
	else if (edit_body_is(m->type) && edit_body_seq(m->body) <= was_after)
		edit_body_without_was(scratch, m->body);
	else
		return false;
	m->body = im_buf_view(scratch);
	return false;
}
