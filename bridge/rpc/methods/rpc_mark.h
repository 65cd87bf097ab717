/* SPDX-License-Identifier: BSD-3-Clause */
/* `conv.read` and `conv.update`: what users keep about a conversation. */
#ifndef IM_BRIDGE_RPC_MARK_H
#define IM_BRIDGE_RPC_MARK_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_mark_methods[]; /* ends with name == NULL */

#endif
