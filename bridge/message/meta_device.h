/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of device accounts in a message's meta: `"device":"veh-1"` is the one that it is
 * addressed to, and `"from_device":"veh-1"` the one that has sent it. Put there by the bridge
 * alone: what a sender gives stands in members of other names.
 */
#ifndef IM_BRIDGE_META_DEVICE_H
#define IM_BRIDGE_META_DEVICE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/limits.h"
#include "common/str.h"

#define META_TO_DEVICE "device"
#define META_FROM_DEVICE "from_device"

/* Appends the member; nothing where device.n == 0. */
void meta_device_put(struct im_buf *meta, const char *key, struct im_str device);
/* The device, in `out`; n == 0: there is none. At no cost for most messages. */
struct im_str meta_device_get(struct im_str meta, const char *key, char out[IM_DEVICE_MAX]);
/* The same as it stands there, JSON; n == 0: none. */
struct im_str meta_device_raw(struct im_str meta, const char *key);

/* Of an operation on a message: it goes to the device that the message was for, or by which it was
 * sent. by_sender: whoever operates has sent it. by: the operating device of a device account, else
 * n == 0. */
void meta_device_follow(
	struct im_buf *meta, struct im_str message, bool by_sender, struct im_str by);

/* Whether a message concerns one device of a device account. Not one that is addressed to another
 * one, or, where it is the account's own, was sent by another one. */
bool meta_device_concerns(struct im_str meta, struct im_str device, bool own);

#endif
