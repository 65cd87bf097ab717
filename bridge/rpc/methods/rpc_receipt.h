/* SPDX-License-Identifier: BSD-3-Clause */
/* `conv.receipts`: who has received and read a message. */
#ifndef IM_BRIDGE_RPC_RECEIPT_H
#define IM_BRIDGE_RPC_RECEIPT_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_receipt_methods[]; /* ends with name == NULL */

#endif
