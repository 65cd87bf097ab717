/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Retention and expiry in the SQLite backend: one small transaction a call, between the engine's
 * own. What is to go is read first and deleted then, so that no statement changes the rows that it
 * walks over.
 */
#include "bridge/store/store_sqlite_prune.h"

#include <stdlib.h>

#include "bridge/store/store_sqlite_mention.h"
#include "bridge/store/store_sqlite_place.h"

/* Rows looked at in one call, for each that may be deleted: a call stays short even where much is
 * to be kept (excepted conversations, newest messages). */
#define LOOK_FACTOR 8
/* So many newer messages in a row end the walk over the log: a clock that was ahead for a moment
 * does not hide older messages behind it. */
#define NEWER_MAX 1000
#define LIMIT_MAX 10000

/* Does one thing to each of n items of `size` bytes, in one transaction: all of it or nothing. */
static int do_all(struct store *s, int (*one)(struct store *s, const void *item), const void *items,
	size_t size, uint32_t n)
{
	const char *item = items;
	int rc;

	if (n == 0)
		return IM_OK;
	rc = sqldb_begin(&s->q);
	for (uint32_t i = 0; i < n && rc == IM_OK; i++, item += size)
		rc = one(s, item);
	if (rc == IM_OK)
		return sqldb_commit(&s->q);
	sqldb_rollback(&s->q);
	return rc;
}

struct victim {
	uint64_t gid, conv, seq, sender;
	bool counts;
};

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static struct victim victim_of_row(sqlite3_stmt *st)
{
	return (struct victim){.gid = sqldb_id(st, 0),
		.conv = sqldb_id(st, 1),
		.seq = sqldb_id(st, 2),
		.sender = sqldb_id(st, 3),
		.counts = kind_counts(sqldb_str(st, 5))};
}

/* Of one conversation: the oldest ones, up to the first that is to be kept. */
static int find_in_conv(struct store *s, uint64_t conv, int64_t before_ms, uint32_t limit,
	struct victim *v, uint32_t *n_out)
{
	struct store_place head;
	sqlite3_stmt *st;
	int rc = store_sqlite_head(s, conv, &head);

	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&s->q, STORE_PRUNE_CONV);
	sqldb_bind_id(st, 1, conv);
	sqldb_bind_int(st, 2, limit);
	while ((rc = sqldb_step(&s->q, st)) == SQLDB_ROW) {
		struct victim x = victim_of_row(st);

		if (sqldb_int(st, 4) >= before_ms || x.seq >= head.at.seq) {
			sqldb_done(st);
			return IM_OK;
		}
		v[(*n_out)++] = x;
	}
	return rc;
}

/* Of the whole log, from where the last call ended. */
static int find_in_log(struct store *s, const uint64_t *except, size_t n_except, int64_t before_ms,
	uint32_t limit, struct victim *v, uint32_t *n_out)
{
	uint32_t looked = 0, look_max = limit * LOOK_FACTOR;
	uint32_t newer = 0;
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_PRUNE_LOG);
	int rc;

	sqldb_bind_id(st, 1, s->prune_after);
	sqldb_bind_int(st, 2, look_max);
	while ((rc = sqldb_step(&s->q, st)) == SQLDB_ROW) {
		struct victim x = victim_of_row(st);
		struct store_place head;

		looked++;
		s->prune_after = x.gid;
		if (sqldb_int(st, 4) >= before_ms) {
			if (++newer < NEWER_MAX)
				continue;
			s->prune_after = 0;
			break;
		}
		newer = 0;
		if (n_except && bsearch(&x.conv, except, n_except, sizeof(*except), compare_ids))
			continue;
		rc = store_sqlite_head(s, x.conv, &head);
		if (rc != IM_OK)
			break;
		if (x.seq >= head.at.seq)
			continue;
		v[(*n_out)++] = x;
		if (*n_out == limit)
			break;
	}
	if (rc == IM_OK && looked < look_max)
		s->prune_after = 0; /* the log's end: begin again next time */
	if (rc == SQLDB_ROW)
		rc = IM_OK;
	if (st)
		sqldb_done(st);
	return rc;
}

static int on_place(struct store *s, int which, const struct victim *v)
{
	sqlite3_stmt *st = sqldb_get(&s->q, which);

	sqldb_bind_id(st, 1, v->conv);
	sqldb_bind_id(st, 2, v->seq);
	return sqldb_run(&s->q, st);
}

/* What is unread is counted from the oldest message that is left: before it no note of what is gone
 * is needed any more. Behind an older one that stays, what counted is gone from now on, and its
 * sender had spoken there all the same; but where the older one has no ordinals yet, it will get
 * them without what is deleted. */
static int keep_count(struct store *s, const struct victim *v)
{
	struct store_place older;
	int rc = store_sqlite_place_down(&s->q, v->conv, v->seq - 1, &older);

	if (rc != IM_OK)
		return rc;
	if (older.at.seq == 0)
		return on_place(s, STORE_GONE_FORGET, v);
	if (!v->counts)
		return IM_OK;
	rc = older.numbered ? store_sqlite_gone(&s->q, v->gid) : on_place(s, STORE_GONE_DROP, v);
	return rc == IM_OK ? store_sqlite_spoke_put(&s->q, v->conv, v->sender, v->seq) : rc;
}

static int delete_one(struct store *s, const void *item)
{
	const struct victim *v = item;
	sqlite3_stmt *st;
	int rc = keep_count(s, v);

	if (rc == IM_OK && v->counts)
		rc = store_sqlite_mention_drop(&s->q, v->gid);
	if (rc == IM_OK)
		rc = on_place(s, STORE_PRUNE_INDEX, v);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&s->q, STORE_PRUNE_MESSAGE);
	sqldb_bind_id(st, 1, v->gid);
	rc = sqldb_run(&s->q, st);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&s->q, STORE_COPY_REMOVE);
	sqldb_bind_id(st, 1, v->gid);
	return sqldb_run(&s->q, st);
}

int store_sqlite_prune(struct store *s, uint64_t conv, const uint64_t *except, size_t n_except,
	int64_t before_ms, uint32_t limit, uint32_t *deleted_out)
{
	struct victim *v;
	uint32_t n = 0;
	int rc;

	*deleted_out = 0;
	if (limit == 0)
		return IM_OK;
	if (limit > LIMIT_MAX)
		limit = LIMIT_MAX;
	v = malloc(limit * sizeof(*v));
	if (!v)
		return IM_E_NOMEM;
	rc = conv ? find_in_conv(s, conv, before_ms, limit, v, &n)
		  : find_in_log(s, except, n_except, before_ms, limit, v, &n);
	if (rc == IM_OK)
		rc = do_all(s, delete_one, v, sizeof(*v), n);
	if (rc == IM_OK)
		*deleted_out = n;
	free(v);
	return rc;
}

/* -- expiry -- */

struct due {
	int64_t at_ms;
	uint64_t gid;
};

static int find_due(struct store *s, int64_t now_ms, uint32_t limit, struct due *v, uint32_t *n_out)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_EXPIRY_DUE);
	int rc;

	sqldb_bind_int(st, 1, now_ms);
	sqldb_bind_int(st, 2, limit);
	while ((rc = sqldb_step(&s->q, st)) == SQLDB_ROW)
		v[(*n_out)++] = (struct due){sqldb_int(st, 0), sqldb_id(st, 1)};
	return rc;
}

static int expire_one(struct store *s, const void *item)
{
	const struct due *v = item;
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_EXPIRE);
	int rc;

	sqldb_bind_id(st, 1, v->gid);
	rc = sqldb_run(&s->q, st);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&s->q, STORE_EXPIRY_DONE);
	sqldb_bind_int(st, 1, v->at_ms);
	sqldb_bind_id(st, 2, v->gid);
	return sqldb_run(&s->q, st);
}

int store_sqlite_expire(struct store *s, int64_t now_ms, uint32_t limit, uint32_t *expired_out)
{
	struct due *v = malloc(limit * sizeof(*v));
	uint32_t n = 0;
	int rc;

	*expired_out = 0;
	if (!v)
		return IM_E_NOMEM;
	rc = find_due(s, now_ms, limit, v, &n);
	if (rc == IM_OK)
		rc = do_all(s, expire_one, v, sizeof(*v), n);
	if (rc == IM_OK)
		*expired_out = n;
	free(v);
	return rc;
}
