/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is kept out of a group or quiet in it, for administrators: `listGroupBans`, `listGroupMutes`,
 * `unbanGroupMember`, `unmuteGroupMember`. */
#ifndef IM_BRIDGE_ADMIN_BAN_H
#define IM_BRIDGE_ADMIN_BAN_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_ban_commands[]; /* ends with name == NULL */

#endif
