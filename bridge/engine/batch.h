/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a transaction is made of: one batch of records (or a few transactions, when its fan-out is
 * large), each record to whom it belongs, or a call. All or nothing for the caller: after a failure
 * everything that could be rolled back was, and the same frame may be given again.
 */
#ifndef IM_BRIDGE_BATCH_H
#define IM_BRIDGE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "bridge/engine/ahead.h"
#include "bridge/engine/commit.h"
#include "bridge/engine/intake.h"
#include "bridge/engine/peer.h"
#include "bridge/engine/replay.h"
#include "bridge/engine/requests.h"
#include "bridge/engine/sessions.h"
#include "bridge/rpc/cursors.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/frame.h"

struct batch;

/* Borrowed. */
struct batch_parts {
	struct writer *writer;
	struct effects *fx;
	struct intake *intake;
	struct sessions *sessions;
	struct requests *requests;
	const struct ahead *ahead;
	struct cursors *cursors;
	struct replay *replay;
	struct commit *commit;
	struct health *health;
	struct log *log;
};

struct batch *batch_new(const struct batch_parts *p);
void batch_free(struct batch **b);

/* Its names are no longer than names are. */
bool batch_is_sound(const struct im_up_rec *rec);

/* A whole batch of this plugin, which it has said may be taken. The frame's records are looked at
 * until the outcome is known: those of a transaction that others were ahead of once more. */
enum commit_outcome batch_process(struct batch *b, struct peer *from, const struct im_up_frame *f,
	int64_t now_ms) IM_MUST_CHECK;
/* A transaction of fn's own, in which no record of a spool has part: what it returns but IM_OK
 * rolls it back, and it may be called again. fn NULL: of what presence has to tell alone. from: the
 * plugin whose sessions it is about; NULL: nobody's. */
enum commit_outcome batch_call(struct batch *b, struct peer *from,
	int (*fn)(void *arg, struct writer *w), void *arg) IM_MUST_CHECK;
/* After COMMIT_MOVED: the transaction is executed again, and what comes after it. */
enum commit_outcome batch_again(struct batch *b) IM_MUST_CHECK;
/* After COMMIT_LATER, COMMIT_UNKNOWN: on from there. */
enum commit_outcome batch_answer(struct batch *b, enum shared_answer answer) IM_MUST_CHECK;
enum commit_outcome batch_ask(struct batch *b) IM_MUST_CHECK;

#endif
