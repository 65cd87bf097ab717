/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One search's walk through the index. Each conversation is a list of it, so a caller with few of
 * them has them all in one walk, and what it costs says little of others. For very many the words
 * alone are followed first, for a bounded number of rows, which ends soon for rare ones; and then
 * the conversations in portions, those with news first, as long as they can still hold something
 * newer than what was found.
 *
 * What the caller may not see is passed over where it is met. A conversation that has ended for him
 * (what is older is from before he came) leaves the walk, which is begun anew without it when it
 * has been met a few times, so that its past costs next to nothing.
 */
#ifndef IM_BRIDGE_SEARCH_WALK_H
#define IM_BRIDGE_SEARCH_WALK_H

#include <stdbool.h>

#include "bridge/search/search_query.h"
#include "common/buf.h"
#include "common/err.h"

struct search_hit;
struct sqldb;

struct search_walk {
	struct sqldb *db;
	int find;             /* the statement */
	struct im_buf *match; /* the words, and room for what narrows them */
	size_t words_n;
	const struct search_query *q;
	bool *ended; /* for each of the query's conversations */
	struct search_hit *hits;
	uint32_t n;
	uint64_t floor; /* nothing at or below this position is wanted any more */
	uint64_t cut;
	int code; /* of the caller's, or IM_OK */
	/* the row in hand */
	int sight;
	uint64_t conv;
};

int search_walk_init(struct search_walk *w, struct sqldb *db, int find, struct im_buf *words,
	const struct search_query *q) IM_MUST_CHECK;
/* Finds the hits and hands them out. */
int search_walk_run(struct search_walk *w, uint64_t *cut_out) IM_MUST_CHECK;
void search_walk_clear(struct search_walk *w);
/* Asks the caller about a row; true if a snippet of it is wanted. */
bool search_walk_sees(struct search_walk *w, uint64_t gid);

#endif
