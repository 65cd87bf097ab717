/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings point into the results. Called by pg_log.c; touches no connection. */
#include "bridge/cluster/pg_read.h"

#include <stdlib.h>
#include <string.h>

/* Columns, in the order of log.def. */
enum { END_ERA, END_POS, END_DIGEST, END_FIRST };
enum { E_POS, E_PREV, E_ERA, E_NODE, E_INCARNATION, E_EPOCH, E_RECNO, E_DIGEST, E_AMENDED, E_BODY };
enum {
	M_GID,
	M_CONV,
	M_SEQ,
	M_LESS_ORD,
	M_LESS_SHOWN,
	M_SENDER,
	M_TS,
	M_ENC,
	M_TYPE,
	M_CLIENT_ID,
	M_META,
	M_BODY
};

/* One that has another length is equal to none. */
static void get_digest(const PGresult *r, int row, int col, unsigned char out[CLUSTER_DIGEST])
{
	struct im_str s = pg_get_bytes(r, row, col);

	memset(out, 0, CLUSTER_DIGEST);
	if (s.n == CLUSTER_DIGEST)
		memcpy(out, s.p, s.n);
}

static bool same(const PGresult *r, int row, int col, const unsigned char digest[CLUSTER_DIGEST])
{
	return im_str_eq(
		pg_get_bytes(r, row, col), (struct im_str){(const char *)digest, CLUSTER_DIGEST});
}

void pg_read_end(const PGresult *end, struct cluster_place *out)
{
	out->era = pg_get_int(end, 0, END_ERA);
	out->pos = pg_get_int(end, 0, END_POS);
	get_digest(end, 0, END_DIGEST, out->digest);
}

int pg_read_first(const struct cluster_place *from)
{
	return from->pos ? 1 : 0;
}

static bool is_origin(const struct cluster_place *p)
{
	static const unsigned char none[CLUSTER_DIGEST];

	return p->pos == 0 && memcmp(p->digest, none, sizeof(none)) == 0;
}

enum pg_standing pg_read_standing(
	const PGresult *entries, const PGresult *end, const struct cluster_place *from)
{
	int n = PQntuples(entries);

	if (from->pos == 0) {
		if (!is_origin(from))
			return PG_FORKED;
		return n && pg_get_int(entries, 0, E_PREV) != 0 ? PG_TRIMMED : PG_STANDS;
	}
	if (n && pg_get_int(entries, 0, E_POS) == from->pos)
		return same(entries, 0, E_DIGEST, from->digest) ? PG_STANDS : PG_FORKED;
	/* It can have been trimmed only below what is left. */
	return !PQgetisnull(end, 0, END_FIRST) && from->pos < pg_get_int(end, 0, END_FIRST)
		       ? PG_TRIMMED
		       : PG_FORKED;
}

void pg_read_amended(const PGresult *entries, int first, struct pg_params *p)
{
	pg_array_begin(p, PG_INT8);
	for (int row = first; row < PQntuples(entries); row++) {
		uint32_t n = pg_get_array(entries, row, E_AMENDED);

		for (uint32_t i = 0; i < n; i++)
			pg_array_int8(p, pg_get_element(entries, row, E_AMENDED, i));
	}
	pg_array_end(p);
}

static void get_message(const PGresult *r, int row, struct cluster_message *m)
{
	*m = (struct cluster_message){
		.gid = pg_get_int(r, row, M_GID),
		.conv = pg_get_int(r, row, M_CONV),
		.seq = pg_get_int(r, row, M_SEQ),
		.sender = pg_get_int(r, row, M_SENDER),
		.ts_ms = (int64_t)pg_get_int(r, row, M_TS),
		.enc = (int)pg_get_int(r, row, M_ENC),
		.type = pg_get_bytes(r, row, M_TYPE),
		.client_id = pg_get_bytes(r, row, M_CLIENT_ID),
		.meta = pg_get_bytes(r, row, M_META),
		.body = pg_get_bytes(r, row, M_BODY),
		.has_type = !PQgetisnull(r, row, M_TYPE),
		.has_client_id = !PQgetisnull(r, row, M_CLIENT_ID),
		.has_meta = !PQgetisnull(r, row, M_META),
		.has_body = !PQgetisnull(r, row, M_BODY),
		.has_ordinals = !PQgetisnull(r, row, M_LESS_ORD),
		.less_ord = (int64_t)pg_get_int(r, row, M_LESS_ORD),
		.less_shown = (int64_t)pg_get_int(r, row, M_LESS_SHOWN),
	};
}

/* The first row whose gid is not below this one. */
static int lower_bound(const PGresult *messages, uint64_t gid)
{
	int low = 0, high = PQntuples(messages);

	while (low < high) {
		int middle = low + (high - low) / 2;

		if (pg_get_int(messages, middle, M_GID) < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of one entry; grown as needed. */
struct room {
	struct cluster_message *messages;
	uint64_t *amended;
	size_t n_messages, n_amended;
};

/* Both are there then, if only for nothing. */
static int make_room(struct room *room, size_t n_messages, size_t n_amended)
{
	struct cluster_message *m = room->messages;
	uint64_t *a = room->amended;

	if (!m || n_messages > room->n_messages) {
		m = realloc(m, (n_messages + 1) * sizeof(*m));
		if (!m)
			return IM_E_NOMEM;
		room->messages = m;
		room->n_messages = n_messages;
	}
	if (!a || n_amended > room->n_amended) {
		a = realloc(a, (n_amended + 1) * sizeof(*a));
		if (!a)
			return IM_E_NOMEM;
		room->amended = a;
		room->n_amended = n_amended;
	}
	return IM_OK;
}

/* Those of its own positions, then those that it has amended. */
static int get_messages(const PGresult *entries, int row, const PGresult *messages,
	struct room *room, struct cluster_entry *e)
{
	int from = lower_bound(messages, e->prev + 1), to = lower_bound(messages, e->pos + 1);
	uint32_t n_new = to > from ? (uint32_t)(to - from) : 0, n = 0;
	uint32_t n_amended = pg_get_array(entries, row, E_AMENDED);

	if (make_room(room, (size_t)n_new + n_amended, n_amended))
		return IM_E_NOMEM;
	while (n < n_new) {
		get_message(messages, from + (int)n, &room->messages[n]);
		n++;
	}
	for (uint32_t i = 0; i < n_amended; i++) {
		uint64_t gid = pg_get_element(entries, row, E_AMENDED, i);
		int at = lower_bound(messages, gid);

		room->amended[i] = gid;
		if (at < PQntuples(messages) && pg_get_int(messages, at, M_GID) == gid)
			get_message(messages, at, &room->messages[n++]);
		else
			room->messages[n++] = (struct cluster_message){.gid = gid, .gone = true};
	}
	e->messages = room->messages;
	e->n_messages = n;
	e->amended = room->amended;
	e->n_amended = n_amended;
	return IM_OK;
}

static void get_entry(const PGresult *r, int row, struct cluster_entry *e)
{
	*e = (struct cluster_entry){
		.prev = pg_get_int(r, row, E_PREV),
		.pos = pg_get_int(r, row, E_POS),
		.era = pg_get_int(r, row, E_ERA),
		.node = (unsigned)pg_get_int(r, row, E_NODE),
		.incarnation = pg_get_int(r, row, E_INCARNATION),
		.epoch = pg_get_int(r, row, E_EPOCH),
		.recno = pg_get_int(r, row, E_RECNO),
		.body = pg_get_bytes(r, row, E_BODY),
	};
	get_digest(r, row, E_DIGEST, e->digest);
}

int pg_read_deliver(const PGresult *entries, int first, const PGresult *messages,
	const struct pg_delivery *d, struct cluster_place *place)
{
	struct room room = {0};
	struct cluster_entry e;
	int rc = IM_OK;

	for (int row = first; row < PQntuples(entries) && !rc; row++) {
		get_entry(entries, row, &e);
		/* A hole is none of this log's. */
		rc = e.prev == place->pos ? get_messages(entries, row, messages, &room, &e)
					  : IM_E_FORMAT;
		if (!rc)
			rc = d->entry(d->arg, &e);
		if (!d->going(d->going_arg))
			break;
		place->era = e.era;
		place->pos = e.pos;
		memcpy(place->digest, e.digest, CLUSTER_DIGEST);
	}
	free(room.messages);
	free(room.amended);
	return rc;
}
