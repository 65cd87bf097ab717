/* SPDX-License-Identifier: BSD-3-Clause */
/* What a user keeps about a conversation, and the user's event timeline, in directory.db. */
#ifndef IM_BRIDGE_DIRECTORY_CONV_H
#define IM_BRIDGE_DIRECTORY_CONV_H

#include "bridge/directory/directory.h"

struct sqlite3_stmt;

struct directory_conv_user {
	uint64_t user, conv;
	uint64_t read_seq;
	bool pinned;
	int notify; /* 0 all, 1 mentions, 2 none */
	uint64_t cleared_to;
	bool marked_unread;
	struct im_str draft;
	bool follow;          /* a room: it counts as unread, and sync brings it */
	uint64_t changed_gid; /* the log position of its last change; 0: unknown, long ago */
};

/* All zero if there is no row (still IM_OK). */
int directory_conv_get(struct directory *d, uint64_t user, uint64_t conv,
	struct directory_conv_user *out) IM_MUST_CHECK;
/* Writes the whole row, changed_gid with it; read_seq and cleared_to never move back. */
int directory_conv_put(struct directory *d, const struct directory_conv_user *c) IM_MUST_CHECK;
typedef int (*directory_conv_fn)(void *arg, const struct directory_conv_user *c);
/* All rows of one conversation (receipts). */
int directory_conv_users(
	struct directory *d, uint64_t conv, directory_conv_fn fn, void *arg) IM_MUST_CHECK;

/* Every row of one user, by conversation. */
int directory_conv_list(
	struct directory *d, uint64_t user, directory_conv_fn fn, void *arg) IM_MUST_CHECK;
/* The position from which on changes of rows and memberships have one of their own: who has
 * followed less than that must look at all of them. */
int directory_changes_from(struct directory *d, uint64_t *gid_out) IM_MUST_CHECK;

struct directory_event {
	uint64_t user;
	struct im_str key;
	uint64_t gid;
	int64_t ts_ms;
	struct im_str event; /* JSON object text */
};
/* Replaces the user's event of the same key. */
int directory_event_put(struct directory *d, const struct directory_event *e) IM_MUST_CHECK;
typedef int (*directory_event_fn)(void *arg, const struct directory_event *e);
/* A user's events with lo <= gid <= hi, ascending. */
int directory_event_list(struct directory *d, uint64_t user, uint64_t lo, uint64_t hi,
	directory_event_fn fn, void *arg) IM_MUST_CHECK;
/* Walks the rows of timelines that a statement gives: user, key, gid, ts_ms, event. */
int directory_event_rows(struct directory *d, struct sqlite3_stmt *st, directory_event_fn fn,
	void *arg) IM_MUST_CHECK;
/* The newest event position of anybody, 0 if none: gids are never used twice. */
int directory_event_head(struct directory *d, uint64_t *gid_out) IM_MUST_CHECK;

#endif
