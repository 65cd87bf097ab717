/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whatever needs a transaction: one piece of work at a time, from its beginning until it is
 * committed and visible. A shared log may answer later: the work is open until then, and nothing
 * else is begun. What fails is kept and done again.
 */
#ifndef IM_BRIDGE_WORK_H
#define IM_BRIDGE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/engine/engine_inside.h"

/* The directory follows the log before anything else looks at it. */
int work_project(struct engine *e) IM_MUST_CHECK;

/* Not while it is open or stalled. A batch, or a part of the answer to HELLO, that the plugin has
 * said may be taken. */
void work_batch(
	struct engine *e, struct peer *from, struct im_str frame, const struct engine_now *now);
void work_sessions(struct engine *e, struct peer *from, struct im_str frame, bool greet,
	const struct engine_now *now);
void work_tell(struct engine *e, const struct engine_now *now);
/* False: it was not done, and is not. */
bool work_call(struct engine *e, int (*fn)(void *arg, struct writer *w), void *arg,
	const struct engine_now *now) IM_MUST_CHECK;
/* Others have appended. */
void work_follow(struct engine *e, const struct engine_now *now);
/* The shared log's answer to what is open. */
void work_answer(struct engine *e, enum shared_answer answer, const struct engine_now *now);
/* What is due by time. Returns in how many ms it is due again; -1: not by itself. */
int64_t work_tick(struct engine *e, const struct engine_now *now);

/* Who is connected is known when there has been a snapshot of each plugin, or when those that are
 * missing have had their time. from: the one whose snapshot is complete just now. */
int work_known(
	struct engine *e, const struct peer *from, const struct engine_now *now) IM_MUST_CHECK;
/* A plugin that is not there for as long is as if it had said that nobody is. True: there was one.
 */
bool work_away(struct engine *e, const struct engine_now *now);
/* What presence tells every broker retains. Until each of them has it, whoever goes offline is
 * kept, so that it is told with the others when a plugin that has missed it has answered. */
void work_heard(struct engine *e);
/* The first plugin's, which may not have said yet that the only one is its. */
const struct spool_mark *work_first_spool(const struct engine *e);

#endif
