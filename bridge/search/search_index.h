/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The indexer: keeps search.db up to the log, as a sink of a follower of its own (follower.h).
 * Everything it needs it owns.
 */
#ifndef IM_BRIDGE_SEARCH_INDEX_H
#define IM_BRIDGE_SEARCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/store/store.h"
#include "common/buf.h"
#include "common/err.h"

struct search_index;

/* Starts it. Takes ownership of `reader` on success. */
int search_index_start(const char *folder, const struct store_backend *backend,
	struct store_reader *reader, struct search_index **out, struct im_buf *why) IM_MUST_CHECK;
/* Finishes the transaction in hand and joins the thread. */
void search_index_stop(struct search_index **x);
/* The last log position that can be found, whichever index answers; any thread. */
uint64_t search_index_gid(const struct search_index *x);
/* Takes everything of a conversation out of the index, a bounded number of messages a pass. To be
 * called, from one thread, until it says true: nothing of it is left. Nothing of it may be in the
 * log any more. */
bool search_index_forget(struct search_index *x, uint64_t conv);

/* Messages whose words are out of the log leave the index, up to IM_ERASE_STRETCH: false while
 * those given before have not left it yet. n == 0 asks whether they have. Any thread, but one at a
 * time. */
bool search_index_drop(struct search_index *x, const uint64_t *gids, size_t n);
/* Begins to take what was deleted out of the file, and tells when that is so: true once. The same
 * thread. */
bool search_index_purged(struct search_index *x);

/* One pass without the thread, for tests: indexes up to `limit` messages, *n_out of them done. */
int search_index_pass(
	struct search_index *x, uint32_t limit, int64_t now_ms, uint32_t *n_out) IM_MUST_CHECK;
int search_index_open(const char *folder, const struct store_backend *backend,
	struct store_reader *reader, struct search_index **out, struct im_buf *why) IM_MUST_CHECK;

#endif
