/* SPDX-License-Identifier: BSD-3-Clause */
/* `group.bans`, `group.mutes`, `group.unban`: who is kept out of a group, or quiet in it, and how
 * that ends. */
#ifndef IM_BRIDGE_RPC_BAN_H
#define IM_BRIDGE_RPC_BAN_H

#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/rpc.h"

/* Lifts the bans of params.members; rights are the caller's to check. */
int group_unban(struct rpc_write *wr, struct group_ref *ref) IM_MUST_CHECK;

#endif
