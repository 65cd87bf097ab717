/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places of messages in the SQLite backend, with their ordinals: how many messages a conversation
 * has through each that count (ord) and that are shown (shown). The writer gives a message its
 * predecessor's, plus itself; what an earlier version has stored gets them later, from the newest
 * message of a conversation downwards, so that those that have ordinals are always its newest ones.
 */
#include "bridge/store/store_sqlite_place.h"

static int step_place(struct sqldb *q, sqlite3_stmt *st, struct store_place *out)
{
	int rc = sqldb_step(q, st);

	*out = (struct store_place){0};
	if (rc != SQLDB_ROW)
		return rc;
	*out = (struct store_place){
		.at = {sqldb_id(st, 0), sqldb_id(st, 1)}, .numbered = !sqldb_null(st, 2)};
	out->ord = out->at.seq - sqldb_id(st, 2);
	out->shown = out->at.seq - sqldb_id(st, 3);
	sqldb_done(st);
	return IM_OK;
}

void store_sqlite_bind_ordinals(sqlite3_stmt *st, int at, const struct store_place *p)
{
	sqldb_bind_id(st, at, p->at.seq - p->ord);
	sqldb_bind_id(st, at + 1, p->at.seq - p->shown);
}

int store_sqlite_find_head(struct sqldb *q, uint64_t conv, struct store_place *out)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_HEAD);

	sqldb_bind_id(st, 1, conv);
	return step_place(q, st, out);
}

static int find_place(
	struct sqldb *q, int which, uint64_t conv, uint64_t seq, struct store_place *out)
{
	sqlite3_stmt *st = sqldb_get(q, which);

	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, seq);
	return step_place(q, st, out);
}

int store_sqlite_place_up(struct sqldb *q, uint64_t conv, uint64_t seq, struct store_place *out)
{
	return find_place(q, STORE_PLACE_UP, conv, seq, out);
}

int store_sqlite_place_down(struct sqldb *q, uint64_t conv, uint64_t seq, struct store_place *out)
{
	return find_place(q, STORE_PLACE_DOWN, conv, seq, out);
}

/* Steps back from `from` that double, because it is mostly near, and halves from there on. */
int store_sqlite_first_place(struct sqldb *q, uint64_t conv, const struct store_place *from,
	uint64_t shown, struct store_place *first_out, struct store_place *before_out)
{
	uint64_t lo = 0, step = 1;

	*first_out = *from;
	*before_out = (struct store_place){0};
	while (lo + 1 < first_out->at.seq) {
		uint64_t hi = first_out->at.seq;
		uint64_t asked = step && hi - lo > step ? hi - step : lo + (hi - lo) / 2;
		struct store_place p;
		int rc = store_sqlite_place_down(q, conv, asked, &p);

		if (rc != IM_OK)
			return rc;
		if (p.at.seq <= lo) {
			lo = asked; /* nothing is left in between */
		} else if (p.numbered && p.shown >= shown) {
			*first_out = p;
			step *= 2;
		} else {
			*before_out = p;
			lo = asked;
			step = 0;
		}
	}
	return IM_OK;
}

int store_sqlite_kind_at(struct sqldb *q, uint64_t gid, enum kind *out)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_TYPE_AT);
	int rc;

	*out = KIND_OPERATION;
	sqldb_bind_id(st, 1, gid);
	rc = sqldb_step(q, st);
	if (rc != SQLDB_ROW)
		return rc;
	*out = kind_of(sqldb_str(st, 0));
	sqldb_done(st);
	return IM_OK;
}

int store_sqlite_spoke(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t *seq_out)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_SPOKE_GET);
	int rc;

	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, user);
	rc = sqldb_count(q, st, seq_out);
	return rc == IM_E_NONE ? IM_OK : rc;
}

int store_sqlite_spoke_put(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t seq)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_SPOKE_PUT);

	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, user);
	sqldb_bind_id(st, 3, seq);
	return sqldb_run(q, st);
}

int store_sqlite_gone(struct sqldb *q, uint64_t gid)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_GONE_ADD);

	sqldb_bind_id(st, 1, gid);
	return sqldb_run(q, st);
}

void store_sqlite_remember_head(struct store *s, uint64_t conv, const struct store_place *p)
{
	const uint64_t value[IDCACHE_VALUES] = {p->at.seq, p->at.gid, p->ord, p->shown};

	store_sqlite_remember(s, &s->heads, conv, 0, value);
}

int store_sqlite_head(struct store *s, uint64_t conv, struct store_place *out)
{
	uint64_t value[IDCACHE_VALUES];
	int rc;

	if (idcache_get(&s->heads, conv, 0, value)) {
		*out = (struct store_place){{value[0], value[1]}, value[2], value[3], true};
		return IM_OK;
	}
	rc = store_sqlite_find_head(&s->q, conv, out);
	/* Without ordinals it will get its seq for both, store_sqlite_number.c. */
	out->numbered = true;
	if (rc == IM_OK)
		store_sqlite_remember_head(s, conv, out);
	return rc;
}
