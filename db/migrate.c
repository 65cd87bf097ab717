/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the number in a database that says how far it has come. Knows nothing of what the tables
 * mean.
 */
#include "db/migrate.h"

#include <string.h>

int migrate_version(const struct migration *list, const char *database)
{
	int newest = 0;

	for (const struct migration *m = list; m->database; m++)
		if (strcmp(m->database, database) == 0 && m->version > newest)
			newest = m->version;
	return newest;
}

static int failed(sqlite3 *db, const char *database, const char *doing, struct im_buf *why)
{
	int code = sqlite3_errcode(db);

	im_buf_printf(why, "%s.db: %s failed: %s", database, doing, sqlite3_errmsg(db));
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return IM_E_NOMEM;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
	case SQLITE_ERROR: /* its tables are not those of its version */
		return IM_E_FORMAT;
	default:
		return IM_E_IO;
	}
}

static int read_version(sqlite3 *db, const char *database, int *out, struct im_buf *why)
{
	sqlite3_stmt *st = NULL;
	int rc = IM_OK;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK ||
		sqlite3_step(st) != SQLITE_ROW)
		rc = failed(db, database, "reading its version", why);
	else
		*out = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return rc;
}

/* IM_E_FORMAT: it is of a newer program. */
static int compare(sqlite3 *db, const struct migration *list, const char *database, int *known,
	int *found, struct im_buf *why)
{
	int rc = read_version(db, database, found, why);

	*known = migrate_version(list, database);
	if (rc != IM_OK || *found <= *known)
		return rc;
	im_buf_printf(why,
		"%s.db has schema version %d, this program knows up to version %d; install the "
		"newer program again or restore a backup made before the upgrade",
		database, *found, *known);
	return IM_E_FORMAT;
}

static int apply(sqlite3 *db, const struct migration *m, struct im_buf *why)
{
	char number[64];
	int found = 0;
	int rc;

	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return failed(db, m->database, "beginning a migration", why);
	/* Read again under the write lock: another process may have been faster. */
	rc = read_version(db, m->database, &found, why);
	if (rc != IM_OK || found >= m->version)
		goto out;
	sqlite3_snprintf(sizeof(number), number, "PRAGMA user_version = %d", m->version);
	if (sqlite3_exec(db, m->sql, NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_exec(db, number, NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		rc = failed(db, m->database, "a migration", why);
out:
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int migrate_apply(
	sqlite3 *db, const struct migration *list, const char *database, struct im_buf *why)
{
	int known, found;
	int rc = compare(db, list, database, &known, &found, why);

	if (rc != IM_OK)
		return rc;
	for (const struct migration *m = list; m->database; m++) {
		if (strcmp(m->database, database) != 0 || m->version <= found)
			continue;
		rc = apply(db, m, why);
		if (rc != IM_OK)
			return rc;
	}
	return IM_OK;
}

int migrate_check(
	sqlite3 *db, const struct migration *list, const char *database, struct im_buf *why)
{
	int known, found;
	int rc = compare(db, list, database, &known, &found, why);

	if (rc != IM_OK)
		return rc;
	if (found < known) {
		im_buf_printf(why,
			"%s.db has schema version %d, this program needs version %d; start "
			"im-bridge "
			"(or run imctl) of the same version once, it brings the database up to "
			"date",
			database, found, known);
		return IM_E_FORMAT;
	}
	return IM_OK;
}
