/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * search.db, and the handle on it: its tables, its statement, and one view for each search. Called
 * by the search method on reader threads, and by the indexer for the file.
 */
#include "bridge/search/search.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/search/search_marks.h"
#include "bridge/search/search_table.h"
#include "bridge/search/search_terms.h"
#include "bridge/search/search_tokens.h"
#include "bridge/search/search_walk.h"
#include "db/datafile.h"
#include "db/deadline.h"
#include "schema/migrations.h"

struct search {
	sqlite3 *db;
	const struct search_table *table; /* that `find` and `tokenizer` are for; NULL: none yet */
	sqlite3_stmt *find;
	struct search_tokenizer tokenizer;
	struct im_buf match;
	struct search_walk *walk; /* of the search in hand */
};

static int db_try_open(const char *path, bool writable, sqlite3 **out, struct im_buf *why)
{
	int flags = SQLITE_OPEN_NOMUTEX |
		    (writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
	sqlite3 *db = NULL;
	int code = IM_E_IO;
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
		im_buf_printf(why, "cannot open %s: %s", path, sqlite3_errmsg(db));
		goto out;
	}
	sqlite3_busy_timeout(db, 2000);
	code = search_tokens_register(db);
	if (code) {
		im_buf_z(why, "this SQLite was built without FTS5; use Debian's libsqlite3");
		goto out;
	}
	/* Nothing here is the only copy: a power cut may cost the index, which is then rebuilt. */
	if (writable && sqlite3_exec(db,
				"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
				" PRAGMA cache_size = -16384; PRAGMA secure_delete = ON",
				NULL, NULL, NULL) != SQLITE_OK) {
		im_buf_printf(why, "cannot use %s: %s", path, sqlite3_errmsg(db));
		code = IM_E_FORMAT;
		goto out;
	}
	code = writable ? migrate_apply(db, schema_migrations, "search", why)
			: migrate_check(db, schema_migrations, "search", why);
out:
	if (code) {
		sqlite3_close(db);
		return code;
	}
	*out = db;
	return IM_OK;
}

void search_db_remove(const char *folder)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[4096];
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (snprintf(path, sizeof(path), "%s/search.db%s", folder, ends[i]) <
			(int)sizeof(path))
			unlink(path);
}

int search_db_open(const char *folder, bool writable, sqlite3 **out, struct im_buf *why)
{
	char path[DATAFILE_PATH];
	int code = datafile_path(folder, "search.db", path, why);
	if (code != IM_OK)
		return code;
	code = db_try_open(path, writable, out, why);
	if (code == IM_OK || !writable || access(path, F_OK) != 0)
		return code;
	search_db_remove(folder);
	im_buf_reset(why);
	return db_try_open(path, writable, out, why);
}

/* seen(rowid): asked for each row before a snippet is made of it. */
static void on_seen(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct search *s = sqlite3_user_data(ctx);
	(void)n;
	sqlite3_result_int(ctx, search_walk_sees(s->walk, (uint64_t)sqlite3_value_int64(v[0])));
}

int search_open(const char *folder, struct search **out, struct im_buf *why)
{
	struct search *s = calloc(1, sizeof(*s));
	if (!s)
		return IM_E_NOMEM;
	im_buf_init(&s->match, 0);
	int code = search_db_open(folder, false, &s->db, why);
	if (code == IM_OK &&
		sqlite3_create_function_v2(s->db, "seen", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, s,
			on_seen, NULL, NULL, NULL) != SQLITE_OK) {
		im_buf_printf(why, "search.db: %s", sqlite3_errmsg(s->db));
		code = IM_E_IO;
	}
	if (code) {
		search_close(&s);
		return code;
	}
	*out = s;
	return IM_OK;
}

static void leave_table(struct search *s)
{
	sqlite3_finalize(s->find);
	s->find = NULL;
	if (s->tokenizer.self)
		s->tokenizer.calls.xDelete(s->tokenizer.self);
	s->tokenizer.self = NULL;
	s->table = NULL;
}

void search_close(struct search **s)
{
	if (!*s)
		return;
	leave_table(*s);
	sqlite3_close((*s)->db);
	im_buf_free(&(*s)->match);
	free(*s);
	*s = NULL;
}

void search_watch(struct search *s, int (*passed)(void *arg), void *arg)
{
	sqlite3_progress_handler(s->db, passed ? DEADLINE_STEPS : 0, passed, arg);
}

static int use_table(struct search *s, const struct search_table *table)
{
	fts5_api *api = search_tokens_api(s->db);
	char sql[512];
	void *ctx;
	if (!api ||
		api->xFindTokenizer(api, table->tokenizer, &ctx, &s->tokenizer.calls) != SQLITE_OK)
		return IM_E_IO;
	if (s->tokenizer.calls.xCreate(ctx, NULL, 0, &s->tokenizer.self) != SQLITE_OK)
		return IM_E_NOMEM;
	s->table = table;
	snprintf(sql, sizeof(sql),
		"SELECT rowid, CASE WHEN seen(rowid) THEN snippet(%s, 0, '" SEARCH_MARK_START
		"', '" SEARCH_MARK_END
		"', '\xe2\x80\xa6', 24) END FROM %s WHERE %s MATCH ?1 AND rowid < ?2"
		" AND rowid > ?3 ORDER BY rowid DESC",
		table->name, table->name, table->name);
	return sqlite3_prepare_v2(s->db, sql, -1, &s->find, NULL) == SQLITE_OK ? IM_OK : IM_E_IO;
}

/* Which index answers is looked up in the view in which it is asked. */
static int choose_table(struct search *s)
{
	bool old;
	if (search_has_old(s->db, &old) != IM_OK)
		return IM_E_IO;
	const struct search_table *table = old ? &search_table_old : &search_table_new;
	if (s->table == table && s->find)
		return IM_OK;
	leave_table(s);
	return use_table(s, table);
}

static int run_in_view(
	struct search *s, const struct search_query *query, uint64_t *cut_out, const char **why_out)
{
	struct search_walk walk;
	int code = choose_table(s);
	if (code)
		return code;
	im_buf_reset(&s->match);
	code = search_terms_put(&s->tokenizer, query->q, &s->match, why_out);
	if (code || query->n_convs == 0)
		return code;
	s->walk = &walk;
	code = search_walk_init(&walk, s->find, &s->match, query);
	if (code == IM_OK)
		code = search_walk_run(&walk, cut_out);
	search_walk_clear(&walk);
	s->walk = NULL;
	return code;
}

int search_run(
	struct search *s, const struct search_query *query, uint64_t *cut_out, const char **why_out)
{
	*cut_out = 0;
	*why_out = NULL;
	if (sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return IM_E_IO;
	int code = run_in_view(s, query, cut_out, why_out);
	/* The view ends whatever the watch thinks of it: an open one lets the write-ahead log grow.
	 */
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}
