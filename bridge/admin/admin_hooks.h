/* SPDX-License-Identifier: BSD-3-Clause */
/* What commands ask of whoever runs the node. */
#ifndef IM_BRIDGE_ADMIN_HOOKS_H
#define IM_BRIDGE_ADMIN_HOOKS_H

#include <stdint.h>

#include "common/buf.h"
#include "common/siphash.h"
#include "common/str.h"

/* What only the engine knows. Each may be NULL: the command is then answered with an error. */
struct admin_hooks {
	void *arg;
	/* Appends a JSON object: counters of plugin and bridge, queue depths, lag. */
	int (*stats)(void *arg, struct im_buf *out);
	/* Starts an online backup into this folder on the bridge's machine; returns at once. why: a
	 * sentence when it cannot be started. */
	int (*backup)(void *arg, struct im_str folder, struct im_buf *why);
	/* An erasure of this number was written, in the transaction in hand. */
	void (*erase)(void *arg, uint64_t id);
	/* The key of erased names, made if there is none. why: a sentence. */
	int (*name_key)(void *arg, struct im_sipkey *out, struct im_buf *why);
};

#endif
