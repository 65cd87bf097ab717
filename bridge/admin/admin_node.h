/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on the node itself: kick, system message, statistics, backup. */
#ifndef IM_BRIDGE_ADMIN_NODE_H
#define IM_BRIDGE_ADMIN_NODE_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method admin_node_commands[]; /* ends with name == NULL */

#endif
