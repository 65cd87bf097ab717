/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One batch of records through one transaction (or a few, when its fan-out is large): each record
 * to whom it belongs, commit, and the effects to the outbox. All or nothing for the caller: after a
 * failure everything that could be rolled back was, and the same frame may be given again.
 */
#ifndef IM_BRIDGE_BATCH_H
#define IM_BRIDGE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/deliver/outboxes.h"
#include "bridge/engine/intake.h"
#include "bridge/engine/marks.h"
#include "bridge/engine/peer.h"
#include "bridge/engine/replay.h"
#include "bridge/engine/requests.h"
#include "bridge/engine/sessions.h"
#include "bridge/read/readers.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/frame.h"

struct batch;

/* Borrowed. */
struct batch_parts {
	struct writer *writer;
	struct effects *fx;
	struct acks *acks;
	struct intake *intake;
	struct sessions *sessions;
	struct requests *requests;
	struct marks *marks;
	struct replay *replay;
	struct readers *readers;
	struct outboxes *outboxes;
	struct health *health;
	struct log *log;
};

struct batch *batch_new(const struct batch_parts *p);
void batch_free(struct batch **b);

/* A whole batch of this plugin, which it has said may be taken. */
enum writer_outcome batch_process(struct batch *b, struct peer *from, const struct im_up_frame *f,
	int64_t now_ms) IM_MUST_CHECK;
/* A transaction of fn's own: what it returns but IM_OK rolls it back. */
enum writer_outcome batch_call(
	struct batch *b, int (*fn)(void *arg, struct writer *w), void *arg) IM_MUST_CHECK;
/* Commits and sends what is planned now, in which no record of a spool has part. from: the plugin
 * whose sessions it is about; NULL: nobody's. */
enum writer_outcome batch_finish(struct batch *b, struct peer *from) IM_MUST_CHECK;

#endif
