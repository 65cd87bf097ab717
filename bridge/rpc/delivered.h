/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose messages have arrived: when what a user has received reaches on, the senders of what lies
 * between are told, in direct conversations. Told live, to who is connected, and never stored:
 * nothing is written for it, and conv.receipts answers the same to who was away.
 */
#ifndef IM_BRIDGE_DELIVERED_H
#define IM_BRIDGE_DELIVERED_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/str.h"

struct effects;
struct presence;
struct rpc_read;

struct delivered_item {
	char peer[IM_UID_MAX + 1]; /* who sent it */
	uint64_t after, seq;       /* what has arrived: through the newest message of the peer's */
	uint64_t conv;
};

struct delivered {
	struct delivered_item *v; /* one for each conversation */
	size_t n, cap;
};

/* What peers of rd's user have sent after one log position and through another, of which he has all
 * behind a third. On a reader thread, inside a view of the log. Bounded in conversations and in
 * rows looked at of each. */
int delivered_find(struct rpc_read *rd, uint64_t after, uint64_t through, uint64_t behind,
	struct delivered *out) IM_MUST_CHECK;
void delivered_clear(struct delivered *d);
/* Puts an event for each peer that is connected. At QoS 0: a session that is away shall not queue
 * what tells nothing later. */
void delivered_tell(const struct delivered *d, struct im_str by, const struct presence *presence,
	struct effects *fx);

#endif
