/* SPDX-License-Identifier: BSD-3-Clause */
/* `device.list`, `device.remove`: the devices of an account; and how one is taken from it. */
#ifndef IM_BRIDGE_RPC_DEVICE_H
#define IM_BRIDGE_RPC_DEVICE_H

#include "bridge/rpc/rpc.h"

/* Takes the device from its user, whose devices are told and of which this one is disconnected. The
 * client id is the next one's who comes with it, whatever session the broker has with it. */
int rpc_device_take(
	struct rpc_write *wr, uint64_t user, struct im_str uid, struct im_str device) IM_MUST_CHECK;

#endif
