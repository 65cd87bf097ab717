/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All conversations of a caller, for methods that look across them (sync, conv.list). Reads the
 * directory (groups) and the log (direct conversations); what is costly to know of each, whether it
 * may be shown and from where on, is looked up only for those that are asked about.
 */
#ifndef IM_BRIDGE_CONV_SET_H
#define IM_BRIDGE_CONV_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/rpc/rpc.h"
#include "common/ids.h"
#include "common/limits.h"

struct conv_item {
	uint64_t conv;
	uint64_t peer; /* user or group */
	uint64_t joined_seq;
	struct store_head head;  /* for whoever walks the set */
	struct store_head shown; /* the newest that is no operation, for the list */
	enum im_conv_kind kind;
	int role;
	/* filled by conv_item_resolve */
	bool resolved, hidden;
	bool peer_gone;            /* a deleted user */
	int group_kind;            /* of a group: enum directory_group_kind */
	bool followed;             /* it counts as unread, and sync brings it: all but some rooms */
	uint64_t floor, was_after; /* see view.h, seen.h */
	char name[IM_CONV_MAX + 1];
};

struct conv_set {
	struct conv_item *v; /* sorted by conv */
	size_t n, cap;
};

/* Inside open views. Groups without a message are left out. Free with conv_set_clear, also after a
 * failure. */
int conv_set_load(struct rpc_read *rd, struct conv_set *out) IM_MUST_CHECK;
void conv_set_clear(struct conv_set *set);
struct conv_item *conv_set_find(struct conv_set *set, uint64_t conv);
/* The name, the floor, whether the peer was deleted, and whether it is to be shown at all. user_out
 * (may be NULL): the caller's own settings; its draft is valid until the next call on the
 * directory. */
int conv_item_resolve(struct rpc_call *c, struct conv_item *item,
	struct directory_conv_user *user_out) IM_MUST_CHECK;

static inline struct im_str conv_item_name(const struct conv_item *item)
{
	return im_str(item->name);
}

#endif
