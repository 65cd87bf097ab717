/* SPDX-License-Identifier: BSD-3-Clause */
/* The file search.db: its statements, and opening it with the tokenizers registered. */
#ifndef IM_BRIDGE_SEARCH_DB_H
#define IM_BRIDGE_SEARCH_DB_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "db/sqldb.h"

enum search_statement {
#define X(name, sql) SEARCH_##name,
#include "schema/sqlite/search.def"
#undef X
	SEARCH_STATEMENTS
};

/* Opens {folder}/search.db; creates it when `writable`. A file that is damaged, of another version
 * or another user's is removed when `writable`: all of it can be built again. */
int search_db_open(
	const char *folder, bool writable, struct sqldb *out, struct im_buf *why) IM_MUST_CHECK;
/* The same of one that was opened for writing, and what has failed in it since is its fault. *q is
 * open afterwards, or nothing is. */
int search_db_open_anew(const char *folder, struct sqldb *q, struct im_buf *why) IM_MUST_CHECK;

/* Removes the index; it is built again by whoever opens it for writing. Not while it is open. */
void search_db_remove(const char *folder);

#endif
