/* SPDX-License-Identifier: BSD-3-Clause */
/* Columns become arrays, of which the server makes rows again. Called by pg_log.c. */
#include "bridge/cluster/pg_append.h"

static void put_digest(struct pg_params *p, const unsigned char digest[CLUSTER_DIGEST])
{
	pg_put_bytes(p, (struct im_str){(const char *)digest, CLUSTER_DIGEST});
}

static void put_entry(
	struct pg_params *p, const struct cluster_place *from, const struct cluster_entry *e)
{
	pg_put_int8(p, from->pos);
	put_digest(p, from->digest);
	pg_put_int8(p, e->pos);
	pg_put_int8(p, e->era);
	pg_put_int2(p, (int)e->node);
	pg_put_int8(p, e->incarnation);
	pg_put_int8(p, e->epoch);
	pg_put_int8(p, e->recno);
	put_digest(p, e->digest);
	pg_array_begin(p, PG_INT8);
	for (uint32_t i = 0; i < e->n_amended; i++)
		pg_array_int8(p, e->amended[i]);
	pg_array_end(p);
	pg_put_bytes(p, e->body);
}

static void int8_or_null(struct pg_params *p, bool has, int64_t v)
{
	if (has)
		pg_array_int8(p, (uint64_t)v);
	else
		pg_array_null(p);
}

static void bytes_or_null(struct pg_params *p, bool has, struct im_str s)
{
	if (has)
		pg_array_bytes(p, s);
	else
		pg_array_null(p);
}

/* One array of a column of all messages that are there, or are not. */
#define COLUMN(type, which, put)                                           \
	do {                                                               \
		pg_array_begin(p, type);                                   \
		for (uint32_t i = 0; i < e->n_messages; i++) {             \
			const struct cluster_message *m = &e->messages[i]; \
			if (which)                                         \
				put;                                       \
		}                                                          \
		pg_array_end(p);                                           \
	} while (0)

static void put_messages(struct pg_params *p, const struct cluster_entry *e)
{
	COLUMN(PG_INT8, !m->gone, pg_array_int8(p, m->gid));
	COLUMN(PG_INT8, !m->gone, pg_array_int8(p, m->conv));
	COLUMN(PG_INT8, !m->gone, pg_array_int8(p, m->seq));
	COLUMN(PG_INT8, !m->gone, int8_or_null(p, m->has_ordinals, m->less_ord));
	COLUMN(PG_INT8, !m->gone, int8_or_null(p, m->has_ordinals, m->less_shown));
	COLUMN(PG_INT8, !m->gone, pg_array_int8(p, m->sender));
	COLUMN(PG_INT8, !m->gone, pg_array_int8(p, (uint64_t)m->ts_ms));
	COLUMN(PG_INT2, !m->gone, pg_array_int2(p, m->enc));
	COLUMN(PG_BYTEA, !m->gone, bytes_or_null(p, m->has_type, m->type));
	COLUMN(PG_BYTEA, !m->gone, bytes_or_null(p, m->has_client_id, m->client_id));
	COLUMN(PG_BYTEA, !m->gone, bytes_or_null(p, m->has_meta, m->meta));
	COLUMN(PG_BYTEA, !m->gone, bytes_or_null(p, m->has_body, m->body));
	COLUMN(PG_INT8, m->gone, pg_array_int8(p, m->gid));
}

enum row_column { ROW_DB, ROW_TABLE, ROW_KEY, ROW_IMAGE };

static void put_rows(
	struct pg_params *p, const struct cluster_entry *e, bool gone, enum row_column column)
{
	static const enum pg_type types[] = {PG_INT2, PG_TEXT, PG_BYTEA, PG_BYTEA};

	pg_array_begin(p, types[column]);
	for (uint32_t i = 0; i < e->n_rows; i++) {
		const struct cluster_row *r = &e->rows[i];

		if ((r->row.n == 0) != gone)
			continue;
		if (column == ROW_DB)
			pg_array_int2(p, r->db);
		else
			pg_array_bytes(p, column == ROW_TABLE ? r->table
					  : column == ROW_KEY ? r->key
							      : r->row);
	}
	pg_array_end(p);
}

bool pg_append_params(
	const struct cluster_place *from, const struct cluster_entry *e, struct pg_params *p)
{
	put_entry(p, from, e);
	put_messages(p, e);
	put_rows(p, e, false, ROW_DB);
	put_rows(p, e, false, ROW_TABLE);
	put_rows(p, e, false, ROW_KEY);
	put_rows(p, e, false, ROW_IMAGE);
	put_rows(p, e, true, ROW_DB);
	put_rows(p, e, true, ROW_TABLE);
	put_rows(p, e, true, ROW_KEY);
	return pg_params_complete(p);
}
