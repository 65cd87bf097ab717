/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A link into a group: a secret that lets in whoever has it, however the group is joined otherwise.
 * It is told once, to who made it; the directory has a hash, so a copy of the database lets nobody
 * in. It ends with its time, with its uses, when it is revoked, with the group, and when its maker
 * runs the group no longer.
 */
#ifndef IM_BRIDGE_GROUP_LINK_H
#define IM_BRIDGE_GROUP_LINK_H

#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/rpc.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/str.h"

#define GROUP_LINK_CHARS 26 /* of five bits: 130 */
#define GROUP_LINK_HASH 32
#define GROUP_LINK_NAME 8 /* characters, by which one is listed */
/* The parameters of which one names the group. */
#define GROUP_BY_LINK_PARAMS                                                  \
	{"gid", RPC_STRING, false, 1, IM_GID_MAX},                            \
	{                                                                     \
		"link", RPC_STRING, false, GROUP_LINK_CHARS, GROUP_LINK_CHARS \
	}

/* IM_E_IO, IM_E_NOMEM */
int group_link_hash(struct im_str secret, char out[GROUP_LINK_HASH]) IM_MUST_CHECK;

/* A group that was found by a link: its names are kept here. */
struct group_by_link {
	struct group_ref ref;
	char gid[IM_GID_MAX], name[GROUP_LINK_NAME];
	bool used; /* by params.link; else by params.gid, and the caller must have been let see it
		    */
};
/* The group that params.gid or params.link names. INVALID_PARAMS: both, or neither; UNKNOWN_GROUP:
 * a link that there is not, in the same words whatever has ended it; NOT_ALLOWED: he is banned. */
int group_by_link(struct rpc_call *c, struct group_by_link *out) IM_MUST_CHECK;

#endif
