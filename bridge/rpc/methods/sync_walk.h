/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks what is newer than a position in all of a caller's conversations, oldest first. What it
 * costs follows what is new. First the log itself is read, as many positions as the caller has
 * conversations: that is cheaper than looking at each of them, and enough for whoever was away for
 * a moment, or has a good part of the traffic. What lies behind is found by conversation: the heads
 * are compared, in a conversation with news the first new message is found by steps that double
 * back from the head, and the conversations are merged by log position. Rooms that the caller does
 * not follow are passed over.
 */
#ifndef IM_BRIDGE_SYNC_WALK_H
#define IM_BRIDGE_SYNC_WALK_H

#include <stdint.h>

#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/rpc.h"
#include "bridge/store/store.h"

/* Non-zero stops the walk, which then returns that value. */
typedef int (*sync_walk_fn)(void *arg, const struct conv_item *item, const struct store_msg *m);

/* Messages with cursor < gid <= through that the caller may see and follows. Inside open views. */
int sync_walk(struct rpc_read *rd, struct conv_set *set, uint64_t cursor, uint64_t through,
	sync_walk_fn fn, void *arg) IM_MUST_CHECK;

#endif
