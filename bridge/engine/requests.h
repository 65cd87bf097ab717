/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests: RPC and administration. Reading methods become jobs for the readers, writing ones run
 * inside the engine's transaction, in the order in which they came.
 */
#ifndef IM_BRIDGE_REQUESTS_H
#define IM_BRIDGE_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/admin/admin.h"
#include "bridge/base/cost.h"
#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/deliver/effects.h"
#include "bridge/directory/rights.h"
#include "bridge/rpc/hash_budget.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/frame.h"

struct requests;
struct sessions;

/* Borrowed. */
struct requests_parts {
	struct rights *rights;
	struct writer *writer;
	struct effects *fx;
	struct health *health;
	struct log *log;
	struct admin_hooks hooks;
	/* Asked with each response; true: it is kept until what the command began is done. May be
	 * NULL; arg is hooks.arg. */
	bool (*hold)(void *arg, struct im_str uid, struct im_str device, struct im_str response);
	struct presence *presence;
	const struct sessions *sessions;
	struct dedup *dedup;
	struct cost *cost;
	struct cursors *cursors;
};

struct requests *requests_new(const struct requests_parts *p);
void requests_free(struct requests **q);
void requests_set(struct requests *q, const struct rpc_settings *set);
/* What the plugins take, which no configuration says; 0: nobody knows. */
void requests_set_max_payload(struct requests *q, int64_t bytes);

/* How a record of a replayed part of the spool is to be taken. */
enum requests_pass {
	REQUESTS_NEW,
	REQUESTS_REPLAY,           /* committed before in both databases: only reading ones run */
	REQUESTS_REPLAY_DIRECTORY, /* the directory's part was lost */
};

/* Record type RPC, with its number. IM_E_IO, IM_E_NOMEM: roll back. */
int requests_rpc(struct requests *q, const struct im_up_rec *rec, uint64_t recno,
	enum requests_pass pass, int64_t now_ms) IM_MUST_CHECK;
/* The same of one whose turn has not come. It is not known what those before it do, so that is
 * answered which only reads, and nothing else is said about it. What it plans goes into fx.
 * IM_E_NONE: it has to wait; or like requests_rpc, and then it has to wait as well. */
int requests_ahead(struct requests *q, const struct im_up_rec *rec, uint64_t recno,
	struct effects *fx, int64_t now_ms) IM_MUST_CHECK;
/* Record type CONTROL; never run again. */
int requests_control(struct requests *q, const struct im_up_rec *rec, int64_t now_ms) IM_MUST_CHECK;

#endif
