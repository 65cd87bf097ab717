/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log in SQLite: the table that store.h promises, and opening. Each part of it is a file of its
 * own: writing, reading, conversations, places, what is unread, ordinals, retention. All of them
 * stand on store_sqlite_core.h, and none on this one.
 */
#include <stdlib.h>

#include "bridge/store/store_sqlite_conv.h"
#include "bridge/store/store_sqlite_number.h"
#include "bridge/store/store_sqlite_prune.h"
#include "bridge/store/store_sqlite_read.h"
#include "bridge/store/store_sqlite_shown.h"
#include "bridge/store/store_sqlite_unread.h"
#include "bridge/store/store_sqlite_write.h"
#include "db/sqldb_backup.h"

static void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->q.stmt)
		sqldb_close(&s->q);
	store_sqlite_convs_clear(s);
	store_sqlite_free(s);
}

static int start(struct store *s)
{
	int rc = sqldb_count(&s->q, sqldb_get(&s->q, STORE_LOG_HEAD), &s->log_head);

	if (rc != IM_OK)
		return rc;
	rc = store_sqlite_number_start(s);
	return rc == IM_OK ? store_sqlite_convs_load(s) : rc;
}

static int store_open(const char *where, struct store **out, struct im_buf *why)
{
	struct store *s = store_sqlite_new(where);
	int rc;

	if (!s)
		return IM_E_NOMEM;
	rc = sqldb_open(&s->q, where, &store_sqlite_spec, SQLDB_WRITER, why);
	if (rc == IM_OK) {
		rc = start(s);
		if (rc != IM_OK)
			im_buf_printf(why, "%s/messages.db cannot be used: %s", where, s->q.err);
	}
	if (rc != IM_OK)
		store_close(s);
	else
		*out = s;
	return rc;
}

static const char *store_errmsg(const struct store *s)
{
	return s->q.err;
}

static int store_clean(struct store *s, uint32_t *at, bool *done_out)
{
	return sqldb_clean_step(&s->q, at, done_out);
}

/* A copy of the log is one of its database. */
static int store_backup_step(struct store *s, const char *where, struct store_copy **copy,
	bool *done_out, struct im_buf *why)
{
	struct sqldb_backup *b = (struct sqldb_backup *)*copy;
	int rc = sqldb_backup_step(&s->q, where, &b, done_out, why);

	*copy = (struct store_copy *)b;
	return rc;
}

static void store_backup_end(struct store_copy **copy)
{
	struct sqldb_backup *b = (struct sqldb_backup *)*copy;

	sqldb_backup_end(&b);
	*copy = NULL;
}

const struct store_backend store_sqlite = {
	.name = "sqlite",
	.open = store_open,
	.close = store_close,
	.errmsg = store_errmsg,
	.begin = store_sqlite_begin,
	.conv = store_sqlite_conv,
	.head = store_sqlite_write_head,
	.append = store_sqlite_append,
	.get = store_sqlite_get,
	.amend = store_sqlite_amend,
	.origin = store_sqlite_origin,
	.commit = store_sqlite_commit,
	.rollback = store_sqlite_rollback,
	.log_head = store_sqlite_log_head,
	.marks = store_sqlite_marks,
	.prune = store_sqlite_prune,
	.expire = store_sqlite_expire,
	.number = store_sqlite_number,
	.clean = store_clean,
	.backup_step = store_backup_step,
	.backup_end = store_backup_end,
	.reader_open = store_sqlite_reader_open,
	.reader_close = store_sqlite_reader_close,
	.reader_errmsg = store_sqlite_reader_errmsg,
	.view_begin = store_sqlite_view_begin,
	.view_end = store_sqlite_view_end,
	.reader_watch = store_sqlite_reader_watch,
	.find_conv = store_sqlite_reader_conv,
	.get_conv = store_sqlite_get_conv,
	.user_convs = store_sqlite_user_convs,
	.read_head = store_sqlite_read_head,
	.read_conv = store_sqlite_read_conv,
	.read_shown_conv = store_sqlite_read_shown_conv,
	.read_log = store_sqlite_read_log,
	.read_shown = store_sqlite_read_shown,
	.unread = store_sqlite_unread,
	.mentions = store_sqlite_mentions,
};
