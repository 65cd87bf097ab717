/* SPDX-License-Identifier: BSD-3-Clause */
/* The group that a request names (params.gid), the caller's place in it, and the people that it
 * names (params.uids). */
#ifndef IM_BRIDGE_GROUP_REF_H
#define IM_BRIDGE_GROUP_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "directory_group.h"
#include "group_write.h"
#include "rpc.h"

#define GROUP_REF_ANYBODY (-1) /* no membership needed */

struct group_ref {
	struct group_write write; /* ready for changes by the caller; writing methods only */
	/* the row as it was; its strings are blank but for gid */
	struct directory_group row;
	bool member;
	struct directory_member me; /* valid if member; uid blank */
};

/* least: a role, or GROUP_REF_ANYBODY. Wire codes: INVALID_PARAMS, UNKNOWN_GROUP, NOT_MEMBER,
 * NOT_ALLOWED. */
int group_ref_get(struct rpc_call *c, int least, struct group_ref *out) IM_MUST_CHECK;

struct group_people {
	struct group_person *v;
	size_t n;
};
/* Resolves a list of user ids, each once, one user (0: nobody) left out; role DIRECTORY_MEMBER.
 * Wire codes: INVALID_PARAMS, UNKNOWN_USER. Free with group_people_clear, also after a failure. */
int group_people_get(struct rpc_call *c, const char *param, uint64_t except,
	struct group_people *out) IM_MUST_CHECK;
/* Leaves only those who are (or are not) members of the group; members get their role. */
int group_people_keep(
	struct rpc_call *c, uint64_t group, bool member, struct group_people *p) IM_MUST_CHECK;
void group_people_clear(struct group_people *p);
/* Refuses people who have blocked the caller or belong to too many groups already. */
int group_people_may_come(struct rpc_call *c, const struct group_people *p) IM_MUST_CHECK;
/* The caller itself may belong to one group more. */
int group_self_may_come(struct rpc_call *c) IM_MUST_CHECK;
/* Most members that a group may have. */
uint32_t group_limit_max(const struct rpc_call *c);

/* Appends `"group":{..}`, the group as it is now, to the result: all of it for members, else what
 * everybody may see. */
int group_put(struct rpc_call *c, struct im_str gid) IM_MUST_CHECK;

#endif
