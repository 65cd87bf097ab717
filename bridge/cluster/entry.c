/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing. Called by copy.c. */
#include "bridge/cluster/entry.h"

#include <openssl/evp.h>

#include "common/limits.h"
#include "db/rowcode.h"

/* As many as a body may name: more than there are in both databases. */
#define TABLES_MAX 128

struct named {
	int db;
	struct im_str name;
};

static unsigned place_of(const struct named *t, unsigned n, const struct cluster_row *r)
{
	unsigned i = 0;

	while (i < n && !(t[i].db == r->db && im_str_eq(t[i].name, r->table)))
		i++;
	return i;
}

/* Rows come table by table, so the last one is looked at first. */
static unsigned put_tables(const struct cluster_entry *e, struct named *t, struct im_buf *out)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < e->n_rows; i++) {
		if (place_of(t, n, &e->rows[i]) < n)
			continue;
		if (n == TABLES_MAX) {
			out->failed = true;
			break;
		}
		t[n++] = (struct named){e->rows[i].db, e->rows[i].table};
	}
	rowcode_put_varint(out, n);
	for (unsigned i = 0; i < n; i++) {
		rowcode_put_varint(out, (uint64_t)t[i].db);
		rowcode_put_str(out, t[i].name);
	}
	return n;
}

void entry_body(const struct cluster_entry *e, struct im_buf *out)
{
	struct named t[TABLES_MAX];
	unsigned n;

	rowcode_put_varint(out, ENTRY_VERSION);
	rowcode_put_varint(out, e->peer);
	n = put_tables(e, t, out);
	rowcode_put_varint(out, e->n_rows);
	for (uint32_t i = 0; i < e->n_rows; i++) {
		const struct cluster_row *r = &e->rows[i];

		rowcode_put_varint(out, place_of(t, n, r));
		rowcode_put_varint(out, r->row.n ? 0 : 1);
		rowcode_put_str(out, r->row.n ? r->row : r->key);
	}
	rowcode_put_varint(out, e->n_amended);
	for (uint32_t i = 0; i < e->n_amended; i++)
		rowcode_put_varint(out, e->amended[i]);
}

static int read_tables(struct im_str *in, struct named *t, uint64_t *n_out)
{
	uint64_t db;

	if (rowcode_take_varint(in, n_out) || *n_out > TABLES_MAX)
		return IM_E_FORMAT;
	for (uint64_t i = 0; i < *n_out; i++) {
		if (rowcode_take_varint(in, &db) || db > 1 || rowcode_take_str(in, &t[i].name))
			return IM_E_FORMAT;
		t[i].db = (int)db;
	}
	return IM_OK;
}

static int read_row(struct im_str *in, const struct named *t, uint64_t n, struct entry_row *out)
{
	uint64_t table, gone;
	struct im_str s;

	if (rowcode_take_varint(in, &table) || table >= n || rowcode_take_varint(in, &gone) ||
		gone > 1 || rowcode_take_str(in, &s) || !s.n)
		return IM_E_FORMAT;
	*out = (struct entry_row){.db = t[table].db, .table = t[table].name};
	*(gone ? &out->key : &out->row) = s;
	return IM_OK;
}

static int read_rows(
	struct im_str *in, const struct named *t, uint64_t n, entry_row_fn fn, void *arg)
{
	struct entry_row r;
	uint64_t rows;
	int rc = rowcode_take_varint(in, &rows);

	for (uint64_t i = 0; !rc && i < rows; i++) {
		rc = read_row(in, t, n, &r);
		if (!rc && fn)
			rc = fn(arg, &r);
	}
	return rc;
}

static int read_head(struct im_str *in, unsigned *peer_out)
{
	uint64_t version, peer;

	if (rowcode_take_varint(in, &version) || version != ENTRY_VERSION ||
		rowcode_take_varint(in, &peer) || peer >= IM_PEERS_MAX)
		return IM_E_FORMAT;
	*peer_out = (unsigned)peer;
	return IM_OK;
}

int entry_peer(struct im_str body, unsigned *out)
{
	return read_head(&body, out);
}

int entry_read(struct im_str body, entry_row_fn row, entry_amended_fn amended, void *arg)
{
	struct named t[TABLES_MAX];
	uint64_t n, count, gid;
	unsigned peer;
	int rc;

	if (read_head(&body, &peer) || read_tables(&body, t, &n))
		return IM_E_FORMAT;
	rc = read_rows(&body, t, n, row, arg);
	if (!rc)
		rc = rowcode_take_varint(&body, &count);
	for (uint64_t i = 0; !rc && i < count; i++) {
		rc = rowcode_take_varint(&body, &gid);
		if (!rc && amended)
			rc = amended(arg, gid);
	}
	return !rc && body.n ? IM_E_FORMAT : rc;
}

int entry_digest(const unsigned char before[CLUSTER_DIGEST], const struct cluster_entry *e,
	unsigned char out[CLUSTER_DIGEST])
{
	const uint64_t numbers[] = {e->pos, e->prev, e->node, e->incarnation, e->epoch, e->recno};
	unsigned char all[CLUSTER_DIGEST + sizeof(numbers) + CLUSTER_DIGEST];
	char *at = (char *)all + CLUSTER_DIGEST;
	unsigned int n = 0;

	memcpy(all, before, CLUSTER_DIGEST);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		at = im_le_put(at, numbers[i], 8);
	if (!EVP_Digest(e->body.p, e->body.n, (unsigned char *)at, &n, EVP_sha256(), NULL) ||
		!EVP_Digest(all, sizeof(all), out, &n, EVP_sha256(), NULL))
		return IM_E_INTERNAL;
	return IM_OK;
}
