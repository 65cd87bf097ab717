/* SPDX-License-Identifier: BSD-3-Clause */
/* `msg.edit`. */
#ifndef IM_BRIDGE_RPC_EDIT_H
#define IM_BRIDGE_RPC_EDIT_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_edit_methods[]; /* ends with name == NULL */

#endif
