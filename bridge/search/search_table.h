/* SPDX-License-Identifier: BSD-3-Clause */
/* An index within search.db, of which there are two while a new tokenizer's is being built. */
#ifndef IM_BRIDGE_SEARCH_TABLE_H
#define IM_BRIDGE_SEARCH_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/str.h"

struct search_table {
	const char *name, *tokenizer;
	const char *mark; /* in meta: the position that it has come to */
};
extern const struct search_table search_table_old, search_table_new;

/* Whether a file that an older version made still holds the old index, which then answers. */
int search_has_old(sqlite3 *db, bool *out) IM_MUST_CHECK;
/* Drops it: the new one answers from then on. Nothing may be prepared on it. A transaction. */
int search_drop_old(sqlite3 *db) IM_MUST_CHECK;

/* The indexer's statements on one of them. */
struct search_writer {
	const struct search_table *of; /* NULL: closed */
	sqlite3_stmt *insert, *remove, *tagged, *mark;
	uint64_t gid; /* what the mark said when it was opened */
};

int search_writer_open(
	sqlite3 *db, const struct search_table *of, struct search_writer *out) IM_MUST_CHECK;
void search_writer_close(struct search_writer *w);
int search_writer_put(
	struct search_writer *w, uint64_t gid, struct im_str text, struct im_str tag) IM_MUST_CHECK;
int search_writer_remove(struct search_writer *w, uint64_t gid) IM_MUST_CHECK;
/* Takes out up to max rows that have this tag. *more_out: there may be more. */
int search_writer_forget(
	struct search_writer *w, struct im_str tag, uint32_t max, bool *more_out) IM_MUST_CHECK;
int search_writer_mark(struct search_writer *w, uint64_t gid) IM_MUST_CHECK;

#endif
