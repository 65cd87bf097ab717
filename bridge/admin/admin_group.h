/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on groups. */
#ifndef IM_BRIDGE_ADMIN_GROUP_H
#define IM_BRIDGE_ADMIN_GROUP_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method admin_group_commands[]; /* ends with name == NULL */

/* Takes a user who is about to be deleted out of every group: hands over what the user owns, ends
 * what nobody else belongs to. */
int admin_group_remove_user(struct rpc_call *c, uint64_t user, struct im_str uid) IM_MUST_CHECK;

#endif
