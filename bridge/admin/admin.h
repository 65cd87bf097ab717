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

#include <stdbool.h>
#include <stdint.h>

#include "bridge/admin/admin_hooks.h"
#include "bridge/rpc/rpc.h"
#include "bridge/write/writer.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* Commands as they came. */
struct admin_payload {
	struct im_str uid; /* the administrator: the broker's authenticated user name */
	int64_t now_ms;
	const struct rpc_settings *set;
	const struct admin_hooks *hooks;
	struct writer *w;
	struct presence *presence;   /* may be NULL */
	const struct places *places; /* see struct admin_call */
	uint32_t away;               /* likewise */
	struct cursors *cursors;     /* may be NULL */
	struct im_str device;        /* from which the payload came */
	struct im_str payload;
	struct im_str absent; /* IM_KICK_*, of each command; or nothing */
	struct im_buf *out;   /* the response; always filled when IM_OK is returned */
	bool later;           /* set: a reader gives the response, and `out` is none */
};

/* IM_OK, or IM_E_IO / IM_E_NOMEM: the whole transaction is to be rolled back and tried again. */
int admin_execute(struct admin_payload *p) IM_MUST_CHECK;

#endif
