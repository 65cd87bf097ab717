/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on groups. */
#ifndef IM_BRIDGE_ADMIN_GROUP_H
#define IM_BRIDGE_ADMIN_GROUP_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_group_commands[]; /* ends with name == NULL */

/* Takes a user who is about to be deleted out of every group: hands over what the user owns, ends
 * what nobody else belongs to. */
int admin_group_remove_user(struct rpc_write *wr, uint64_t user, struct im_str uid) IM_MUST_CHECK;

#endif
