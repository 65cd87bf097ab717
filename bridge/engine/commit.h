/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From an executed transaction to what is visible: offered to the shared log if there is one,
 * committed to both databases, and only then told. After anything but COMMIT_DONE nothing was told,
 * and what could be rolled back was, unless the answer to an offer is still to come.
 */
#ifndef IM_BRIDGE_COMMIT_H
#define IM_BRIDGE_COMMIT_H

#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/deliver/acks.h"
#include "bridge/deliver/effects.h"
#include "bridge/deliver/outboxes.h"
#include "bridge/engine/ahead.h"
#include "bridge/engine/marks.h"
#include "bridge/engine/peer.h"
#include "bridge/engine/replay.h"
#include "bridge/engine/sessions.h"
#include "bridge/read/readers.h"
#include "bridge/rpc/cursors.h"
#include "bridge/write/shared_log.h"
#include "bridge/write/writer.h"
#include "common/err.h"

enum commit_outcome {
	COMMIT_DONE,
	COMMIT_NOTHING, /* nothing was written; the same may be tried again */
	COMMIT_HALF,    /* the log was written, the directory was not: project, then replay */
	COMMIT_FATAL,   /* somebody else writes to messages.db: stop */
	/* With a shared log: */
	COMMIT_MOVED,   /* others were first: commit_follow, then it is executed again */
	COMMIT_LATER,   /* offered, and open until commit_answer */
	COMMIT_UNKNOWN, /* offered, and open until commit_ask has an answer */
};

struct commit;

/* Borrowed. */
struct commit_parts {
	struct writer *writer;
	struct effects *fx;
	struct acks *acks;
	struct replay *replay;
	struct sessions *sessions;
	struct cursors *cursors;
	struct marks *marks;
	struct readers *readers;
	const struct ahead *ahead;
	struct outboxes *outboxes;
	struct health *health;
	const struct shared_log *shared; /* NULL: there is none */
};

struct commit *commit_new(const struct commit_parts *p);
void commit_free(struct commit **c);
/* Which plugin's are answers to what a transaction asks that is about none. */
void commit_set_first(struct commit *c, unsigned number);

/* The open transaction has been executed. from: the plugin that it is about; NULL: none. spool:
 * whose records have part in it, through recno; NULL: none's. */
enum commit_outcome commit_run(struct commit *c, struct peer *from, struct spool_mark *spool,
	uint64_t recno) IM_MUST_CHECK;
/* It could not be executed: COMMIT_NOTHING or COMMIT_FATAL. */
enum commit_outcome commit_give_up(struct commit *c) IM_MUST_CHECK;
/* What came of its offer. */
enum commit_outcome commit_answer(struct commit *c, enum shared_answer answer) IM_MUST_CHECK;
enum commit_outcome commit_ask(struct commit *c) IM_MUST_CHECK;
/* Brings the copy up to the shared log, outside of a transaction; what others have appended is made
 * visible here. COMMIT_DONE: it is there. */
enum commit_outcome commit_follow(struct commit *c) IM_MUST_CHECK;

#endif
