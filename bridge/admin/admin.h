/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Administration over $CONTROL/im/v1, in the JSON form of Mosquitto's dynamic-security plugin:
 * {"commands":[{"command":"createUser","username":"bob","correlationData":"7"}]} is answered with
 * {"responses":[{"command":"createUser","correlationData":"7"}]}, each with "data" or "error".
 * Runs on the engine's thread, inside its transaction. Commands are independent: one that is
 * refused changes nothing and the others still run.
 */
#ifndef IM_BRIDGE_ADMIN_H
#define IM_BRIDGE_ADMIN_H

#include <stdint.h>

#include "bridge/rpc/rpc.h"
#include "bridge/write/writer.h"
#include "common/buf.h"
#include "common/err.h"
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

struct admin_call {
	struct im_str uid; /* the administrator: the broker's authenticated user name */
	int64_t now_ms;
	const struct rpc_settings *set;
	const struct admin_hooks *hooks;
	struct writer *w;
	struct presence *presence; /* may be NULL */
	struct im_str device;      /* from which the payload came */
	struct im_str payload;
	struct im_buf *out; /* the response; always filled when IM_OK is returned */
	/* Set in place of a response that the readers give: a job that is the caller's now. */
	struct readers_job *later;
};

/* IM_OK, or IM_E_IO / IM_E_NOMEM: the whole transaction is to be rolled back and tried again. */
int admin_execute(struct admin_call *c) IM_MUST_CHECK;
/* Ends a response that such a job has begun with its head. */
void admin_response_end(struct im_buf *out, int code, struct im_str why, struct im_str result);

#endif
