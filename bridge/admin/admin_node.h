/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on the node itself: kick, system message, statistics, backup. */
#ifndef IM_BRIDGE_ADMIN_NODE_H
#define IM_BRIDGE_ADMIN_NODE_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_node_commands[]; /* ends with name == NULL */

#endif
