/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups and members in directory.db. */
#ifndef IM_BRIDGE_DIRECTORY_GROUP_H
#define IM_BRIDGE_DIRECTORY_GROUP_H

#include "bridge/directory/directory.h"
#include "common/may.h"

enum directory_group_kind { DIRECTORY_GROUP = 0, DIRECTORY_ROOM = 1 };
enum directory_join_policy {
	DIRECTORY_JOIN_OPEN = 0,
	DIRECTORY_JOIN_APPROVAL = 1,
	DIRECTORY_JOIN_INVITE = 2
};
enum directory_member_role {
	DIRECTORY_MEMBER = IM_GROUP_MEMBER,
	DIRECTORY_GROUP_ADMIN = IM_GROUP_ADMIN,
	DIRECTORY_OWNER = IM_GROUP_OWNER,
};

struct directory_group {
	uint64_t id;
	struct im_str gid;
	int kind;
	struct im_str name, avatar, announcement;
	int join_policy;
	uint32_t member_limit, members;
	int history; /* 0 from join, 1 all */
	int64_t muted_until_ms, slow_ms;
	int retention_days;
	int64_t created_ms;
	bool dismissed;
};

struct directory_member {
	uint64_t group, user;
	struct im_str uid; /* of the user; filled by list and members_each */
	int role;
	uint64_t joined_seq;
	int64_t joined_ms, muted_until_ms;
	uint64_t changed_gid; /* the log position of its last change; 0: unknown, long ago */
};

int directory_group_get(struct directory *d, struct im_str gid,
	struct directory_group *out) IM_MUST_CHECK; /* not dismissed ones */
/* The group that had this name last and was dismissed. */
int directory_group_gone(
	struct directory *d, struct im_str gid, struct directory_group *out) IM_MUST_CHECK;
int directory_group_by_id(struct directory *d, uint64_t id,
	struct directory_group *out) IM_MUST_CHECK; /* dismissed ones too */
/* May a new group have this name? IM_E_EXISTS: no, and directory_errmsg says why. */
int directory_group_nameable(struct directory *d, struct im_str gid) IM_MUST_CHECK;
/* Creates with g's gid, kind, texts and policies. g->id != 0 asks for that id (projection from the
 * log). IM_E_EXISTS: the gid cannot be given, and directory_errmsg says why; but what the log says
 * has been made is made. */
int directory_group_create(
	struct directory *d, const struct directory_group *g, uint64_t *id_out) IM_MUST_CHECK;
/* Writes every column of g but id, gid, kind, members, created_ms. */
int directory_group_update(struct directory *d, const struct directory_group *g) IM_MUST_CHECK;
/* Marks dismissed and removes the members, at this log position, bans, mutes and links. */
int directory_group_dismiss(struct directory *d, uint64_t id, uint64_t gone_gid) IM_MUST_CHECK;
/* The messages of a dismissed group are to go at once, and its texts with them. IM_E_NONE: it is
 * so already, or it is not dismissed. */
int directory_group_erase(struct directory *d, uint64_t id) IM_MUST_CHECK;
/* They are gone. */
int directory_group_erased(struct directory *d, uint64_t id) IM_MUST_CHECK;
/* A group whose messages are to go; IM_E_NONE: there is none. */
int directory_group_to_erase(struct directory *d, uint64_t *id_out) IM_MUST_CHECK;
typedef int (*directory_retention_fn)(void *arg, uint64_t group, int64_t days);
/* Groups with a retention of their own, dismissed ones too, with id > after, by id. */
int directory_group_retentions(struct directory *d, uint64_t after, uint32_t limit,
	directory_retention_fn fn, void *arg) IM_MUST_CHECK;
typedef int (*directory_group_fn)(void *arg, const struct directory_group *g);
/* Groups with gid > after, by gid. */
int directory_group_list(struct directory *d, struct im_str after, uint32_t limit,
	directory_group_fn fn, void *arg) IM_MUST_CHECK;

int directory_member_get(struct directory *d, uint64_t group, uint64_t user,
	struct directory_member *out) IM_MUST_CHECK;
/* Idempotent: an existing member is left as it is (IM_E_EXISTS). */
int directory_member_add(struct directory *d, const struct directory_member *m) IM_MUST_CHECK;
/* Writes role, muted_until_ms and changed_gid. */
int directory_member_update(struct directory *d, const struct directory_member *m) IM_MUST_CHECK;
/* gone_gid: the log position at which it is. */
int directory_member_remove(
	struct directory *d, uint64_t group, uint64_t user, uint64_t gone_gid) IM_MUST_CHECK;
typedef int (*directory_member_fn)(void *arg, const struct directory_member *m);
/* Members with uid > after, by uid, at most limit (0: all), m->uid filled. */
int directory_member_list(struct directory *d, uint64_t group, struct im_str after, uint32_t limit,
	directory_member_fn fn, void *arg) IM_MUST_CHECK;
/* The owner and the admins, in no order; m->uid filled. */
int directory_member_admins(
	struct directory *d, uint64_t group, directory_member_fn fn, void *arg) IM_MUST_CHECK;
/* True if the user belongs to `max` groups or more; max 0: there is no bound. */
int directory_user_in_groups(
	struct directory *d, uint64_t user, uint32_t max, bool *full_out) IM_MUST_CHECK;
typedef int (*directory_membership_fn)(void *arg, const struct directory_group *g, int role);
/* Groups that a user belongs to, with id > after, by id, at most limit, and his role in each. */
int directory_memberships(struct directory *d, uint64_t user, uint64_t after, uint32_t limit,
	directory_membership_fn fn, void *arg) IM_MUST_CHECK;
/* True if both belong to a group, not a room, with id < before. */
int directory_member_shared(
	struct directory *d, uint64_t a, uint64_t b, uint64_t before, bool *out) IM_MUST_CHECK;
/* Every group that a user belongs to. */
int directory_user_groups(
	struct directory *d, uint64_t user, directory_member_fn fn, void *arg) IM_MUST_CHECK;
typedef int (*directory_left_fn)(void *arg, uint64_t group, uint64_t gone_gid);
/* Every group and room that a user belonged to and went out of after this log position, however:
 * left, removed, dismissed, with his account; and that he has not come back to. By group. Costs
 * what all of his do. */
int directory_user_left(struct directory *d, uint64_t user, uint64_t since, directory_left_fn fn,
	void *arg) IM_MUST_CHECK;

#endif
