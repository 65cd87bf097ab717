/* SPDX-License-Identifier: BSD-3-Clause */
/* What administrators do to messages: `recallMessage`, `recallReported`. */
#ifndef IM_BRIDGE_ADMIN_MESSAGE_H
#define IM_BRIDGE_ADMIN_MESSAGE_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method admin_message_commands[]; /* ends with name == NULL */

#endif
