/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked of the search index. */
#ifndef IM_BRIDGE_SEARCH_QUERY_H
#define IM_BRIDGE_SEARCH_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

#define SEARCH_QUERY_MAX 256 /* bytes of a query; each term costs a walk through its list */
/* Conversations of one walk through the index: each is a list to be merged, some ten microseconds,
 * and keeps a page or two of it. */
#define SEARCH_CONVS_MAX 1000

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

#endif
