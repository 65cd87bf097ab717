/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has been taken out of the search index leaves its file, too. FTS5 notes a deletion beside
 * what it deletes, and only a merge of all of an index's parts ends both; then the pages are
 * cleaned. The indexer's thread does this, a bounded piece a turn.
 */
#ifndef IM_BRIDGE_SEARCH_PURGE_H
#define IM_BRIDGE_SEARCH_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/search/search_table.h"
#include "common/err.h"
#include "db/sqldb.h"

/* Begins as zeros. */
struct search_purge {
	size_t table;  /* of those that are merged, one after the other */
	bool merging;  /* it has begun with all parts of this one */
	uint32_t page; /* after that: where the cleaning is */
};

/* Outside of any transaction, on the indexer's own connection. tables: in the same order at each
 * step; the last of them may be gone. *done_out: what was deleted before it began has left the
 * file; *more_out: it has not, and goes on at once. */
int search_purge_step(struct search_purge *p, struct sqldb *q,
	const struct search_table *const *tables, size_t n, bool *done_out,
	bool *more_out) IM_MUST_CHECK;

#endif
