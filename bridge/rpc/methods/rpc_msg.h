/* SPDX-License-Identifier: BSD-3-Clause */
/* `msg.react`. As msg.recall, msg.edit and msg.forward it is itself a message with a seq of its
 * own, so that devices that were off replay it. */
#ifndef IM_BRIDGE_RPC_MSG_H
#define IM_BRIDGE_RPC_MSG_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_msg_methods[]; /* ends with name == NULL */

#endif
