/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of the spool is committed, and how to send once more what belongs to it. When the plugin
 * replays records that the log holds already, their messages are read from the log and their
 * deliveries and acks planned again; nothing is stored.
 */
#ifndef IM_BRIDGE_REPLAY_H
#define IM_BRIDGE_REPLAY_H

#include <stdint.h>

#include "bridge/deliver/acks.h"
#include "bridge/directory/directory.h"
#include "bridge/directory/names.h"
#include "bridge/store/store.h"
#include "bridge/write/writer.h"
#include "common/err.h"

struct replay;

/* Borrowed. `log` is a reader of the engine's thread, `names` over the writer's directory. */
struct replay_parts {
	const struct store_backend *backend;
	struct store *store;
	struct store_reader *log;
	struct directory *dir;
	struct names *names;
	struct writer *writer;
	struct acks *acks;
};

/* Reads the marks. */
int replay_new(const struct replay_parts *p, struct replay **out) IM_MUST_CHECK;
void replay_free(struct replay **r);

/* Committed through this record of this epoch; 0, 0: nothing ever was. */
uint64_t replay_epoch(const struct replay *r);
uint64_t replay_recno(const struct replay *r);
/* A transaction was committed. mark->epoch == 0: it left no mark in the log. */
void replay_advance(
	struct replay *r, uint64_t epoch, uint64_t recno, const struct store_mark *mark);
/* Plans the deliveries and acks of first..through again, as far back as marks are kept.
 * *messages_out: how many. */
int replay_again(
	struct replay *r, uint64_t first, uint64_t through, uint64_t *messages_out) IM_MUST_CHECK;

#endif
