/* SPDX-License-Identifier: BSD-3-Clause */
/* A response that is held back until what the command has asked for is done, and whose it is. */
#ifndef IM_BRIDGE_HELD_H
#define IM_BRIDGE_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/limits.h"
#include "common/str.h"

struct held {
	bool any;
	char uid[IM_UID_MAX], device[IM_DEVICE_MAX];
	size_t uid_n, device_n;
	struct im_buf response;
};

void held_init(struct held *h);
void held_clear(struct held *h);
/* Takes the place of one that is held. False, and nothing is: no memory, or names longer than names
 * are. */
bool held_keep(struct held *h, struct im_str uid, struct im_str device, struct im_str response);
bool held_is_for(const struct held *h, struct im_str uid, struct im_str device);
/* Gives it to `reply`, if one is held; then none is. */
typedef void (*held_reply_fn)(
	void *arg, struct im_str uid, struct im_str device, struct im_str response);
void held_release(struct held *h, held_reply_fn reply, void *arg);

#endif
