/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The numbered SQL files under schema/sqlite/, embedded at build, and their application to a
 * database. Used by the bridge and by imctl; the plugin only checks the version.
 */
#ifndef IM_SCHEMA_MIGRATE_H
#define IM_SCHEMA_MIGRATE_H

#include <sqlite3.h>

#include "common/buf.h"
#include "common/err.h"

/* One migration, generated from schema/sqlite/{database}/NNN_name.sql. */
struct schema_migration {
	const char *database; /* "directory", "messages", "search" */
	int version;          /* NNN */
	const char *sql;
};
extern const struct schema_migration schema_migrations[]; /* ends with database == NULL */

/* The newest version this program knows. */
int schema_version(const char *database);
/* Brings an open, writable database up to date, each migration in a transaction of its own
 * (PRAGMA user_version holds the number). IM_E_FORMAT: the database is newer than the program;
 * IM_E_IO: SQLite said no. `why` gets a sentence that names both versions and what to do. */
int schema_migrate(sqlite3 *db, const char *database, struct im_buf *why) IM_MUST_CHECK;
/* For readers: IM_OK if the database has exactly the version this program knows. */
int schema_check(sqlite3 *db, const char *database, struct im_buf *why) IM_MUST_CHECK;

#endif
