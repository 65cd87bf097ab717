/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How to send once more what belongs to records that are committed. When a plugin replays records
 * that the log holds already, their messages are read from the log and their deliveries and acks
 * planned again; nothing is stored.
 */
#ifndef IM_BRIDGE_REPLAY_H
#define IM_BRIDGE_REPLAY_H

#include <stdint.h>

#include "bridge/deliver/acks.h"
#include "bridge/directory/directory.h"
#include "bridge/directory/names.h"
#include "bridge/engine/marks.h"
#include "bridge/store/store.h"
#include "bridge/write/dedup.h"
#include "bridge/write/writer.h"
#include "common/err.h"

struct replay;

/* Borrowed. `log` is a reader of the engine's thread, `names` over the writer's directory. */
struct replay_parts {
	const struct store_backend *backend;
	struct store_reader *log;
	struct directory *dir;
	struct names *names;
	struct writer *writer;
	struct dedup *dedup;
	struct acks *acks;
};

struct replay *replay_new(const struct replay_parts *p);
void replay_free(struct replay **r);

/* Plans the deliveries and acks of first..through of this spool again, as far back as marks are
 * kept. *messages_out: how many. */
int replay_again(struct replay *r, const struct spool_mark *s, uint64_t first, uint64_t through,
	uint64_t *messages_out) IM_MUST_CHECK;
/* Plans the deliveries of what others have appended at first..last of the log, and their ids count
 * from here on. wall_ms: now. Nobody is acked: that is for the node that has appended it. */
int replay_news(struct replay *r, uint64_t first, uint64_t last, int64_t wall_ms) IM_MUST_CHECK;

#endif
