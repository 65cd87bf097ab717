/* SPDX-License-Identifier: BSD-3-Clause */
/* The statements on a table whose rows are followed, made of its columns' names. Part of
 * sqldb_images.h. */
#include "db/rowcode.h"
#include "db/sqldb_images_inside.h"

static void where(const struct table *t, struct im_buf *sql)
{
	for (unsigned i = 0; i < t->n_key; i++)
		im_buf_printf(
			sql, "%s%s = ?%u", i ? " AND " : " WHERE ", t->columns[t->key[i]], i + 1);
}

static void list(const struct table *t, unsigned n, struct im_buf *sql)
{
	for (unsigned i = 0; i < n; i++)
		im_buf_printf(sql, "%s%s", i ? ", " : "", t->columns[i]);
}

static void key_list(const struct table *t, struct im_buf *sql)
{
	for (unsigned i = 0; i < t->n_key; i++)
		im_buf_printf(sql, "%s%s", i ? ", " : "", t->columns[t->key[i]]);
}

static void put_sql(const struct table *t, unsigned n, struct im_buf *sql)
{
	bool first = true;

	im_buf_printf(sql, "INSERT INTO %s (", t->name);
	list(t, n, sql);
	im_buf_z(sql, ") VALUES (");
	for (unsigned i = 0; i < n; i++)
		im_buf_printf(sql, "%s?%u", i ? ", " : "", i + 1);
	im_buf_z(sql, ") ON CONFLICT (");
	key_list(t, sql);
	im_buf_z(sql, ") DO ");
	for (unsigned i = 0; i < n; i++) {
		if (t->in_key[i])
			continue;
		im_buf_printf(sql, "%s%s = excluded.%s", first ? "UPDATE SET " : ", ",
			t->columns[i], t->columns[i]);
		first = false;
	}
	if (first)
		im_buf_z(sql, "NOTHING");
}

/* *st, made of what is in the scratch buffer, or NULL. */
static sqlite3_stmt *prepared(struct sqldb_images *im, sqlite3_stmt **st)
{
	im_buf_c(&im->scratch, 0);
	return im->scratch.failed ? NULL : sqldb_prepare(im->q, st, im->scratch.p);
}

sqlite3_stmt *sqldb_images_put_of(struct sqldb_images *im, struct table *t, unsigned n)
{
	im_buf_reset(&im->scratch);
	if (!t->put[n])
		put_sql(t, n, &im->scratch);
	return prepared(im, &t->put[n]);
}

sqlite3_stmt *sqldb_images_drop_of(struct sqldb_images *im, struct table *t)
{
	im_buf_reset(&im->scratch);
	if (!t->drop) {
		im_buf_printf(&im->scratch, "DELETE FROM %s", t->name);
		where(t, &im->scratch);
	}
	return prepared(im, &t->drop);
}

sqlite3_stmt *sqldb_images_get_of(struct sqldb_images *im, struct table *t)
{
	im_buf_reset(&im->scratch);
	if (!t->get) {
		im_buf_z(&im->scratch, "SELECT ");
		list(t, t->n_columns, &im->scratch);
		im_buf_printf(&im->scratch, " FROM %s", t->name);
		where(t, &im->scratch);
	}
	return prepared(im, &t->get);
}

sqlite3_stmt *sqldb_images_walk_of(struct sqldb_images *im, struct table *t, bool behind)
{
	im_buf_reset(&im->scratch);
	if (!t->walk[behind]) {
		im_buf_z(&im->scratch, "SELECT ");
		list(t, t->n_columns, &im->scratch);
		im_buf_printf(&im->scratch, " FROM %s", t->name);
		if (behind) {
			im_buf_z(&im->scratch, " WHERE (");
			key_list(t, &im->scratch);
			im_buf_z(&im->scratch, ") > (");
			for (unsigned i = 0; i < t->n_key; i++)
				im_buf_printf(&im->scratch, "%s?%u", i ? ", " : "", i + 1);
			im_buf_c(&im->scratch, ')');
		}
		im_buf_z(&im->scratch, " ORDER BY ");
		key_list(t, &im->scratch);
	}
	return prepared(im, &t->walk[behind]);
}

int sqldb_images_bind_key(sqlite3_stmt *st, const struct table *t, struct im_str key)
{
	struct rowcode_value v;

	for (unsigned i = 0; i < t->n_key; i++)
		if (rowcode_take(&key, &v) || v.type == ROWCODE_NULL ||
			rowcode_bind(st, (int)i + 1, &v) != SQLITE_OK)
			return IM_E_FORMAT;
	return key.n ? IM_E_FORMAT : IM_OK;
}
