/* SPDX-License-Identifier: BSD-3-Clause */
/* Announcements in directory.db: what is said to whom, and through whom it has come. */
#ifndef IM_BRIDGE_DIRECTORY_ANNOUNCE_H
#define IM_BRIDGE_DIRECTORY_ANNOUNCE_H

#include "bridge/directory/directory.h"

enum announce_state {
	ANNOUNCE_OPEN, /* users are added to its list */
	ANNOUNCE_RUNNING,
	ANNOUNCE_STOPPED,
	ANNOUNCE_DONE,
};

struct directory_announcement {
	uint64_t id, actor;
	int64_t created_ms, ended_ms;
	bool listed;
	uint32_t rate;
	enum announce_state state;
	uint64_t through, position; /* users */
	uint64_t sent, total;
	struct im_str message;
};

/* a: actor, created_ms, listed, rate, message. It is open. Of those that have ended, and of lists
 * that nobody went on with, the oldest go beyond IM_ANNOUNCEMENTS_KEPT. */
int directory_announce_add(struct directory *d, const struct directory_announcement *a,
	uint64_t *id_out) IM_MUST_CHECK;
/* IM_E_NONE: there is none. */
int directory_announce_get(
	struct directory *d, uint64_t id, struct directory_announcement *out) IM_MUST_CHECK;
/* The oldest one that is running. IM_E_NONE: none is. */
int directory_announce_next(struct directory *d, struct directory_announcement *out) IM_MUST_CHECK;
/* Idempotent. */
int directory_announce_list_user(struct directory *d, uint64_t id, uint64_t user) IM_MUST_CHECK;
/* Runs it, for those whom there are now. */
int directory_announce_start(struct directory *d, uint64_t id) IM_MUST_CHECK;
int directory_announce_move(
	struct directory *d, uint64_t id, uint64_t position, uint64_t sent) IM_MUST_CHECK;
/* Its words and its list go. */
int directory_announce_end(
	struct directory *d, uint64_t id, enum announce_state state, int64_t now_ms) IM_MUST_CHECK;
/* So many are running or open. */
int directory_announce_open(struct directory *d, uint64_t *n_out) IM_MUST_CHECK;

typedef int (*directory_announce_fn)(void *arg, const struct directory_announcement *a);
/* By number, behind `after`. */
int directory_announce_list(struct directory *d, uint64_t after, uint32_t limit,
	directory_announce_fn fn, void *arg) IM_MUST_CHECK;

struct directory_announce_user {
	uint64_t id;
	struct im_str uid;
	bool deleted;
};
typedef int (*directory_announce_user_fn)(void *arg, const struct directory_announce_user *u);
/* Its next users, by number, deleted ones too. */
int directory_announce_users(struct directory *d, const struct directory_announcement *a,
	uint32_t limit, directory_announce_user_fn fn, void *arg) IM_MUST_CHECK;

#endif
