/* SPDX-License-Identifier: BSD-3-Clause */
/* `group.invite`, `join`, `leave`, `kick`, `members`: who belongs to a group. */
#ifndef IM_BRIDGE_RPC_MEMBER_H
#define IM_BRIDGE_RPC_MEMBER_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_member_methods[]; /* ends with name == NULL */

#endif
