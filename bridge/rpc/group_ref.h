/* SPDX-License-Identifier: BSD-3-Clause */
/* The group that a request names (params.gid), and the caller's place in it. */
#ifndef IM_BRIDGE_GROUP_REF_H
#define IM_BRIDGE_GROUP_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory_group.h"
#include "bridge/rpc/rpc.h"
#include "bridge/write/group_write.h"
#include "common/limits.h"

#define GROUP_REF_ANYBODY (-1) /* no membership needed */
/* The parameter that names it. */
#define GROUP_REF_PARAM                                \
	{                                              \
		"gid", RPC_STRING, true, 1, IM_GID_MAX \
	}

struct group_ref {
	/* the row as it was; its strings are blank but for gid */
	struct directory_group row;
	bool member;
	struct directory_member me; /* valid if member; uid blank */
};

/* A group that is joined by invitation is nobody's business but its members' and the
 * administrators': to everybody else it is answered for as if it were not there. */
bool group_hidden(const struct rpc_call *c, const struct directory_group *g);
/* The refusals, in the same words wherever they are said. */
int group_unknown(struct rpc_call *c, struct im_str gid);
int group_not_member(struct rpc_call *c, struct im_str gid);
int group_banned(struct rpc_call *c);

/* least: a role, or GROUP_REF_ANYBODY. Wire codes: INVALID_PARAMS, UNKNOWN_GROUP, NOT_MEMBER,
 * NOT_ALLOWED. */
int group_ref_get(struct rpc_call *c, int least, struct group_ref *out) IM_MUST_CHECK;
/* The same for a group that another parameter names; gid is borrowed. */
int group_ref_of(
	struct rpc_call *c, struct im_str gid, int least, struct group_ref *out) IM_MUST_CHECK;

/* Behind which of the caller's groups, by number, a list goes on, where a parameter names the last
 * one that was shown; 0: with the first. One that the caller does not belong to is refused, in the
 * same words whether it is there or not. */
int group_ref_after(
	struct rpc_call *c, const char *param, struct im_str gid, uint64_t *id_out) IM_MUST_CHECK;

/* For changes of the group by the caller. */
struct group_write group_ref_write(const struct rpc_write *wr, const struct group_ref *ref);

/* Pays for a change that all members of the group are told of, and that brings `people` in or out
 * or gives them an event. RATE_LIMITED. */
int group_pay(struct rpc_write *wr, const struct directory_group *g, size_t people) IM_MUST_CHECK;
/* The caller itself may belong to one group more. */
int group_self_may_come(struct rpc_call *c) IM_MUST_CHECK;
/* Most members that a group may have. */
uint32_t group_limit_max(const struct rpc_call *c);

/* Appends the group as it is now, an object: all of it for members, else what everybody may see. */
int group_put_object(struct rpc_call *c, struct im_str gid, struct im_buf *b) IM_MUST_CHECK;
/* The same to the result, as `"group":{..}`. */
int group_put(struct rpc_call *c, struct im_str gid) IM_MUST_CHECK;

#endif
