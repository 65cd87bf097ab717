/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of directory.db share: the handle, its statements, and the row in hand. */
#ifndef IM_BRIDGE_DIRECTORY_SQL_H
#define IM_BRIDGE_DIRECTORY_SQL_H

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"
#include "db/sqldb.h"
#include "schema/account.h"

enum directory_statement {
#define X(name, sql) DIR_##name,
#include "schema/sqlite/directory.def"
#undef X
	DIR_STATEMENTS
};
extern const struct sqldb_spec directory_spec;

struct directory {
	struct sqldb q;
	struct im_buf row;   /* the strings of the row that was returned last */
	uint64_t event_head; /* to be written with this transaction; 0: nothing */
	struct accounts *accounts;
};

/* The first row of a statement, whose strings can be kept: those of the last one are forgotten.
 * Then sqldb_done is the caller's. IM_E_NONE: there is none. */
int directory_row(struct directory *d, sqlite3_stmt *st) IM_MUST_CHECK;
/* A string of that row, copied to where the handle keeps them; in the order of the columns. */
struct im_str directory_keep(struct directory *d, sqlite3_stmt *st, int column);
/* Whether the rule of names lets it be given; what: ACCOUNT_USER, ACCOUNT_GROUP. */
int directory_nameable(struct directory *d, const char *what, struct im_str name) IM_MUST_CHECK;
/* Runs an UPDATE or DELETE; IM_E_NONE if it met no row. */
int directory_change(struct directory *d, sqlite3_stmt *st) IM_MUST_CHECK;

#endif
