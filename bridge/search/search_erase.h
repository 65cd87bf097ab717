/* SPDX-License-Identifier: BSD-3-Clause */
/* What an erasure has asked of the search index: by the engine's thread, for the indexer's. */
#ifndef IM_BRIDGE_SEARCH_ERASE_H
#define IM_BRIDGE_SEARCH_ERASE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/search/search_purge.h"
#include "bridge/search/search_table.h"
#include "common/err.h"
#include "common/limits.h"

struct search_erase {
	pthread_mutex_t lock;
	uint64_t drop[IM_ERASE_STRETCH]; /* under the lock, as what follows */
	size_t n;
	enum { SEARCH_PURGE_NONE, SEARCH_PURGE_ASKED, SEARCH_PURGE_DONE } purge;
	struct search_purge purging; /* the indexer's */
};

void search_erase_init(struct search_erase *e);
void search_erase_free(struct search_erase *e);

/* Who asks: search_index.h says how. */
bool search_erase_drop(struct search_erase *e, const uint64_t *gids, size_t n);
bool search_erase_purged(struct search_erase *e);

/* Who does it, outside of any transaction. Drops what is listed from these. */
int search_erase_run(struct search_erase *e, struct sqldb *q, struct search_writer *const *of,
	size_t n) IM_MUST_CHECK;
/* A bounded piece of the purge, if one is asked for; *more_out is set if it goes on at once. */
int search_erase_purge(struct search_erase *e, struct sqldb *q,
	const struct search_table *const *tables, size_t n, bool *more_out) IM_MUST_CHECK;

#endif
