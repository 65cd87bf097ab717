/* SPDX-License-Identifier: BSD-3-Clause */
/* `group.role`, `group.transfer`, `group.mute`: what a member of a group may do. */
#ifndef IM_BRIDGE_RPC_RANK_H
#define IM_BRIDGE_RPC_RANK_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_rank_methods[]; /* ends with name == NULL */

#endif
