/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the images of the transaction in hand: an arena of bytes, the rows touched in their order,
 * and a table of places by key. The hook writes into them; a new transaction begins them anew.
 */
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "db/sqldb_images.h"

#include <stdio.h>
#include <stdlib.h>

#include "db/rowcode.h"
#include "db/sqldb_images_inside.h"

/* What one large transaction has taken is given back with the next one. */
#define ARENA_KEEP (1 << 20)

/* -- tables -- */

static int read_column(struct table *t, sqlite3_stmt *st)
{
	unsigned at = t->n_columns;
	int pk = sqlite3_column_int(st, 2);

	if (at == COLUMNS_MAX || pk > KEY_MAX)
		return IM_E_FORMAT;
	t->columns[at] = strdup((const char *)sqlite3_column_text(st, 0));
	if (!t->columns[at])
		return IM_E_NOMEM;
	if (pk > 0) {
		t->key[pk - 1] = at;
		t->in_key[at] = true;
		t->n_key++;
	}
	t->n_columns++;
	return IM_OK;
}

static int read_table(struct sqldb_images *im, struct table *t)
{
	sqlite3_stmt *st = NULL;
	int sq, rc = IM_OK;

	if (sqlite3_prepare_v2(im->q->db,
		    "SELECT name, cid, pk FROM pragma_table_info(?1) ORDER BY cid", -1, &st,
		    NULL) != SQLITE_OK)
		return IM_E_IO;
	sqlite3_bind_text(st, 1, t->name, -1, SQLITE_STATIC);
	while (!rc && (sq = sqlite3_step(st)) == SQLITE_ROW)
		rc = read_column(t, st);
	sqlite3_finalize(st);
	if (rc)
		return rc;
	return sq != SQLITE_DONE ? IM_E_IO : t->n_key ? IM_OK : IM_E_FORMAT;
}

int sqldb_images_table(const struct sqldb_images *im, struct im_str name, unsigned *out)
{
	for (unsigned i = 0; i < im->n_tables; i++) {
		if (im_str_eqz(name, im->tables[i].name)) {
			*out = i;
			return IM_OK;
		}
	}
	return IM_E_NONE;
}

static struct table *table_named(struct sqldb_images *im, const char *name)
{
	for (unsigned i = 0; i < im->n_tables; i++)
		if (im->tables[i].seen == name)
			return &im->tables[i];
	for (unsigned i = 0; i < im->n_tables; i++) {
		if (strcmp(im->tables[i].name, name) == 0) {
			im->tables[i].seen = name;
			return &im->tables[i];
		}
	}
	return NULL;
}

/* -- what was touched -- */

static void begin(struct sqldb_images *im)
{
	if (im->arena.cap > ARENA_KEEP)
		im_buf_free(&im->arena);
	im_buf_reset(&im->arena);
	if (im->n_touched)
		memset(im->slots, 0, im->n_slots * sizeof(*im->slots));
	im->n_touched = 0;
	im->begun = im->q->begun;
	im->refused = im->q->refused;
	im->failed = false;
}

static struct im_str key_at(const struct sqldb_images *im, const struct touched *t)
{
	return (struct im_str){im->arena.p + t->key, t->n_key};
}

static uint32_t *slot_of(struct sqldb_images *im, unsigned table, struct im_str key)
{
	uint32_t at = (uint32_t)(im_siphash(&im->sip, key.p, key.n) + table) & (im->n_slots - 1);

	for (;; at = (at + 1) & (im->n_slots - 1)) {
		const struct touched *t;

		if (!im->slots[at])
			return &im->slots[at];
		t = &im->touched[im->slots[at] - 1];
		if (t->table == table && im_str_eq(key_at(im, t), key))
			return &im->slots[at];
	}
}

static bool grow(struct sqldb_images *im)
{
	uint32_t cap = im->cap_touched ? im->cap_touched * 2 : 64;
	struct touched *touched = reallocarray(im->touched, cap, sizeof(*touched));
	uint32_t *slots;

	if (!touched)
		return false;
	im->touched = touched;
	slots = calloc((size_t)cap * 2, sizeof(*slots));
	if (!slots)
		return false;
	free(im->slots);
	im->slots = slots;
	im->n_slots = cap * 2;
	im->cap_touched = cap;
	for (uint32_t i = 0; i < im->n_touched; i++)
		*slot_of(im, touched[i].table, key_at(im, &touched[i])) = i + 1;
	return true;
}

/* The row of this key, which is at the end of the arena and stays there if it is a new one. */
static struct touched *touch(struct sqldb_images *im, unsigned table, size_t key)
{
	struct im_str k = {im->arena.p + key, im->arena.n - key};
	uint32_t *slot;

	if (im->arena.failed || (im->n_touched == im->cap_touched && !grow(im))) {
		im->failed = true;
		return NULL;
	}
	slot = slot_of(im, table, k);
	if (*slot) {
		im->arena.n = key;
		return &im->touched[*slot - 1];
	}
	*slot = ++im->n_touched;
	im->touched[*slot - 1] = (struct touched){.table = table, .key = key, .n_key = k.n};
	return &im->touched[*slot - 1];
}

typedef int (*value_fn)(sqlite3 *db, int column, sqlite3_value **out);

static void put_column(struct sqldb_images *im, sqlite3 *db, value_fn get, unsigned column)
{
	sqlite3_value *v;

	if (get(db, (int)column, &v) != SQLITE_OK)
		im->failed = true;
	else
		rowcode_put_sqlite(&im->arena, v);
}

static void see(struct sqldb_images *im, sqlite3 *db, struct table *t, value_fn get, bool there)
{
	struct touched *row;
	size_t at = im->arena.n;

	for (unsigned i = 0; i < t->n_key; i++)
		put_column(im, db, get, t->key[i]);
	row = touch(im, (unsigned)(t - im->tables), at);
	if (!row)
		return;
	row->row = im->arena.n;
	for (unsigned i = 0; there && i < t->n_columns; i++)
		put_column(im, db, get, i);
	row->n_row = im->arena.n - row->row;
}

static void on_change(void *arg, sqlite3 *db, int op, const char *database, const char *name,
	sqlite3_int64 old, sqlite3_int64 new)
{
	struct sqldb_images *im = arg;
	struct table *t = table_named(im, name);

	(void)database;
	(void)old;
	(void)new;
	if (!t)
		return;
	if (im->begun != im->q->begun)
		begin(im);
	if (op != SQLITE_INSERT)
		see(im, db, t, sqlite3_preupdate_old, false);
	if (op != SQLITE_DELETE)
		see(im, db, t, sqlite3_preupdate_new, true);
}

/* -- reading -- */

static void put_row(struct im_buf *out, sqlite3_stmt *st, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rowcode_put_sqlite(out, sqlite3_column_value(st, (int)i));
}

/* As it is in the database: what a refused statement had touched is as before. */
static int read_again(struct sqldb_images *im, struct sqldb_image *i)
{
	struct table *t = &im->tables[i->table];
	sqlite3_stmt *st = sqldb_images_get_of(im, t);
	int rc = st ? sqldb_images_bind_key(st, t, i->key) : IM_E_IO;

	if (!rc)
		rc = sqldb_step(im->q, st);
	im_buf_reset(&im->scratch);
	if (rc == SQLDB_ROW) {
		put_row(&im->scratch, st, t->n_columns);
		sqldb_done(st);
		rc = im->scratch.failed ? IM_E_NOMEM : IM_OK;
	}
	i->row = im_buf_view(&im->scratch);
	return rc;
}

static int give(struct sqldb_images *im, const struct touched *t, sqldb_image_fn fn, void *arg)
{
	struct sqldb_image i = {t->table, key_at(im, t), {im->arena.p + t->row, t->n_row}};
	int rc = im->q->refused != im->refused ? read_again(im, &i) : IM_OK;

	return rc ? rc : fn(arg, &i);
}

int sqldb_images_each(struct sqldb_images *im, sqldb_image_fn fn, void *arg)
{
	int rc = IM_OK;

	if (im->begun != im->q->begun)
		begin(im);
	if (im->failed || im->arena.failed)
		return IM_E_NOMEM;
	for (unsigned table = 0; table < im->n_tables; table++)
		for (uint32_t i = 0; i < im->n_touched && !rc; i++)
			if (im->touched[i].table == table)
				rc = give(im, &im->touched[i], fn, arg);
	return rc;
}

int sqldb_images_key(
	const struct sqldb_images *im, unsigned table, struct im_str row, struct im_buf *out)
{
	const struct table *t = &im->tables[table];
	struct rowcode_value v[COLUMNS_MAX];
	unsigned n = 0;
	int rc = IM_OK;

	while (n < t->n_columns && !(rc = rowcode_take(&row, &v[n])))
		n++;
	if (rc && rc != IM_E_NONE)
		return rc;
	for (unsigned i = 0; i < t->n_key; i++) {
		if (t->key[i] >= n || v[t->key[i]].type == ROWCODE_NULL)
			return IM_E_FORMAT;
		rowcode_put(out, &v[t->key[i]]);
	}
	return out->failed ? IM_E_NOMEM : IM_OK;
}

int sqldb_images_walk(
	struct sqldb_images *im, unsigned table, struct im_str after, sqldb_image_fn fn, void *arg)
{
	struct table *t = &im->tables[table];
	sqlite3_stmt *st = sqldb_images_walk_of(im, t, after.n > 0);
	struct im_buf key, row;
	int rc = st && after.n ? sqldb_images_bind_key(st, t, after) : IM_OK;

	if (rc)
		return rc;
	im_buf_init(&key, 0);
	im_buf_init(&row, 0);
	while ((rc = sqldb_step(im->q, st)) == SQLDB_ROW) {
		struct sqldb_image i = {.table = table};

		im_buf_reset(&key);
		im_buf_reset(&row);
		put_row(&row, st, t->n_columns);
		i.row = im_buf_view(&row);
		rc = row.failed ? IM_E_NOMEM : sqldb_images_key(im, table, i.row, &key);
		i.key = im_buf_view(&key);
		if (!rc)
			rc = fn(arg, &i);
		if (rc) {
			sqldb_done(st);
			break;
		}
	}
	im_buf_free(&key);
	im_buf_free(&row);
	return rc;
}

/* -- beginning and end -- */

static void free_table(struct table *t)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		free(t->columns[i]);
	for (unsigned i = 0; i <= COLUMNS_MAX; i++)
		sqldb_finalize(&t->put[i]);
	sqldb_finalize(&t->get);
	sqldb_finalize(&t->drop);
	sqldb_finalize(&t->walk[0]);
	sqldb_finalize(&t->walk[1]);
}

void sqldb_images_free(struct sqldb_images **im)
{
	struct sqldb_images *i = *im;

	if (!i)
		return;
	sqlite3_preupdate_hook(i->q->db, NULL, NULL);
	for (unsigned t = 0; i->tables && t < i->n_tables; t++)
		free_table(&i->tables[t]);
	free(i->tables);
	free(i->touched);
	free(i->slots);
	im_buf_free(&i->arena);
	im_buf_free(&i->scratch);
	free(i);
	*im = NULL;
}

static int add_table(struct sqldb_images *im, const char *name, struct im_buf *why)
{
	struct table *t = &im->tables[im->n_tables++];
	int rc;

	t->name = name;
	rc = read_table(im, t);
	if (rc == IM_E_FORMAT)
		im_buf_printf(why, "%s.db has no table %s with a primary key that can be followed",
			im->q->spec->name, name);
	else if (rc == IM_E_IO)
		im_buf_printf(why, "%s.db cannot be read: %s", im->q->spec->name,
			sqlite3_errmsg(im->q->db));
	return rc;
}

int sqldb_images_new(struct sqldb *q, const char *const *tables, unsigned n,
	const struct im_sipkey *key, struct sqldb_images **out, struct im_buf *why)
{
	struct sqldb_images *im = calloc(1, sizeof(*im));
	int rc = IM_OK;

	if (!im)
		return IM_E_NOMEM;
	im->q = q;
	im->sip = *key;
	im_buf_init(&im->arena, 0);
	im_buf_init(&im->scratch, 0);
	im->tables = calloc(n, sizeof(*im->tables));
	if (!im->tables)
		rc = IM_E_NOMEM;
	for (unsigned i = 0; i < n && !rc; i++)
		rc = add_table(im, tables[i], why);
	if (!rc)
		sqlite3_preupdate_hook(q->db, on_change, im);
	else
		sqldb_images_free(&im);
	*out = im;
	return rc;
}
