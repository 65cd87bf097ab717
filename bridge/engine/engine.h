/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conductor: an up frame comes in, its records are handled inside one transaction, the
 * transaction is committed, and only then do down frames go out. No I/O of its own: the databases
 * are behind store.h and directory.h, frames leave through a callback, time is a parameter. There
 * is any number of plugins up to IM_PEERS_MAX, each a struct peer; none waits for another.
 *
 * One thread. Beside each peer's own states:
 *   stalled  a commit has failed: the batch in hand is kept and tried again with back-off; what
 *            arrives meanwhile is dropped and asked for again with HELLO. The spools hold it.
 *   open     a transaction was offered to the shared log, which has not answered: it stays open and
 *            nothing else is executed. Batches and snapshots that arrive wait in their order, and
 *            everything else goes on: links, answers of readers, credit, counters. Not visible
 *            before the answer is in and the commit done. Never so on a node by itself.
 * In both of these, requests that come as copies ahead of their turn are answered if they only
 * read.
 */
#ifndef IM_BRIDGE_ENGINE_H
#define IM_BRIDGE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/engine/parts.h"
#include "bridge/engine/peer.h"
#include "common/err.h"
#include "common/str.h"

struct engine;

/* Recovers: the directory follows the log, the window of message ids is read from its tail. */
int engine_new(const struct engine_parts *p, const struct engine_settings *set,
	const struct engine_now *now, struct engine **out, struct im_buf *why) IM_MUST_CHECK;
void engine_free(struct engine **e);
void engine_set(struct engine *e, const struct engine_settings *set);

/* One plugin more, to which frames leave by `send`; the engine's own. number: from 1 through
 * IM_PEERS_MAX, the same at each start, for directory.db knows it by that; broker: what the log
 * calls it, borrowed. All are added before the first one is linked. IM_E_NOMEM; IM_E_EXISTS,
 * IM_E_FULL: another one has the number, or there is no such. */
int engine_add_peer(struct engine *e, unsigned number, const char *broker, outbox_send_fn send,
	void *send_arg, struct peer **out) IM_MUST_CHECK;
/* The plugin's link is subscribed and carries frames; it is gone. */
void engine_linked(struct engine *e, struct peer *p, const struct engine_now *now);
void engine_unlinked(struct engine *e, struct peer *p);
/* An up frame. */
void engine_up(struct engine *e, struct peer *p, struct im_str frame, const struct engine_now *now);
/* The readers have finished jobs: their answers are queued for the links of those who have asked.
 * To be called while engine_takes_reads says so; it says no while too many answers wait at every
 * plugin. */
void engine_reads(struct engine *e);
bool engine_takes_reads(const struct engine *e);
/* The shared log's answer to what was offered, after SHARED_LATER. */
void engine_appended(struct engine *e, enum shared_answer answer, const struct engine_now *now);
/* Others have appended to it; not from within a call to the log. */
void engine_follow(struct engine *e, const struct engine_now *now);
/* fn in a transaction of its own; false: it did not happen, and before there is a link the engine
 * is not to be used then. With a shared log it may be open when this returns, and arg is used until
 * it is not: fn is called again if others were first. */
bool engine_call(struct engine *e, int (*fn)(void *arg, struct writer *w), void *arg,
	const struct engine_now *now) IM_MUST_CHECK;
/* A user has another name. */
void engine_forget_names(struct engine *e);
/* A response that was held back. */
void engine_respond(
	struct engine *e, struct im_str uid, struct im_str device, struct im_str response);
/* Work that is due by time. Returns after how many ms it wants to be called again at the latest. */
int64_t engine_tick(struct engine *e, const struct engine_now *now);
/* From now on only what is committed is sent; new batches are left in the spool. */
void engine_drain(struct engine *e);
/* Nothing waits to be sent. */
bool engine_idle(const struct engine *e);

/* Somebody else writes to the log: the process must end. */
bool engine_fatal(const struct engine *e);
/* Commits do not work at present, or nobody knows whether one has. */
bool engine_stalled(const struct engine *e);
/* A transaction is open, or will be executed again: nobody else may begin one. */
bool engine_busy(const struct engine *e);
struct health *engine_health(struct engine *e);
void engine_gauges(const struct engine *e, struct health_gauges *out);

#endif
