/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * directory.db: opening, transactions, meta numbers. The tables are in directory_user.c,
 * directory_group.c and directory_conv.c.
 */
#include "bridge/directory/directory.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_sql.h"
#include "db/sqldb_backup.h"
#include "schema/migrations.h"

static const char *const statements[DIR_STATEMENTS] = {
#define X(name, sql) [DIR_##name] = sql,
#include "schema/sqlite/directory.def"
#undef X
};

/* Users and members of who is writing now; a million users are 100 MB. */
static const struct sqldb_spec spec = {.name = "directory",
	.migrations = schema_migrations,
	.sql = statements,
	.n_sql = DIR_STATEMENTS,
	.writer_kib = 32 * 1024,
	.reader_kib = 8 * 1024};

static int open_mode(
	const char *folder, enum sqldb_mode mode, struct directory **out, struct im_buf *why)
{
	struct directory *d = calloc(1, sizeof(*d));
	int ret;
	if (!d)
		return IM_E_NOMEM;
	im_buf_init(&d->row, 0);
	ret = sqldb_open(&d->q, folder, &spec, mode, why);
	if (ret == IM_OK) {
		d->accounts = accounts_open(d->q.db, folder);
		ret = d->accounts ? IM_OK : IM_E_NOMEM;
		if (ret != IM_OK)
			sqldb_close(&d->q);
	}
	if (ret != IM_OK)
		free(d);
	else
		*out = d;
	return ret;
}

int directory_open(const char *folder, struct directory **out, struct im_buf *why)
{
	return open_mode(folder, SQLDB_WRITER, out, why);
}

int directory_open_reader(const char *folder, struct directory **out, struct im_buf *why)
{
	return open_mode(folder, SQLDB_READER, out, why);
}

void directory_close(struct directory **d)
{
	if (!*d)
		return;
	accounts_close(&(*d)->accounts);
	sqldb_close(&(*d)->q);
	im_buf_free(&(*d)->row);
	free(*d);
	*d = NULL;
}

int directory_begin(struct directory *d)
{
	d->event_head = 0;
	return sqldb_begin(&d->q);
}

int directory_commit(struct directory *d)
{
	int ret = IM_OK;
	if (d->event_head) {
		sqlite3_stmt *st = sqldb_get(&d->q, DIR_EVENT_HEAD_SET);
		sqldb_bind_id(st, 1, d->event_head);
		ret = sqldb_run(&d->q, st);
	}
	d->event_head = 0;
	if (ret == IM_OK)
		return sqldb_commit(&d->q);
	sqldb_rollback(&d->q);
	return ret;
}

void directory_rollback(struct directory *d)
{
	d->event_head = 0;
	sqldb_rollback(&d->q);
}

int directory_view_begin(struct directory *d)
{
	return sqldb_view_begin(&d->q);
}

void directory_view_end(struct directory *d)
{
	sqldb_view_end(&d->q);
}

void directory_watch(struct directory *d, int (*passed)(void *arg), void *arg)
{
	sqldb_watch(&d->q, passed, arg);
}

int directory_meta_get(struct directory *d, const char *key, uint64_t *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_META_GET);
	int ret;
	sqldb_bind_text(st, 1, im_str(key));
	ret = sqldb_count(&d->q, st, out);
	return ret == IM_E_NONE ? IM_OK : ret;
}

int directory_meta_set(struct directory *d, const char *key, uint64_t value)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_META_SET);
	sqldb_bind_text(st, 1, im_str(key));
	sqldb_bind_id(st, 2, value);
	return sqldb_run(&d->q, st);
}

int directory_setting_set(struct directory *d, const char *key, struct im_str value)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_SETTING_SET);
	sqldb_bind_text(st, 1, im_str(key));
	sqldb_bind_text(st, 2, value);
	return sqldb_run(&d->q, st);
}

int directory_clean_step(struct directory *d, uint32_t *page, bool *done_out)
{
	return sqldb_clean_step(&d->q, page, done_out);
}

int directory_backup_step(struct directory *d, const char *folder, struct sqldb_backup **copy,
	bool *done_out, struct im_buf *why)
{
	return sqldb_backup_step(&d->q, folder, copy, done_out, why);
}

const char *directory_errmsg(const struct directory *d)
{
	return d->q.err;
}

int directory_keep_begin(struct directory *d, sqlite3_stmt *st)
{
	size_t n = 0;
	for (int i = 0; i < sqlite3_column_count(st); i++)
		n += (size_t)sqlite3_column_bytes(st, i);
	im_buf_reset(&d->row);
	/* All at once, so that nothing moves when the strings are added. */
	if (n > 0 && !im_buf_add(&d->row, n))
		return IM_E_NOMEM;
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

struct accounts *directory_accounts(struct directory *d)
{
	return d->q.in_tx && d->q.failed ? NULL : d->accounts;
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
	struct accounts *a = directory_accounts(d);
	enum account_name is = ACCOUNT_FREE;
	struct im_buf holder;
	int ret;
	if (!a)
		return IM_E_IO;
	im_buf_init(&holder, 0);
	ret = strcmp(what, ACCOUNT_USER) == 0 ? accounts_user_name(a, name, &is, &holder)
					      : accounts_group_name(a, name, &is, &holder);
	if (ret != IM_OK)
		ret = sqldb_failed(&d->q);
	else if (is != ACCOUNT_FREE)
		ret = taken(d, is, what, name, im_buf_view(&holder));
	im_buf_free(&holder);
	return ret;
}

int directory_check_names(
	struct directory *d, struct check_place *place, uint32_t findings, check_fn fn, void *arg)
{
	int ret = check_names(d->q.db, place, findings, fn, arg);
	return ret == IM_E_IO ? sqldb_failed(&d->q) : ret;
}

int directory_change(struct directory *d, sqlite3_stmt *st)
{
	int ret = sqldb_run(&d->q, st);
	if (ret == IM_OK && sqldb_changes(&d->q) == 0)
		return IM_E_NONE;
	return ret;
}
