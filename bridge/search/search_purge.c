/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by search_erase.c. Knows FTS5's commands (sqlite.org/fts5.html, "The 'merge' command") and
 * nothing of what the index holds. */
#include "bridge/search/search_purge.h"

/* Pages of an index merged in one transaction: some milliseconds. */
#define MERGE_PAGES 64

/* A negative number begins with all parts, a positive one goes on. *done_out: nothing was left. */
static int merge(struct sqldb *q, const struct search_table *table, int pages, bool *done_out)
{
	sqlite3_stmt *st = sqldb_get(q, table->first + SEARCH_OF_MERGE);
	int64_t before = sqldb_total_changes(q);
	int rc;

	sqldb_bind_int(st, 1, pages);
	rc = sqldb_run(q, st);
	/* The command itself counts as one change. */
	*done_out = sqldb_total_changes(q) - before < 2;
	return rc;
}

static int clean(struct search_purge *p, struct sqldb *q, bool *done_out, bool *more_out)
{
	int rc = sqldb_clean_step(q, &p->page, done_out);

	*more_out = rc == IM_OK && !*done_out;
	/* A file that is too large to be cleaned has at least been merged. */
	if (rc == IM_E_FORMAT)
		*done_out = true;
	/* Somebody searches. */
	return rc == IM_E_FORMAT || rc == IM_E_BUSY ? IM_OK : rc;
}

int search_purge_step(struct search_purge *p, struct sqldb *q,
	const struct search_table *const *tables, size_t n, bool *done_out, bool *more_out)
{
	bool merged = false;
	int rc;

	*done_out = false;
	*more_out = true;
	if (p->table >= n) {
		rc = clean(p, q, done_out, more_out);
		if (*done_out)
			*p = (struct search_purge){.table = 0};
		return rc;
	}
	rc = merge(q, tables[p->table], p->merging ? MERGE_PAGES : -MERGE_PAGES, &merged);
	if (rc != IM_OK)
		return rc;
	merged = merged && p->merging;
	p->merging = !merged;
	p->table += merged;
	return IM_OK;
}
