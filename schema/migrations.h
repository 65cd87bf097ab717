/* SPDX-License-Identifier: BSD-3-Clause */
/* The SQL files under schema/sqlite/ and schema/postgres/, embedded at build (schema/embed.sh). */
#ifndef IM_SCHEMA_MIGRATIONS_H
#define IM_SCHEMA_MIGRATIONS_H

#include "db/migrate.h"

/* Of all databases: "directory", "messages", "search". The step of schema/sqlite/{database}/
 * NNN_name.sql has the version NNN. */
extern const struct migration schema_migrations[];
/* Of the schema that a cluster has in PostgreSQL: "postgres". Version 0 makes the place where the
 * number stands; in the bridge alone. */
extern const struct migration schema_postgres[];

#endif
