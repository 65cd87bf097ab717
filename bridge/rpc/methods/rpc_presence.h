/* SPDX-License-Identifier: BSD-3-Clause */
/* `presence.get`: who is online, and when those who are not were last seen. `presence.set`: how
 * present the calling device is. */
#ifndef IM_BRIDGE_RPC_PRESENCE_H
#define IM_BRIDGE_RPC_PRESENCE_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_presence_methods[]; /* ends with name == NULL */

#endif
