/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbered steps that bring a database up to the version that a program knows. Whoever writes a
 * database applies them; whoever only reads it checks the version.
 */
#ifndef IM_DB_MIGRATE_H
#define IM_DB_MIGRATE_H

#include <sqlite3.h>

#include "common/buf.h"
#include "common/err.h"

/* One step. A list ends with database == NULL, and may be of several databases. */
struct migration {
	const char *database; /* the name of its file, without ".db" */
	int version;
	const char *sql;
};

/* The newest version that the list knows. */
int migrate_version(const struct migration *list, const char *database);
/* Brings an open, writable database up to date, each step in a transaction of its own (PRAGMA
 * user_version holds the number). IM_E_FORMAT: the database is newer than the program, damaged, or
 * its tables are not those of its version; IM_E_IO, IM_E_NOMEM. `why` gets a sentence that says
 * what is wrong and, of a newer one, what to do. */
int migrate_apply(sqlite3 *db, const struct migration *list, const char *database,
	struct im_buf *why) IM_MUST_CHECK;
/* For readers: IM_OK if the database has exactly the version that the list knows. */
int migrate_check(sqlite3 *db, const struct migration *list, const char *database,
	struct im_buf *why) IM_MUST_CHECK;

#endif
