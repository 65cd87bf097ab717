/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks the log behind its head, off the commit path: a thread of its own that hands each message
 * to sinks, in the order of the log. A sink says itself up to where it has come, so that it can
 * keep its position together with what it has made of the messages: each is handed to it once, or
 * again after what it was made of is lost.
 *
 * Sinks of one follower take turns on its thread, a stretch each, every one from its own position.
 * One that fails is left alone for a while, and the others go on; but while one is at work the
 * others wait, so what must not wait for another has a follower of its own.
 *
 * What a sink is not told: events of timelines take positions, too, but are not in this log, so
 * positions have gaps. Retention and expiry wait for no sink: what went before it came there is not
 * handed to it. A message is handed over as it is by then; what an edit, a recall or a reaction did
 * to it later is seen from that operation's own message alone, and what erasing did, from none.
 */
#ifndef IM_BRIDGE_FOLLOWER_H
#define IM_BRIDGE_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/background.h"
#include "bridge/store/store.h"
#include "common/err.h"

/* How far sinks may lie behind, unless the processors are wanted: then it is BACKGROUND_STEPS_MAX
 * times that. */
#define FOLLOWER_STEP_MS 200
/* After a failure. */
#define FOLLOWER_BACKOFF_MS 5000
#define FOLLOWER_SINKS_MAX 8
/* Messages read in one view of the log: one that stays open keeps its WAL from starting over. */
#define FOLLOWER_VIEW_MESSAGES 2000

/* What position says that wants nothing more. */
#define FOLLOWER_ENDED UINT64_MAX

/* Called on the follower's thread alone. */
struct follower_sink {
	void *arg;
	uint32_t stretch; /* messages that it takes between begin and commit, at most */
	/* It has all up to this position of the log, for good. */
	uint64_t (*position)(void *arg);
	/* A stretch: begin when there is a first message, take for each, and commit with the last
	 * one's position; or, when one of these has failed or the log could not be read, rollback.
	 * All of what was taken counts then, or none of it. take may read the log by the same
	 * reader, but not walk along it. */
	int (*begin)(void *arg, int64_t now_ms);
	int (*take)(void *arg, const struct store_msg *m);
	int (*commit)(void *arg, uint64_t gid);
	void (*rollback)(void *arg);
	/* What else it has to do, after its stretch and also while the log is not read; a bounded
	 * piece. *more_out: there is more, which goes on at once. NULL: nothing. */
	int (*rest)(void *arg, int64_t now_ms, bool *more_out);
};

struct follower;

/* reader: borrowed, used by nobody else until follower_stop. NULL: out of memory. */
struct follower *follower_new(const struct store_backend *backend, struct store_reader *reader);
/* Before it is started. IM_E_FULL: FOLLOWER_SINKS_MAX. */
int follower_add(struct follower *f, const struct follower_sink *sink) IM_MUST_CHECK;
/* Starts the thread. */
int follower_start(struct follower *f) IM_MUST_CHECK;
/* Takes the next turn at once; any thread. */
void follower_wake(struct follower *f);
/* From now on nothing begins: whoever is in the middle of a stretch finishes the message in hand
 * and commits what it has. Any thread, a sink's too. */
void follower_end(struct follower *f);
/* follower_end, and the thread is joined. NULL is allowed. */
void follower_stop(struct follower **f);

/* Without the thread, for tests. */
struct follower_now {
	int64_t wall_ms, mono_ms;
	struct background_main main;
};
/* Each sink once, but for those that failed less than FOLLOWER_BACKOFF_MS before. True: the next
 * turn is due at once. */
bool follower_turn(struct follower *f, const struct follower_now *now);
/* One sink, by the order in which they were added: up to `limit` messages (0: the log is not read),
 * and the rest. */
int follower_serve(struct follower *f, size_t sink, uint32_t limit, int64_t now_ms,
	bool *more_out) IM_MUST_CHECK;

#endif
