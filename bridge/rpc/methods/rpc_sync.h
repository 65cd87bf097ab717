/* SPDX-License-Identifier: BSD-3-Clause */
/* `sync` and `device.ack`: what a device has missed, and how far it has come. */
#ifndef IM_BRIDGE_RPC_SYNC_H
#define IM_BRIDGE_RPC_SYNC_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_sync_methods[]; /* ends with name == NULL */

#endif
