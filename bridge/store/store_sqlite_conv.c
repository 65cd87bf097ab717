/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversations in the SQLite backend. A new one is a row at the end of table conv, and is held in
 * memory (fresh.h) until it is in table pair, by which it is found. When enough have come together
 * they are sorted, and every later transaction that makes new ones takes some of them along into
 * pair: neighbours share pages there, so a new conversation costs a part of a page and not two.
 * Which ones are in the table for certain is kept in meta, in the same transaction as the last of
 * them; after a restart the others are read from conv again.
 */
#include "bridge/store/store_sqlite_conv.h"

#include <stdlib.h>

/* So many are sorted and moved at a time: 6 MB in memory, and half as many again come meanwhile. */
#define MOVE_CONVS (64 * 1024)
/* Rows that go along for each new conversation: the two of a pair, twice, so that moving ends. */
#define ROWS_PER_CONV 4

struct pair_row {
	uint64_t user, peer, conv;
};

/* Direct: user ids in order. Group: no user has the id 0. */
static struct fresh_conv key_of(enum im_conv_kind kind, uint64_t a, uint64_t b)
{
	if (kind == IM_CONV_GROUP)
		return (struct fresh_conv){.a = 0, .b = a};
	return (struct fresh_conv){.a = a < b ? a : b, .b = a < b ? b : a};
}

static int find_pair(struct sqldb *q, const struct fresh_conv *key, uint64_t *id_out)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_PAIR_FIND);

	sqldb_bind_id(st, 1, key->a);
	sqldb_bind_id(st, 2, key->b);
	return sqldb_count(q, st, id_out);
}

/* -- the writer ----------------------------------------------------------------------------------
 */

int store_sqlite_convs_load(struct store *s)
{
	uint64_t base;
	sqlite3_stmt *st;
	int rc = sqldb_count(&s->q, sqldb_get(&s->q, STORE_PAIRED_GET), &base);

	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	s->fresh = fresh_new(base);
	if (!s->fresh)
		return IM_E_NOMEM;
	st = sqldb_get(&s->q, STORE_CONV_SINCE);
	sqldb_bind_id(st, 1, base);
	while ((rc = sqldb_step(&s->q, st)) == SQLDB_ROW) {
		struct fresh_conv c = key_of(
			(enum im_conv_kind)sqldb_int(st, 1), sqldb_id(st, 2), sqldb_id(st, 3));

		c.id = sqldb_id(st, 0);
		rc = fresh_add(s->fresh, &c);
		if (rc != IM_OK) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

/* It belongs to the open transaction. */
static int list_new(struct store *s, const struct fresh_conv *c)
{
	int rc = fresh_add(s->fresh, c);

	if (rc != IM_OK) {
		s->q.failed = true;
		return sqldb_fail(&s->q, rc, "out of memory");
	}
	if (s->n_new++ == 0)
		s->first_new = c->id;
	return IM_OK;
}

static int add(struct store *s, enum im_conv_kind kind, struct fresh_conv *c)
{
	sqlite3_stmt *st;
	int rc;

	if (!s->q.in_tx)
		return sqldb_fail(&s->q, IM_E_IO, "a conversation needs an open transaction");
	st = sqldb_get(&s->q, STORE_CONV_ADD);
	sqldb_bind_int(st, 1, kind);
	sqldb_bind_id(st, 2, kind == IM_CONV_GROUP ? c->b : c->a);
	sqldb_bind_id(st, 3, kind == IM_CONV_GROUP ? 0 : c->b);
	rc = sqldb_run(&s->q, st);
	if (rc != IM_OK)
		return rc;
	c->id = sqldb_last_id(&s->q);
	rc = list_new(s, c);
	if (rc == IM_OK)
		store_sqlite_remember(s, &s->heads, c->id, 0, (const uint64_t[IDCACHE_VALUES]){0});
	return rc;
}

int store_sqlite_convs_add(struct store *s, const struct store_conv *c)
{
	struct fresh_conv key = key_of(c->kind, c->a, c->b);

	key.id = c->id;
	return list_new(s, &key);
}

int store_sqlite_conv(struct store *s, enum im_conv_kind kind, uint64_t a, uint64_t b, bool create,
	uint64_t *id_out)
{
	struct fresh_conv c = key_of(kind, a, b);
	uint64_t value[IDCACHE_VALUES] = {0};
	int rc = IM_OK;
	/* A group's key begins with 0, which is no key of the cache. */
	uint64_t k0 = c.a ? c.a : UINT64_MAX;

	if (kind == IM_CONV_USER && c.a == 0)
		return IM_E_NONE;
	if (idcache_get(&s->convs, k0, c.b, value)) {
		*id_out = value[0];
		return IM_OK;
	}
	if (!fresh_find(s->fresh, c.a, c.b, &c.id)) {
		rc = find_pair(&s->q, &c, &c.id);
		if (rc == IM_E_NONE && create)
			rc = add(s, kind, &c);
	}
	if (rc != IM_OK)
		return rc;
	*id_out = c.id;
	value[0] = c.id;
	store_sqlite_remember(s, &s->convs, k0, c.b, value);
	return IM_OK;
}

/* -- moving into the table -----------------------------------------------------------------------
 */

static int by_pair(const void *x, const void *y)
{
	const struct pair_row *a = x;
	const struct pair_row *b = y;

	if (a->user != b->user)
		return a->user < b->user ? -1 : 1;
	return a->peer < b->peer ? -1 : a->peer > b->peer;
}

/* Of committed ones only. Without memory it begins after a later transaction. */
static void begin_move(struct store *s)
{
	struct store_move *m = &s->move;
	uint32_t n = fresh_count(s->fresh);

	m->rows = malloc(2 * (size_t)n * sizeof(*m->rows));
	if (!m->rows)
		return;
	m->n = m->at = m->at_before = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct fresh_conv *c = fresh_at(s->fresh, i);

		m->rows[m->n++] = (struct pair_row){c->a, c->b, c->id};
		if (c->a && c->a != c->b)
			m->rows[m->n++] = (struct pair_row){c->b, c->a, c->id};
		m->through = c->id;
	}
	qsort(m->rows, m->n, sizeof(*m->rows), by_pair);
}

/* The moved ones are in the table of every view that begins from now on; views that began earlier
 * hold on to the old list. */
static void end_move(struct store *s)
{
	struct fresh *next = fresh_new(s->move.through);
	struct fresh *old = s->fresh;
	uint32_t n = fresh_count(old);

	for (uint32_t i = 0; next && i < n; i++) {
		const struct fresh_conv *c = fresh_at(old, i);

		if (c->id > s->move.through && fresh_add(next, c) != IM_OK)
			fresh_release(&next);
	}
	if (!next)
		return; /* no memory: again after the next transaction */
	free(s->move.rows);
	s->move.rows = NULL;
	pthread_mutex_lock(&s->fresh_lock);
	s->fresh = next;
	pthread_mutex_unlock(&s->fresh_lock);
	fresh_release(&old);
}

static int move_row(struct store *s, const struct pair_row *row)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_PAIR_ADD);

	sqldb_bind_id(st, 1, row->user);
	sqldb_bind_id(st, 2, row->peer);
	sqldb_bind_id(st, 3, row->conv);
	return sqldb_run(&s->q, st);
}

int store_sqlite_convs_move(struct store *s)
{
	struct store_move *m = &s->move;
	uint32_t todo = s->n_new * ROWS_PER_CONV;
	sqlite3_stmt *st;
	int rc = IM_OK;

	if (!m->rows || m->at == m->n)
		return IM_OK;
	for (; rc == IM_OK && todo > 0 && m->at < m->n; todo--)
		rc = move_row(s, &m->rows[m->at++]);
	if (rc != IM_OK || m->at < m->n)
		return rc;
	st = sqldb_get(&s->q, STORE_PAIRED_SET);
	sqldb_bind_id(st, 1, m->through);
	return sqldb_run(&s->q, st);
}

void store_sqlite_convs_committed(struct store *s)
{
	struct store_move *m = &s->move;

	s->n_new = 0;
	m->at_before = m->at;
	if (m->rows && m->at == m->n)
		end_move(s);
	else if (!m->rows && fresh_count(s->fresh) >= MOVE_CONVS)
		begin_move(s);
}

void store_sqlite_convs_take_back(struct store *s)
{
	if (s->n_new > 0)
		fresh_take_back(s->fresh, s->first_new);
	s->n_new = 0;
	s->move.at = s->move.at_before;
}

void store_sqlite_convs_clear(struct store *s)
{
	free(s->move.rows);
	s->move.rows = NULL;
	fresh_release(&s->fresh);
}

/* -- readers -------------------------------------------------------------------------------------
 */

static struct fresh *hold(struct store *s)
{
	struct fresh *f;

	pthread_mutex_lock(&s->fresh_lock);
	f = fresh_hold(s->fresh);
	pthread_mutex_unlock(&s->fresh_lock);
	return f;
}

/* A view and the list that belongs to it: what is not in the list is in the view's table, if it is
 * in the view at all. That holds as long as the list was not replaced before the view began. */
int store_sqlite_view_begin(struct store_reader *r)
{
	if (r->fresh)
		return sqldb_fail(&r->q, IM_E_IO, "a view has begun already");
	for (;;) {
		bool current;
		int rc;

		r->fresh = hold(r->s);
		rc = sqldb_view_begin(&r->q);
		pthread_mutex_lock(&r->s->fresh_lock);
		current = r->fresh == r->s->fresh;
		pthread_mutex_unlock(&r->s->fresh_lock);
		if (rc == IM_OK && current)
			return IM_OK;
		store_sqlite_view_end(r);
		if (rc != IM_OK)
			return rc;
	}
}

void store_sqlite_view_end(struct store_reader *r)
{
	sqldb_view_end(&r->q);
	fresh_release(&r->fresh);
}

/* Outside a view: looked at before the table, so that what moves in between is found there. */
static struct fresh *list_of(struct store_reader *r)
{
	return r->fresh ? fresh_hold(r->fresh) : hold(r->s);
}

int store_sqlite_get_conv(struct store_reader *r, uint64_t id, struct store_conv *out)
{
	sqlite3_stmt *st = sqldb_get(&r->q, STORE_CONV_GET);
	int rc;

	sqldb_bind_id(st, 1, id);
	rc = sqldb_step(&r->q, st);
	if (rc != SQLDB_ROW)
		return rc == IM_OK ? IM_E_NONE : rc;
	*out = (struct store_conv){.id = id,
		.kind = (enum im_conv_kind)sqldb_int(st, 0),
		.a = sqldb_id(st, 1),
		.b = sqldb_id(st, 2)};
	sqldb_done(st);
	return IM_OK;
}

/* What the list has may not be committed, or be taken back by now and its id be another's. */
static int see_fresh(struct store_reader *r, const struct fresh_conv *c, struct store_conv *out)
{
	struct fresh_conv key;
	int rc = store_sqlite_get_conv(r, c->id, out);

	if (rc != IM_OK)
		return rc;
	key = key_of(out->kind, out->a, out->b);
	return key.a == c->a && key.b == c->b ? IM_OK : IM_E_NONE;
}

int store_sqlite_reader_conv(
	struct store_reader *r, enum im_conv_kind kind, uint64_t a, uint64_t b, uint64_t *id_out)
{
	struct fresh_conv key = key_of(kind, a, b);
	struct store_conv c;
	struct fresh *f;
	bool fresh;
	int rc;

	if (kind == IM_CONV_USER && key.a == 0)
		return IM_E_NONE;
	f = list_of(r);
	fresh = fresh_find(f, key.a, key.b, &key.id);
	fresh_release(&f);
	if (!fresh)
		return find_pair(&r->q, &key, id_out);
	rc = see_fresh(r, &key, &c);
	if (rc == IM_OK)
		*id_out = c.id;
	return rc;
}

/* In the table a list's conversations may be already, in part. */
static int walk_pairs(
	struct store_reader *r, uint64_t user, uint64_t base, store_conv_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&r->q, STORE_PAIR_OF_USER);
	int rc;

	sqldb_bind_id(st, 1, user);
	sqldb_bind_id(st, 2, base);
	while ((rc = sqldb_step(&r->q, st)) == SQLDB_ROW) {
		uint64_t peer = sqldb_id(st, 0);
		struct store_conv c = {.id = sqldb_id(st, 1),
			.kind = IM_CONV_USER,
			.a = user < peer ? user : peer,
			.b = user < peer ? peer : user};

		rc = fn(arg, &c);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int store_sqlite_user_convs(struct store_reader *r, uint64_t user, store_conv_fn fn, void *arg)
{
	struct fresh *f = list_of(r);
	uint64_t base = fresh_base(f);
	struct fresh_conv *list = NULL;
	size_t n = 0;
	int rc = user ? fresh_of_user(f, user, &list, &n) : IM_OK;

	fresh_release(&f);
	for (size_t i = 0; i < n && rc == IM_OK; i++) {
		struct store_conv c;

		rc = see_fresh(r, &list[i], &c);
		if (rc == IM_OK)
			rc = fn(arg, &c);
		else if (rc == IM_E_NONE)
			rc = IM_OK;
	}
	free(list);
	if (rc != IM_OK || user == 0)
		return rc;
	return walk_pairs(r, user, base, fn, arg);
}
