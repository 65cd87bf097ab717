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
	struct store_head head;  /* filled by conv_set_heads */
	struct store_head shown; /* the newest that is no operation, for the list */
	enum im_conv_kind kind;
	/* filled by conv_set_settings: the caller's own */
	uint64_t read_seq, cleared_to;
	uint64_t changed; /* at which position, the membership too; 0: long ago */
	bool pinned;
	bool kept;   /* something is set that is worth to be listed, without a message too */
	bool gone;   /* from the caller's list, at `changed` */
	bool follow; /* of a room; filled by conv_item_resolve, too */
	/* filled by conv_item_peer */
	bool named, hidden;
	bool peer_gone;   /* a deleted user */
	int group_kind;   /* of a group: enum directory_group_kind */
	bool history_all; /* see view.h */
	char name[IM_CONV_MAX + 1];
	/* filled by conv_item_resolve */
	bool resolved;
	uint64_t floor, was_after; /* see view.h, seen.h */
	/* filled by conv_item_news: what is new to the caller */
	bool counted;
	uint64_t unread, mentions;
};

/* Who or what is at the other end, as it calls itself. */
struct conv_peer {
	struct im_str name, avatar; /* valid until the next call on the directory */
	int online;                 /* of a user: enum presence_state, whoever may see it */
	int64_t rev;                /* of a user: the version of the profile */
};

struct conv_set {
	struct conv_item *v; /* sorted by conv */
	size_t n, cap;
	uint64_t joined; /* at which position a membership was changed last; 0: long ago */
};

/* Inside open views. Groups without a message are left out. Free with conv_set_clear, also after a
 * failure. */
int conv_set_load(struct rpc_read *rd, struct conv_set *out) IM_MUST_CHECK;
void conv_set_clear(struct conv_set *set);
/* What every conversation's newest message is; and what the caller has set of it. */
int conv_set_heads(struct rpc_read *rd, struct conv_set *set) IM_MUST_CHECK;
int conv_set_settings(struct rpc_read *rd, struct conv_set *set) IM_MUST_CHECK;
/* One more, all zero; NULL: out of memory. Others move. */
struct conv_item *conv_set_add(struct conv_set *set);
struct conv_item *conv_set_find(struct conv_set *set, uint64_t conv);
/* The name, whether the peer was deleted, and whether it is to be shown at all; if not, *out is
 * empty. */
int conv_item_peer(struct rpc_call *c, struct conv_item *item, struct conv_peer *out) IM_MUST_CHECK;
/* The same and the floor. user_out (may be NULL): the caller's own settings; its draft is valid
 * until the next call on the directory. */
int conv_item_resolve(struct rpc_call *c, struct conv_item *item,
	struct directory_conv_user *user_out) IM_MUST_CHECK;

/* What came after it is new to the caller: view_mark, by the settings. */
uint64_t conv_item_mark(const struct conv_item *item);

/* It counts as unread, and sync brings it: all but some rooms. Of one whose peer and settings are
 * known. */
bool conv_item_followed(const struct conv_item *item);

static inline struct im_str conv_item_name(const struct conv_item *item)
{
	return im_str(item->name);
}

#endif
