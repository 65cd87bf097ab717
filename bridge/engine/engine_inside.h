/* SPDX-License-Identifier: BSD-3-Clause */
/* What two files of the engine share: engine.c, which is called from outside, and work.c, for what
 * needs a transaction. Everybody else uses engine.h. */
#ifndef IM_BRIDGE_ENGINE_INSIDE_H
#define IM_BRIDGE_ENGINE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/engine/assembly.h"
#include "bridge/engine/parts.h"
#include "bridge/engine/peer.h"
#include "bridge/engine/retained.h"
#include "bridge/engine/waiting.h"
#include "common/buf.h"
#include "common/limits.h"

enum work_kind {
	WORK_NONE,
	WORK_BATCH,
	WORK_SESSIONS, /* a part of a snapshot */
	WORK_TELL,     /* what presence has to tell */
	WORK_CALL,
};

/* The piece of work in hand. */
struct work {
	enum work_kind kind;
	struct peer *from;
	struct im_buf frame;                    /* kept to be executed again; n == 0: it is not */
	struct im_up_frame f;                   /* as it is read */
	bool greet, sound;                      /* SESSIONS */
	int (*fn)(void *arg, struct writer *w); /* CALL */
	void *arg;
	struct engine_now now; /* when it was begun */
};

struct engine {
	struct engine_parts p;
	struct assembly a;
	struct peer *peers[IM_PEERS_MAX];
	struct retained retained[IM_PEERS_MAX]; /* of each, by its number */
	unsigned n_peers;
	bool unlike[IM_PEERS_MAX]; /* see alike.h */
	size_t backlog_bytes;

	bool draining, fatal;
	bool all_known;         /* see sessions_known */
	int64_t first_known_ms; /* when the first snapshot was in; 0: none is */

	struct work work;
	/* Stalled: the work is done again, after project if it was done by half. */
	bool stalled, half;
	int64_t retry_at_ms, retry_ms;
	/* Offered to the shared log; in doubt: nobody knows what came of it. */
	bool open, doubt;
	int64_t ask_at_ms, ask_ms; /* 0: the answer comes by itself */
	struct waiting waiting;
	int64_t cursors_at_ms; /* since when devices' cursors wait to be written; 0: none does */
};

#endif
