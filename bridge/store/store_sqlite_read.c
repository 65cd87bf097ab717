/* SPDX-License-Identifier: BSD-3-Clause */
/* The readers of the SQLite backend: each has a read-only connection of its own. Their views and
 * conversations are in store_sqlite_conv.c. */
#include "bridge/store/store_sqlite_read.h"

#include <stdlib.h>

#include "bridge/store/store_sqlite_conv.h"
#include "bridge/store/store_sqlite_place.h"

int store_sqlite_reader_open(struct store *s, struct store_reader **out)
{
	struct im_buf why;
	struct store_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return IM_E_NOMEM;
	r->s = s;
	im_buf_init(&why, 0);
	rc = sqldb_open(&r->q, s->folder, &store_sqlite_spec, SQLDB_READER, &why);
	im_buf_free(&why);
	if (rc != IM_OK)
		free(r);
	else
		*out = r;
	return rc;
}

void store_sqlite_reader_close(struct store_reader *r)
{
	if (!r)
		return;
	store_sqlite_view_end(r);
	sqldb_close(&r->q);
	free(r);
}

const char *store_sqlite_reader_errmsg(const struct store_reader *r)
{
	return r->q.err;
}

void store_sqlite_reader_watch(struct store_reader *r, int (*passed)(void *arg), void *arg)
{
	sqldb_watch(&r->q, passed, arg);
}

int store_sqlite_read_head(struct store_reader *r, uint64_t conv, struct store_head *out)
{
	struct store_place p;
	int rc = store_sqlite_find_head(&r->q, conv, &p);

	*out = p.at;
	return rc;
}

static struct store_msg msg_of_row(sqlite3_stmt *st)
{
	return (struct store_msg){
		.gid = sqldb_id(st, 0),
		.conv = sqldb_id(st, 1),
		.seq = sqldb_id(st, 2),
		.sender = sqldb_id(st, 3),
		.ts_ms = sqldb_int(st, 4),
		.enc = (enum im_enc)sqldb_int(st, 5),
		.type = sqldb_str(st, 6),
		.id = sqldb_str(st, 7),
		.meta = sqldb_str(st, 8),
		.recalled = sqldb_null(st, 9),
		.body = sqldb_str(st, 9),
	};
}

static int walk(struct sqldb *q, sqlite3_stmt *st, store_msg_fn fn, void *arg)
{
	int rc;

	while ((rc = sqldb_step(q, st)) == SQLDB_ROW) {
		struct store_msg m = msg_of_row(st);

		rc = fn(arg, &m);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

/* SQLite's integers end at 2^63 - 1; a caller's "to the end" may be more. */
static uint64_t clamp(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : v;
}

int store_sqlite_walk_conv(struct sqldb *q, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(q, descending ? STORE_READ_CONV_DOWN : STORE_READ_CONV_UP);

	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, clamp(lo));
	sqldb_bind_id(st, 3, clamp(hi));
	return walk(q, st, fn, arg);
}

int store_sqlite_read_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg)
{
	return store_sqlite_walk_conv(&r->q, conv, lo, hi, descending, fn, arg);
}

int store_sqlite_read_log(struct store_reader *r, uint64_t lo, uint64_t hi, bool descending,
	store_msg_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&r->q, descending ? STORE_READ_LOG_DOWN : STORE_READ_LOG_UP);

	sqldb_bind_id(st, 1, clamp(lo));
	sqldb_bind_id(st, 2, clamp(hi));
	return walk(&r->q, st, fn, arg);
}
