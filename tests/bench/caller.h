/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client that subscribes to its inbox and makes one request at a time: a call, or a catch-up
 * by sync over as many pages as it takes.
 *
 * Called by crowd.c and the scenarios that have one.
 */
#ifndef BENCH_CALLER_H
#define BENCH_CALLER_H

#include "tests/bench/conn.h"
#include "tests/bench/rpc.h"
#include "tests/bench/users.h"
#include "tests/bench/verify.h"

#include <stdint.h>

struct caller;

/* What all callers of a run share. */
struct caller_run {
	struct conn_net *net;
	const struct users *users;
	struct verdict *verdict;
	const char *suffix; /* of the client ids */
	uint64_t repeated;  /* replies that nobody waited for any more */
	uint32_t limit;     /* messages a page of sync, 0: the server's default */
	void (*ready)(struct caller *caller);
	void (*done)(struct caller *caller, uint64_t now_ns);
	void (*lost)(struct caller *caller, const char *why);
};

struct caller {
	struct conn conn;
	struct caller_run *run;
	uint32_t user;
	char name[USER_NAME_SIZE];
	char client_id[USER_NAME_SIZE + 4];
	char filter[48];
	char cursor[RPC_CURSOR_SIZE]; /* empty: never synced */
	char newest[RPC_CURSOR_SIZE]; /* the cursor that the hello named; empty: no hello yet */
	struct rpc_check *check;      /* owned by the scenario; NULL: not checked */
	uint64_t serial;              /* id of the latest request */
	bool syncing;
	bool busy;
	bool connected;
	bool in; /* kept by the scenario */
	uint64_t begin_ns;
	uint64_t messages; /* of the current or last request */
	uint32_t pages;
	uint64_t bytes;
};

void caller_init(struct caller *caller, struct caller_run *run, uint32_t user);

/* Starts a request; done follows. Failures go to the verdict, and done follows too. */
void caller_call(struct caller *caller, const char *method, const char *params, uint64_t now_ns);
void caller_sync(struct caller *caller, uint64_t now_ns);

#endif
