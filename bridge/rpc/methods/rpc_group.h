/* SPDX-License-Identifier: BSD-3-Clause */
/* `group.create`, `group.get`, `group.update`, `group.dismiss`: the group itself. */
#ifndef IM_BRIDGE_RPC_GROUP_H
#define IM_BRIDGE_RPC_GROUP_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_group_methods[]; /* ends with name == NULL */

#endif
