/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what the two indexes of search.db are called, and the statements that write them. Called by
 * the indexer, and by search.c for which of them answers. */
#include "bridge/search/search_table.h"

#include <stdio.h>
#include <stdlib.h>

const struct search_table search_table_old = {"fts", "im", "indexed_gid"};
const struct search_table search_table_new = {"words", "im4", "words_gid"};

int search_has_old(sqlite3 *db, bool *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db,
		"SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'fts'", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	*out = rc == SQLITE_ROW;
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? IM_OK : IM_E_IO;
}

int search_drop_old(sqlite3 *db)
{
	int rc = sqlite3_exec(db,
		"BEGIN IMMEDIATE; DROP TABLE fts; DELETE FROM meta WHERE key = 'indexed_gid';"
		"COMMIT",
		NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc == SQLITE_OK ? IM_OK : IM_E_IO;
}

static int prepare(sqlite3 *db, sqlite3_stmt **out, const char *form, const char *name)
{
	char sql[256];
	snprintf(sql, sizeof(sql), form, name);
	return sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK ? IM_OK : IM_E_IO;
}

int search_writer_open(sqlite3 *db, const struct search_table *of, struct search_writer *w)
{
	sqlite3_stmt *read = NULL;
	*w = (struct search_writer){.of = of};
	int code = prepare(
		db, &w->insert, "INSERT INTO %s (rowid, body, tag) VALUES (?1, ?2, ?3)", of->name);
	if (code == IM_OK)
		code = prepare(db, &w->remove, "DELETE FROM %s WHERE rowid = ?1", of->name);
	if (code == IM_OK)
		code = prepare(db, &w->tagged, "SELECT rowid FROM %s WHERE tag MATCH ?1", of->name);
	if (code == IM_OK)
		code = prepare(db, &w->mark,
			"INSERT INTO meta VALUES ('%s', ?1)"
			" ON CONFLICT(key) DO UPDATE SET value = excluded.value",
			of->mark);
	if (code == IM_OK)
		code = prepare(db, &read, "SELECT value FROM meta WHERE key = '%s'", of->mark);
	if (code == IM_OK && sqlite3_step(read) == SQLITE_ROW)
		w->gid = (uint64_t)sqlite3_column_int64(read, 0);
	sqlite3_finalize(read);
	if (code)
		search_writer_close(w);
	return code;
}

void search_writer_close(struct search_writer *w)
{
	sqlite3_finalize(w->insert);
	sqlite3_finalize(w->remove);
	sqlite3_finalize(w->tagged);
	sqlite3_finalize(w->mark);
	*w = (struct search_writer){.of = NULL};
}

static int run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? IM_OK : IM_E_IO;
}

int search_writer_put(struct search_writer *w, uint64_t gid, struct im_str text, struct im_str tag)
{
	sqlite3_bind_int64(w->insert, 1, (sqlite3_int64)gid);
	sqlite3_bind_text(w->insert, 2, text.p, (int)text.n, SQLITE_STATIC);
	sqlite3_bind_text(w->insert, 3, tag.p, (int)tag.n, SQLITE_STATIC);
	return run(w->insert);
}

int search_writer_remove(struct search_writer *w, uint64_t gid)
{
	sqlite3_bind_int64(w->remove, 1, (sqlite3_int64)gid);
	return run(w->remove);
}

int search_writer_forget(struct search_writer *w, struct im_str tag, uint32_t max, bool *more_out)
{
	uint64_t *gids = calloc(max, sizeof(*gids));
	uint32_t n = 0;
	int rc, code = IM_OK;
	if (!gids)
		return IM_E_NOMEM;
	sqlite3_bind_text(w->tagged, 1, tag.p, (int)tag.n, SQLITE_STATIC);
	/* Read first: nothing may be deleted under a walk. */
	while ((rc = sqlite3_step(w->tagged)) == SQLITE_ROW && n < max)
		gids[n++] = (uint64_t)sqlite3_column_int64(w->tagged, 0);
	sqlite3_reset(w->tagged);
	for (uint32_t i = 0; i < n && code == IM_OK; i++)
		code = search_writer_remove(w, gids[i]);
	*more_out = n == max;
	free(gids);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? code : IM_E_IO;
}

int search_writer_mark(struct search_writer *w, uint64_t gid)
{
	sqlite3_bind_int64(w->mark, 1, (sqlite3_int64)gid);
	return run(w->mark);
}
