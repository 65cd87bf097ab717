/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * search.db: one handle for looking up, one a reader thread. Finds positions in the log; who may
 * see them and whether they are still there is the caller's to check. The index may be missing or
 * behind: search_index.h builds it.
 */
#ifndef IM_BRIDGE_SEARCH_H
#define IM_BRIDGE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/buf.h"
#include "../common/err.h"
#include "../common/str.h"

struct sqlite3;
struct search;

#define SEARCH_QUERY_MAX 256 /* bytes of a query; each term costs a walk through its list */
#define SEARCH_TERMS_MAX 16
#define SEARCH_CONVS_MAX 500 /* beyond, a look at each hit is cheaper than so many lists */

/* Opens {folder}/search.db with the tokenizer registered; creates it when `writable`. A file that
 * is damaged or of another version is removed when `writable`: all of it can be built again. */
int search_db_open(
	const char *folder, bool writable, struct sqlite3 **out, struct im_buf *why) IM_MUST_CHECK;

int search_open(const char *folder, struct search **out, struct im_buf *why) IM_MUST_CHECK;
void search_close(struct search **s);

struct search_query {
	struct im_str q;       /* words (all must occur), "phrases in quotes", prefix* */
	const uint64_t *convs; /* only these conversations; more than SEARCH_CONVS_MAX: any, and the
				  caller drops the hits of others */
	size_t n_convs;
	uint64_t sender;     /* 0: anybody's */
	struct im_str type;  /* n == 0: any */
	uint64_t before_gid; /* older than this position; 0: from the newest */
};

/* Called newest first; `snippet` has search_marks.h's marks around hits. Non-zero stops. */
typedef int (*search_fn)(void *arg, uint64_t gid, struct im_str snippet);
/* IM_E_INVALID_PARAMS with *why_out: a query that names no word; IM_E_IO: the index failed. */
int search_run(struct search *s, const struct search_query *query, search_fn fn, void *arg,
	const char **why_out) IM_MUST_CHECK;

#endif
