/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts images into a copy. Part of sqldb_images.h. */
#include <stdlib.h>

#include "db/rowcode.h"
#include "db/sqldb_images.h"
#include "db/sqldb_images_inside.h"

static int drop_row(struct sqldb_images *im, const struct sqldb_image *i)
{
	struct table *t = &im->tables[i->table];
	sqlite3_stmt *st = sqldb_images_drop_of(im, t);
	int rc = st ? sqldb_images_bind_key(st, t, i->key) : IM_E_IO;

	return rc ? rc : sqldb_run(im->q, st);
}

static int put_one(struct sqldb_images *im, const struct sqldb_image *i, bool *dropped_out)
{
	struct table *t = &im->tables[i->table];
	struct rowcode_value v[COLUMNS_MAX];
	struct im_str rest = i->row;
	sqlite3_stmt *st;
	unsigned n = 0;
	int rc = IM_OK;

	while (n < t->n_columns && !(rc = rowcode_take(&rest, &v[n])))
		n++;
	if (rc == IM_E_NONE)
		rc = IM_OK;
	if (rest.n)
		*dropped_out = true;
	for (unsigned k = 0; k < t->n_key && !rc; k++)
		if (t->key[k] >= n || v[t->key[k]].type == ROWCODE_NULL)
			rc = IM_E_FORMAT;
	if (rc)
		return rc;
	st = sqldb_images_put_of(im, t, n);
	for (unsigned c = 0; st && c < n; c++)
		if (rowcode_bind(st, (int)c + 1, &v[c]) != SQLITE_OK)
			return IM_E_NOMEM;
	return sqldb_run(im->q, st);
}

static int drops(struct sqldb_images *im, const struct sqldb_image *all, size_t n)
{
	int rc = IM_OK;

	for (unsigned table = im->n_tables; table-- > 0;)
		for (size_t i = 0; i < n && !rc; i++)
			if (all[i].table == table && !all[i].row.n)
				rc = drop_row(im, &all[i]);
	return rc;
}

/* Where a row takes what another one of the list is to give up, it waits for that one. */
static int puts_of(struct sqldb_images *im, unsigned table, const struct sqldb_image *all, size_t n,
	bool *done, bool *dropped_out)
{
	size_t waiting = 0, before;
	int rc = IM_OK;

	do {
		before = waiting;
		waiting = 0;
		for (size_t i = 0; i < n && !rc; i++) {
			if (all[i].table != table || !all[i].row.n || done[i])
				continue;
			rc = put_one(im, &all[i], dropped_out);
			done[i] = !rc;
			if (rc == IM_E_EXISTS) {
				waiting++;
				rc = IM_OK;
			}
		}
	} while (!rc && waiting && waiting != before);
	return rc ? rc : waiting ? IM_E_EXISTS : IM_OK;
}

int sqldb_images_put(
	struct sqldb_images *im, const struct sqldb_image *all, size_t n, bool *dropped_out)
{
	bool *done;
	int rc;

	*dropped_out = false;
	for (size_t i = 0; i < n; i++)
		if (all[i].table >= im->n_tables)
			return IM_E_FORMAT;
	done = calloc(n ? n : 1, sizeof(*done));
	rc = done ? drops(im, all, n) : IM_E_NOMEM;
	for (unsigned table = 0; table < im->n_tables && !rc; table++)
		rc = puts_of(im, table, all, n, done, dropped_out);
	free(done);
	return rc;
}
