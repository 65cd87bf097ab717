/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * directory.db: opening, transactions, meta numbers. Each table's rows are in a file of their own;
 * what those share is in directory_sql.c.
 */
#include "bridge/directory/directory.h"

#include <stdlib.h>

#include "bridge/directory/directory_sql.h"
#include "db/sqldb_backup.h"

static int open_mode(
	const char *folder, enum sqldb_mode mode, struct directory **out, struct im_buf *why)
{
	struct directory *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return IM_E_NOMEM;
	im_buf_init(&d->row, 0);
	rc = sqldb_open(&d->q, folder, &directory_spec, mode, why);
	if (rc == IM_OK) {
		d->accounts = accounts_open(&d->q, folder);
		rc = d->accounts ? IM_OK : IM_E_NOMEM;
		if (rc != IM_OK)
			sqldb_close(&d->q);
	}
	if (rc != IM_OK)
		free(d);
	else
		*out = d;
	return rc;
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
	int rc = IM_OK;

	if (d->event_head) {
		sqlite3_stmt *st = sqldb_get(&d->q, DIR_EVENT_HEAD_SET);

		sqldb_bind_id(st, 1, d->event_head);
		rc = sqldb_run(&d->q, st);
	}
	d->event_head = 0;
	if (rc == IM_OK)
		return sqldb_commit(&d->q);
	sqldb_rollback(&d->q);
	return rc;
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
	int rc;

	sqldb_bind_text(st, 1, im_str(key));
	rc = sqldb_count(&d->q, st, out);
	return rc == IM_E_NONE ? IM_OK : rc;
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

int directory_check_names(
	struct directory *d, struct check_place *place, uint32_t findings, check_fn fn, void *arg)
{
	return check_names(&d->q, place, findings, fn, arg);
}
