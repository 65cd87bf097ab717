/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded stretch of the log, in which one user's words or name go. It is read first, and changed
 * in one transaction of its own; the same stretch again changes nothing more.
 */
#ifndef IM_BRIDGE_ERASURE_WALK_H
#define IM_BRIDGE_ERASURE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/store/store.h"
#include "bridge/upkeep/erasure_message.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"

/* An announcement that goes out of a group's log: text in texts. */
struct erasure_announcement {
	uint64_t group;
	size_t at, n;
};

struct erasure_stretch {
	const struct store_backend *backend; /* set before reading, as the next three */
	struct store *store;
	struct store_reader *reader;
	struct erasure_who who;

	uint64_t last; /* position of the last message looked at; 0: there was none */
	struct erasure_change *changes;
	size_t n, cap;
	uint64_t unindex[IM_ERASE_STRETCH]; /* what the search index has to forget */
	size_t n_unindex;
	struct erasure_announcement announcements[IM_ERASE_STRETCH];
	size_t n_announcements;
	struct im_buf texts;
	uint32_t looked_at;
	size_t bytes;
};

void erasure_stretch_init(struct erasure_stretch *s);
void erasure_stretch_clear(struct erasure_stretch *s);
/* Looks at messages behind `after`. */
int erasure_walk_read(struct erasure_stretch *s, uint64_t after) IM_MUST_CHECK;
/* Writes what reading has found; outside of any transaction. */
int erasure_walk_write(struct erasure_stretch *s) IM_MUST_CHECK;

#endif
