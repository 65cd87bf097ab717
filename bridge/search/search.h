/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * search.db: one handle for looking up, one a reader thread. Finds positions in the log; who may
 * see them is the caller's to say, and is asked before a hit counts: what a search gives, and where
 * it goes on, is made of what the caller may see alone. The index may be missing or behind:
 * search_index.h builds it.
 */
#ifndef IM_BRIDGE_SEARCH_H
#define IM_BRIDGE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/search/search_terms.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct sqlite3;
struct search;

/* Conversations of one walk through the index: each is a list to be merged, some ten microseconds,
 * and keeps a page or two of it. */
#define SEARCH_CONVS_MAX 1000

/* Opens {folder}/search.db with the tokenizers registered; creates it when `writable`. A file that
 * is damaged or of another version is removed when `writable`: all of it can be built again. */
int search_db_open(
	const char *folder, bool writable, struct sqlite3 **out, struct im_buf *why) IM_MUST_CHECK;

/* Removes the index; it is built again by whoever opens it for writing. Not while it is open. */
void search_db_remove(const char *folder);

int search_open(const char *folder, struct search **out, struct im_buf *why) IM_MUST_CHECK;
void search_close(struct search **s);
/* As sqldb_watch: ends a search with IM_E_IO. */
void search_watch(struct search *s, int (*passed)(void *arg), void *arg);

struct search_conv {
	uint64_t conv;
	uint64_t newest; /* its newest position; needed with more than SEARCH_CONVS_MAX of them */
};

enum search_sight {
	SEARCH_UNSEEN, /* not this one */
	SEARCH_SEEN,
	SEARCH_ENDED,    /* nor any older one of its conversation */
	SEARCH_LEFT_OUT, /* seen, and not wanted: so many of them end the search */
};

struct search_query {
	struct im_str q;           /* search_terms.h */
	struct search_conv *convs; /* only these; put in order by the search */
	size_t n_convs;
	uint64_t sender;     /* 0: anybody's */
	struct im_str type;  /* n == 0: any */
	uint64_t before_gid; /* older than this position; 0: from the newest */
	uint32_t want;       /* at most so many hits, the newest */
	void *arg;
	/* May be asked about any message of the node. < 0 stops the search, which returns it. */
	int (*sight)(void *arg, uint64_t gid, uint64_t *conv_out);
	/* Called newest first; `snippet` has search_marks.h's marks around hits. Non-zero stops. */
	int (*hit)(void *arg, uint64_t gid, struct im_str snippet);
};

/* *cut_out: the position of a message that was left out, beyond which none was looked at because so
 * many were; 0: all were. IM_E_INVALID_PARAMS with *why_out: a query that names no word; IM_E_IO:
 * the index failed, or the watch ended it. */
int search_run(struct search *s, const struct search_query *query, uint64_t *cut_out,
	const char **why_out) IM_MUST_CHECK;

#endif
