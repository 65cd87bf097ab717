/* SPDX-License-Identifier: BSD-3-Clause */
/* Big-endian, as the protocol wants it. Used by pg_log.c and pg_append.c; touches no connection. */
#include "bridge/cluster/pg_value.h"

#include <endian.h>
#include <limits.h>

/* Before an array's elements: dimensions, whether any is NULL, their type, how many, the first
 * one's index. */
#define ARRAY_HEAD 20
#define ARRAY_COUNT 12 /* where in it the number of elements stands */

static void put32(struct im_buf *b, uint32_t v)
{
	v = htobe32(v);
	im_buf_put(b, &v, sizeof(v));
}

static void set32(struct im_buf *b, size_t at, uint32_t v)
{
	v = htobe32(v);
	if (!b->failed)
		memcpy(b->p + at, &v, sizeof(v));
}

static void put64(struct im_buf *b, uint64_t v)
{
	v = htobe64(v);
	im_buf_put(b, &v, sizeof(v));
}

static void put16(struct im_buf *b, int v)
{
	uint16_t be = htobe16((uint16_t)v);

	im_buf_put(b, &be, sizeof(be));
}

void pg_params_init(struct pg_params *p)
{
	memset(p, 0, sizeof(*p));
	im_buf_init(&p->room, 0);
}

void pg_params_free(struct pg_params *p)
{
	im_buf_free(&p->room);
}

void pg_params_reset(struct pg_params *p)
{
	im_buf_reset(&p->room);
	p->n = 0;
	p->too_long = false;
}

bool pg_params_complete(struct pg_params *p)
{
	if (p->room.failed || p->too_long)
		return false;
	for (size_t i = 0; i < p->n; i++)
		p->value[i] = p->room.p + p->at[i];
	return true;
}

/* The next parameter begins here. One without bytes is not NULL all the same. */
static void begin(struct pg_params *p)
{
	im_buf_reserve(&p->room, 1);
	p->at[p->n] = p->room.n;
	p->format[p->n] = 1;
}

static void end(struct pg_params *p)
{
	size_t n = p->room.n - p->at[p->n];

	p->too_long |= n > INT_MAX;
	p->length[p->n++] = (int)n;
}

void pg_put_int8(struct pg_params *p, uint64_t v)
{
	begin(p);
	put64(&p->room, v);
	end(p);
}

void pg_put_int2(struct pg_params *p, int v)
{
	begin(p);
	put16(&p->room, v);
	end(p);
}

void pg_put_bytes(struct pg_params *p, struct im_str s)
{
	begin(p);
	im_buf_str(&p->room, s);
	end(p);
}

void pg_array_begin(struct pg_params *p, enum pg_type type)
{
	begin(p);
	p->count_at = p->room.n + ARRAY_COUNT;
	p->n_elements = 0;
	put32(&p->room, 1);
	put32(&p->room, 1);
	put32(&p->room, type);
	put32(&p->room, 0);
	put32(&p->room, 1);
}

void pg_array_int8(struct pg_params *p, uint64_t v)
{
	put32(&p->room, 8);
	put64(&p->room, v);
	p->n_elements++;
}

void pg_array_int2(struct pg_params *p, int v)
{
	put32(&p->room, 2);
	put16(&p->room, v);
	p->n_elements++;
}

void pg_array_bytes(struct pg_params *p, struct im_str s)
{
	p->too_long |= s.n > INT_MAX;
	put32(&p->room, (uint32_t)s.n);
	im_buf_str(&p->room, s);
	p->n_elements++;
}

void pg_array_null(struct pg_params *p)
{
	put32(&p->room, UINT32_MAX);
	p->n_elements++;
}

/* An empty one has no dimension, or it would not be equal to '{}'. */
void pg_array_end(struct pg_params *p)
{
	size_t head = p->count_at - ARRAY_COUNT;

	set32(&p->room, p->count_at, (uint32_t)p->n_elements);
	if (!p->n_elements && !p->room.failed) {
		set32(&p->room, head, 0);
		p->room.n = p->count_at;
	}
	end(p);
}

static uint64_t big_endian(const char *at, int n)
{
	uint64_t v = 0;

	/* A smaller number's sign goes on to the left. */
	if (n && (signed char)*at < 0)
		v = UINT64_MAX;
	for (int i = 0; i < n; i++)
		v = v << 8 | (unsigned char)at[i];
	return v;
}

uint64_t pg_get_int(const PGresult *r, int row, int col)
{
	return big_endian(PQgetvalue(r, row, col), PQgetlength(r, row, col));
}

struct im_str pg_get_bytes(const PGresult *r, int row, int col)
{
	return (struct im_str){PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col)};
}

bool pg_get_bool(const PGresult *r, int row, int col)
{
	return pg_get_int(r, row, col) != 0;
}

/* So many bytes an element: its length and a bigint. */
#define ELEMENT 12

uint32_t pg_get_array(const PGresult *r, int row, int col)
{
	struct im_str s = pg_get_bytes(r, row, col);

	return s.n < ARRAY_HEAD ? 0 : (uint32_t)((s.n - ARRAY_HEAD) / ELEMENT);
}

uint64_t pg_get_element(const PGresult *r, int row, int col, uint32_t i)
{
	return big_endian(PQgetvalue(r, row, col) + ARRAY_HEAD + (size_t)i * ELEMENT + 4, 8);
}
