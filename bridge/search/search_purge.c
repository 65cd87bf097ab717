/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by search_index.c. Knows FTS5's commands (sqlite.org/fts5.html, "The 'merge' command") and
 * nothing of what the index holds. */
#include "bridge/search/search_purge.h"

#include "db/sqldb_scrub.h"

/* Pages of an index merged in one transaction, and pages of the file cleaned in one step: some
 * milliseconds each. */
#define MERGE_PAGES 64
#define CLEAN_PAGES 2048

/* A negative number begins with all parts, a positive one goes on. *done_out: nothing was left. */
static int merge(sqlite3 *db, const char *table, int pages, bool *done_out)
{
	sqlite3_stmt *st = NULL;
	char *sql = sqlite3_mprintf("INSERT INTO %w (%w, rank) VALUES ('merge', ?1)", table, table);
	sqlite3_int64 before = sqlite3_total_changes64(db);
	int rc = sql ? sqlite3_prepare_v2(db, sql, -1, &st, NULL) : SQLITE_NOMEM;

	sqlite3_free(sql);
	if (rc == SQLITE_OK) {
		sqlite3_bind_int(st, 1, pages);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	/* The command itself counts as one change. */
	*done_out = sqlite3_total_changes64(db) - before < 2;
	return rc == SQLITE_DONE ? IM_OK : IM_E_IO;
}

static int clean(struct search_purge *p, sqlite3 *db, bool *done_out, bool *more_out)
{
	int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	int code;

	*more_out = false;
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return IM_OK; /* somebody searches */
	code = rc == SQLITE_OK ? sqldb_scrub(db, CLEAN_PAGES, &p->page, done_out) : IM_E_IO;
	*more_out = code == IM_OK && !*done_out;
	/* A file that is too large to be cleaned has at least been merged. */
	if (code == IM_E_FORMAT)
		*done_out = true;
	return code == IM_E_FORMAT ? IM_OK : code;
}

int search_purge_step(struct search_purge *p, sqlite3 *db, const char *const *tables, size_t n,
	bool *done_out, bool *more_out)
{
	bool merged = false;
	int rc;

	*done_out = false;
	*more_out = true;
	if (p->table >= n) {
		rc = clean(p, db, done_out, more_out);
		if (*done_out)
			*p = (struct search_purge){.table = 0};
		return rc;
	}
	rc = merge(db, tables[p->table], p->merging ? MERGE_PAGES : -MERGE_PAGES, &merged);
	if (rc != IM_OK)
		return rc;
	merged = merged && p->merging;
	p->merging = !merged;
	p->table += merged;
	return IM_OK;
}
