/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom a message singles out. Mentions of those who are not in the conversation, or who have
 * blocked the sender, are dropped, and the sender is told which. Used for messages and for edits.
 */
#ifndef IM_BRIDGE_MENTIONS_H
#define IM_BRIDGE_MENTIONS_H

#include "bridge/directory/rights.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/ids.h"
#include "common/str.h"

struct mentions_place {
	enum im_conv_kind kind;
	const struct rights_group *group; /* kind GROUP */
	const struct rights_user *from;
	struct im_str from_uid, peer_uid; /* kind USER: the two who are in it */
};

/* list: the JSON array of the message, each element a uid or "all". kept and dropped are reset and
 * get arrays; dropped->n == 0: everybody stays, and what the sender wrote can be kept as it is.
 * *n_out: how many were looked at. IM_E_IO, IM_E_NOMEM. */
int mentions_sift(struct rights *r, const struct mentions_place *p, struct im_str list,
	struct im_buf *kept, struct im_buf *dropped, size_t *n_out) IM_MUST_CHECK;

#endif
