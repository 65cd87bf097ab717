/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading off the commit path: a few threads, each with its own handles, that answer reading
 * requests, find out for a new subscription whether its device is behind, for an acknowledgement
 * whose messages have arrived, and for a changed profile who is told. Jobs (read_job.h) are effects
 * of a transaction and come here when it is committed, so that a request sees what its sender wrote
 * before it.
 *
 * Each user has a queue, and the users are served in turn (turns.h). The queues are bounded, each
 * and all together, a plugin's answers that nobody has taken included: a request that finds its
 * queue full is answered `busy`, a device is told that it is behind, which is always safe, and of
 * an arrival nobody is told, as conv.receipts knows it. Requests go first, so that the greetings
 * after a restart, one for each device, hold up nobody's question. A job that takes longer than it
 * may is ended, its views with it, and answered likewise; a search has a short turn first and a
 * second one behind its user's other requests. A batch has one place, and a turn for each of its
 * requests, behind those: fifty in one array are served as fifty that are asked one by one.
 */
#ifndef IM_BRIDGE_READERS_H
#define IM_BRIDGE_READERS_H

#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "bridge/read/reader.h"
#include "bridge/rpc/read_job.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"

struct readers;

/* threads: 0: jobs run inside readers_run (tests). queue_max: requests of all users. */
int readers_open(const struct reader_parts *p, unsigned threads, uint32_t queue_max,
	struct readers **out, struct im_buf *why) IM_MUST_CHECK;
/* Finishes the jobs in hand, drops the others. */
void readers_close(struct readers **r);
/* Readable when jobs are done. */
int readers_fd(const struct readers *r);

/* Takes the reads of a transaction of this plugin's records that is committed: they run, seeing
 * everything through `position`. */
void readers_run(struct readers *r, struct effects_read *reads, uint64_t position, unsigned peer);
/* The next finished job of this plugin, or NULL. What is not taken of one leaves the others their
 * place. */
struct read_job *readers_take(struct readers *r, unsigned peer);
/* There is one. To be asked after the last call of readers_take for any plugin: when there is none
 * the descriptor goes quiet, whatever has come for another one meanwhile. */
bool readers_has(struct readers *r, unsigned peer);
/* A user has another name: jobs that begin from now on know it. */
void readers_forget_names(struct readers *r);
/* Waiting and running ones. */
uint32_t readers_queued(struct readers *r);

#endif
