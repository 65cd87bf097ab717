/* SPDX-License-Identifier: BSD-3-Clause */
/* Methods: search. */
#ifndef IM_BRIDGE_RPC_SEARCH_H
#define IM_BRIDGE_RPC_SEARCH_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_search_methods[];

#endif
