/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a message looks now: live, in history and in search alike. What was recalled or has expired
 * keeps its place, and nobody is told the numbers of users in what the bridge says itself. Pure.
 */
#ifndef IM_BRIDGE_SEEN_H
#define IM_BRIDGE_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"
#include "common/wire.h"

/* Types that replace a message's own when its body is gone; the seq stays, so that nobody takes
 * the place for a hole. */
#define SEEN_RECALLED "recalled"
#define SEEN_EXPIRED "expired"

/* True if the message said how long it lives and that time has passed. now_ms 0: none has. */
bool seen_expired(struct im_str meta, int64_t ts_ms, int64_t now_ms);

/* True if nobody is shown its words any more. */
bool seen_gone(bool recalled, struct im_str meta, int64_t ts_ms, int64_t now_ms);

/* Edits of messages up to this seq are shown without what the text was: those that the user does
 * not see, up to `floor`; and all of them in a group that hides from new members what was before
 * them, because what it was is told where everybody may know. */
uint64_t seen_was_after(bool history_all, uint64_t floor);

/* m: the message as it is stored; it becomes what is shown. Edits of messages up to was_after
 * are shown without what the text was. scratch: reset, then holds the body where that is not the
 * stored one; look at its `failed`. True: it has expired. */
bool seen_now(struct im_wire_msg *m, bool recalled, uint64_t was_after, int64_t now_ms,
	struct im_buf *scratch);

#endif
