/* SPDX-License-Identifier: BSD-3-Clause */
/* An index within search.db, of which there are two while a new tokenizer's is being built. */
#ifndef IM_BRIDGE_SEARCH_TABLE_H
#define IM_BRIDGE_SEARCH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/str.h"
#include "db/sqldb.h"

/* The statements that each index has. */
enum search_of {
	SEARCH_OF_INSERT,
	SEARCH_OF_REMOVE,
	SEARCH_OF_TAGGED,
	SEARCH_OF_MARK, /* the position that it has come to */
	SEARCH_OF_MARKED,
	SEARCH_OF_MERGE,
	SEARCH_OF_FIND,
	SEARCH_OF_ALL
};

struct search_table {
	const char *tokenizer;
	int first; /* of its statements */
};
extern const struct search_table search_table_old, search_table_new;

/* Whether a file that an older version made still holds the old index, which then answers. */
int search_has_old(struct sqldb *q, bool *out) IM_MUST_CHECK;
/* Drops it: the new one answers from then on. A transaction. */
int search_drop_old(struct sqldb *q) IM_MUST_CHECK;
/* Forgets what is prepared on it. */
void search_table_leave(struct sqldb *q, const struct search_table *of);

/* The indexer's hand on one of them. */
struct search_writer {
	struct sqldb *q;
	const struct search_table *of; /* NULL: closed */
	uint64_t gid;                  /* what the mark said when it was opened */
};

int search_writer_open(
	struct sqldb *q, const struct search_table *of, struct search_writer *out) IM_MUST_CHECK;
void search_writer_close(struct search_writer *w);
int search_writer_put(
	struct search_writer *w, uint64_t gid, struct im_str text, struct im_str tag) IM_MUST_CHECK;
int search_writer_remove(struct search_writer *w, uint64_t gid) IM_MUST_CHECK;
/* Takes out up to max rows that have this tag. *more_out: there may be more. */
int search_writer_forget(
	struct search_writer *w, struct im_str tag, uint32_t max, bool *more_out) IM_MUST_CHECK;
int search_writer_mark(struct search_writer *w, uint64_t gid) IM_MUST_CHECK;

#endif
