/* SPDX-License-Identifier: BSD-3-Clause */
/* `block.add`, `block.remove`, `block.list`: whose direct messages a user refuses. */
#ifndef IM_BRIDGE_RPC_BLOCK_H
#define IM_BRIDGE_RPC_BLOCK_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_block_methods[]; /* ends with name == NULL */

#endif
