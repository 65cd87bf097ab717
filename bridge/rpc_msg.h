/* SPDX-License-Identifier: BSD-3-Clause */
/* `msg.recall`, `msg.edit`, `msg.react`, `msg.forward`: operations on messages. Each is itself a
 * message with its own seq, so that devices that were off replay it. */
#ifndef IM_BRIDGE_RPC_MSG_H
#define IM_BRIDGE_RPC_MSG_H

#include "rpc.h"

extern const struct rpc_method rpc_msg_methods[]; /* ends with name == NULL */

#endif
