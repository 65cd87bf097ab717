/* SPDX-License-Identifier: BSD-3-Clause */
/* The method that sends messages again elsewhere: msg.forward. */
#ifndef IM_BRIDGE_RPC_FORWARD_H
#define IM_BRIDGE_RPC_FORWARD_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_forward_methods[]; /* ends with name == NULL */

#endif
