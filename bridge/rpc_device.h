/* SPDX-License-Identifier: BSD-3-Clause */
/* `device.list`, `device.remove`: the devices of an account. */
#ifndef IM_BRIDGE_RPC_DEVICE_H
#define IM_BRIDGE_RPC_DEVICE_H

#include "rpc.h"

extern const struct rpc_method rpc_device_methods[]; /* ends with name == NULL */

#endif
