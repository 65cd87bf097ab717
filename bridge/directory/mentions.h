/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom a message singles out. Mentions of those who are not in the conversation, or who have
 * blocked the sender, are dropped, and the sender is told which. Used for messages and for edits.
 */
#ifndef IM_BRIDGE_MENTIONS_H
#define IM_BRIDGE_MENTIONS_H

#include "bridge/directory/rights.h"
#include "bridge/message/message.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/ids.h"
#include "common/str.h"

struct mentions_place {
	enum im_conv_kind kind;
	const struct rights_group *group; /* kind GROUP */
	const struct rights_user *from;
	struct im_str from_uid, peer_uid; /* kind USER: the two who are in it */
	uint64_t peer;
};

/* What is left of a list. */
struct mentions {
	struct im_buf kept, dropped; /* arrays; dropped.n == 0: what the sender wrote can stay */
	struct message_mentions who; /* those who are kept */
	size_t n;                    /* how many were looked at */
};

void mentions_init(struct mentions *m);
void mentions_clear(struct mentions *m);
/* list: the JSON array of the message, each element a uid or "all". IM_E_IO, IM_E_NOMEM. */
int mentions_sift(struct rights *r, const struct mentions_place *p, struct im_str list,
	struct mentions *out) IM_MUST_CHECK;

#endif
