/* SPDX-License-Identifier: BSD-3-Clause */
/* `msg.recall`. */
#ifndef IM_BRIDGE_RPC_RECALL_H
#define IM_BRIDGE_RPC_RECALL_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_recall_methods[]; /* ends with name == NULL */

#endif
