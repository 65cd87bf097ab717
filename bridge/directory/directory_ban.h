/* SPDX-License-Identifier: BSD-3-Clause */
/* Who was banned from a group, or was muted when a membership ended, in directory.db. */
#ifndef IM_BRIDGE_DIRECTORY_BAN_H
#define IM_BRIDGE_DIRECTORY_BAN_H

#include "bridge/directory/directory.h"

/* Idempotent, both. */
int directory_ban_add(
	struct directory *d, uint64_t group, uint64_t user, int64_t now_ms) IM_MUST_CHECK;
int directory_ban_remove(struct directory *d, uint64_t group, uint64_t user) IM_MUST_CHECK;
int directory_ban_has(struct directory *d, uint64_t group, uint64_t user, bool *out) IM_MUST_CHECK;

/* True if there are n bans or more. */
int directory_ban_count_is(
	struct directory *d, uint64_t group, uint32_t n, bool *out) IM_MUST_CHECK;

/* Somebody who is kept out or quiet. */
struct directory_kept {
	uint64_t user;
	struct im_str uid;
	int64_t ms;   /* banned since, or muted until */
	bool deleted; /* the account: who comes back finds it as it was */
};
typedef int (*directory_kept_fn)(void *arg, const struct directory_kept *k);
/* Banned ones with user > after, by number. */
int directory_ban_list(struct directory *d, uint64_t group, uint64_t after, uint32_t limit,
	directory_kept_fn fn, void *arg) IM_MUST_CHECK;

/* Of somebody who is no member: kept until it is over, and given to the next membership. */
int directory_mute_put(struct directory *d, uint64_t group, uint64_t user, int64_t until_ms,
	int64_t now_ms) IM_MUST_CHECK;
/* 0: none. */
int directory_mute_get(
	struct directory *d, uint64_t group, uint64_t user, int64_t *until_out) IM_MUST_CHECK;
int directory_mute_remove(struct directory *d, uint64_t group, uint64_t user) IM_MUST_CHECK;
/* Everybody who is or was muted, members and others, with user > after, by number: whose mute is
 * over counts as well, so that a page costs what it asks for. */
int directory_muted_list(struct directory *d, uint64_t group, uint64_t after, uint32_t limit,
	directory_kept_fn fn, void *arg) IM_MUST_CHECK;

#endif
