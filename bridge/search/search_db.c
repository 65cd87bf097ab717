/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what becomes of a file that cannot be used. Called by whoever looks up and by the indexer.
 */
#include "bridge/search/search_db.h"

#include <stdio.h>
#include <unistd.h>

#include "bridge/search/search_marks.h"
#include "bridge/search/search_tokens.h"
#include "schema/migrations.h"

static const char *const statements[SEARCH_STATEMENTS] = {
#define X(name, sql) [SEARCH_##name] = sql,
#include "schema/sqlite/search.def"
#undef X
};

static int setup(sqlite3 *db, struct im_buf *why)
{
	int rc = search_tokens_register(db);

	if (rc)
		im_buf_z(why, "this SQLite was built without FTS5; use Debian's libsqlite3");
	return rc;
}

static const struct sqldb_spec spec = {.name = "search",
	.migrations = schema_migrations,
	.sql = statements,
	.n_sql = SEARCH_STATEMENTS,
	.writer_kib = 16 * 1024,
	.reader_kib = 2 * 1024,
	.busy_ms = 2000,
	.rebuilt = true,
	.setup = setup};

void search_db_remove(const char *folder)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[4096];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (snprintf(path, sizeof(path), "%s/search.db%s", folder, ends[i]) <
			(int)sizeof(path))
			unlink(path);
}

int search_db_open(const char *folder, bool writable, struct sqldb *out, struct im_buf *why)
{
	enum sqldb_mode mode = writable ? SQLDB_WRITER : SQLDB_READER;
	int rc = sqldb_open(out, folder, &spec, mode, why);

	/* What lacks memory, room or a lock finds the same index the next time. */
	return rc && writable && out->unusable ? search_db_open_anew(folder, out, why) : rc;
}

int search_db_open_anew(const char *folder, struct sqldb *q, struct im_buf *why)
{
	sqldb_close(q);
	search_db_remove(folder);
	im_buf_reset(why);
	return sqldb_open(q, folder, &spec, SQLDB_WRITER, why);
}
