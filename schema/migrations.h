/* SPDX-License-Identifier: BSD-3-Clause */
/* The SQL files under schema/sqlite/, embedded at build (schema/embed.sh). */
#ifndef IM_SCHEMA_MIGRATIONS_H
#define IM_SCHEMA_MIGRATIONS_H

#include "db/migrate.h"

/* Of all databases: "directory", "messages", "search". The step of schema/sqlite/{database}/
 * NNN_name.sql has the version NNN. */
extern const struct migration schema_migrations[];

#endif
