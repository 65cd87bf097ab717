/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the strings of the row in hand. Called by the files of directory.db; calls none of them. */
#include "bridge/directory/directory_sql.h"

#include <string.h>

#include "schema/migrations.h"

static const char *const statements[DIR_STATEMENTS] = {
#define X(name, sql) [DIR_##name] = sql,
#include "schema/sqlite/directory.def"
#undef X
};

/* Users and members of who is writing now; a million users are 100 MB. */
const struct sqldb_spec directory_spec = {.name = "directory",
	.migrations = schema_migrations,
	.sql = statements,
	.n_sql = DIR_STATEMENTS,
	.writer_kib = 32 * 1024,
	.reader_kib = 8 * 1024};

int directory_row(struct directory *d, sqlite3_stmt *st)
{
	int rc = sqldb_step(&d->q, st);
	size_t n;

	if (rc != SQLDB_ROW)
		return rc == IM_OK ? IM_E_NONE : rc;
	n = sqldb_row_bytes(st);
	im_buf_reset(&d->row);
	/* All at once, so that nothing moves when the strings are added. */
	if (n > 0 && !im_buf_add(&d->row, n)) {
		sqldb_done(st);
		return IM_E_NOMEM;
	}
	d->row.n = 0;
	return IM_OK;
}

struct im_str directory_keep(struct directory *d, sqlite3_stmt *st, int column)
{
	struct im_str s = sqldb_str(st, column);
	char *p;

	if (s.n == 0)
		return (struct im_str){"", 0};
	p = d->row.p + d->row.n;
	im_buf_str(&d->row, s);
	return (struct im_str){p, s.n};
}

static int taken(struct directory *d, enum account_name is, const char *what, struct im_str name,
	struct im_str holder)
{
	struct im_buf why;

	im_buf_init(&why, 0);
	accounts_explain(is, what, name, holder, &why);
	im_buf_c(&why, '\0');
	sqldb_fail(&d->q, IM_E_EXISTS, why.failed ? "the name is taken" : why.p);
	im_buf_free(&why);
	return IM_E_EXISTS;
}

int directory_nameable(struct directory *d, const char *what, struct im_str name)
{
	enum account_name is = ACCOUNT_FREE;
	struct im_buf holder;
	int rc;

	im_buf_init(&holder, 0);
	rc = strcmp(what, ACCOUNT_USER) == 0 ? accounts_user_name(d->accounts, name, &is, &holder)
					     : accounts_group_name(d->accounts, name, &is, &holder);
	if (rc == IM_OK && is != ACCOUNT_FREE)
		rc = taken(d, is, what, name, im_buf_view(&holder));
	im_buf_free(&holder);
	return rc;
}

int directory_change(struct directory *d, sqlite3_stmt *st)
{
	int rc = sqldb_run(&d->q, st);

	if (rc == IM_OK && sqldb_changes(&d->q) == 0)
		return IM_E_NONE;
	return rc;
}
