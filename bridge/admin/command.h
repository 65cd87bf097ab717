/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An administrator's command: a row of a table (name, kind, parameters, handler), and what a call
 * of it is given: what a writing method has, since it runs inside the engine's transaction as well,
 * and what only administrators reach.
 */
#ifndef IM_BRIDGE_COMMAND_H
#define IM_BRIDGE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/rpc/rpc.h"
#include "common/buf.h"

/* A page of a list: what administrators look through in one piece, well below what a frame of the
 * link holds. */
#define ADMIN_LIST_MAX 10000
#define ADMIN_LIST_BYTES_MAX (1024 * 1024)

struct read_job;
struct admin_hooks;
struct places;

struct admin_command;

struct admin_call {
	struct rpc_write write; /* by_operator; its parameters without the command's name */
	const struct admin_command *command; /* NULL: there is none of that name */
	const struct admin_hooks *hooks;     /* may be NULL */
	const struct places *places;         /* NULL: there is one broker */
	uint32_t away;                       /* bit n: the one of number n is not there */
	bool alone;                          /* the only one of its payload */
	bool absent; /* the plugin has said that whom it is to disconnect is not connected */
	/* for the audit log */
	struct im_buf *noted; /* audit_note */
	bool looked;          /* nothing was changed, and nothing is noted */
	uint64_t about;       /* a user whom the parameters do not name */
	/* Set by a command that a reader answers, once what it has done is committed; planned. */
	struct read_job *later;
};

enum admin_kind {
	ADMIN_LOOK,   /* changes nothing, and leaves nothing in the audit log */
	ADMIN_CHANGE, /* is noted there */
};

struct admin_command {
	const char *name;
	enum admin_kind kind;
	const struct rpc_param *params; /* ends with name == NULL */
	/* As a writing method's handler (rpc.h). */
	int (*run)(struct admin_call *ac);
};

#endif
