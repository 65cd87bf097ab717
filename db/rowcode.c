/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure; knows no table. */
#include "db/rowcode.h"

void rowcode_put_varint(struct im_buf *out, uint64_t v)
{
	char bytes[10];
	size_t n = 0;

	do {
		bytes[n++] = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v);
	im_buf_put(out, bytes, n);
}

int rowcode_take_varint(struct im_str *in, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < in->n && i < 10; i++) {
		uint64_t part = (unsigned char)in->p[i] & 0x7fu;
		bool last = !((unsigned char)in->p[i] & 0x80u);

		if ((i == 9 && part > 1) || (last && i && !part))
			return IM_E_FORMAT;
		v |= part << (7 * i);
		if (last) {
			in->p += i + 1;
			in->n -= i + 1;
			*out = v;
			return IM_OK;
		}
	}
	return IM_E_FORMAT;
}

void rowcode_put_str(struct im_buf *out, struct im_str s)
{
	rowcode_put_varint(out, s.n);
	im_buf_str(out, s);
}

int rowcode_take_str(struct im_str *in, struct im_str *out)
{
	struct im_str rest = *in;
	uint64_t n;

	if (rowcode_take_varint(&rest, &n) || n > rest.n)
		return IM_E_FORMAT;
	*out = (struct im_str){rest.p, (size_t)n};
	*in = (struct im_str){rest.p + n, rest.n - (size_t)n};
	return IM_OK;
}

static uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

void rowcode_put(struct im_buf *out, const struct rowcode_value *v)
{
	uint64_t bits;

	im_buf_c(out, (char)v->type);
	switch (v->type) {
	case ROWCODE_INT:
		rowcode_put_varint(out, zigzag(v->i));
		break;
	case ROWCODE_REAL:
		memcpy(&bits, &v->r, sizeof(bits));
		im_buf_le64(out, bits);
		break;
	case ROWCODE_TEXT:
	case ROWCODE_BLOB:
		rowcode_put_str(out, v->s);
		break;
	default:
		break;
	}
}

void rowcode_put_sqlite(struct im_buf *out, sqlite3_value *v)
{
	struct rowcode_value r = {.type = ROWCODE_NULL};

	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		r.type = ROWCODE_INT;
		r.i = sqlite3_value_int64(v);
		break;
	case SQLITE_FLOAT:
		r.type = ROWCODE_REAL;
		r.r = sqlite3_value_double(v);
		break;
	case SQLITE_TEXT:
		r.type = ROWCODE_TEXT;
		r.s.p = (const char *)sqlite3_value_text(v);
		r.s.n = (size_t)sqlite3_value_bytes(v);
		break;
	case SQLITE_BLOB:
		r.type = ROWCODE_BLOB;
		r.s.p = sqlite3_value_blob(v);
		r.s.n = (size_t)sqlite3_value_bytes(v);
		break;
	default:
		break;
	}
	if (r.type == ROWCODE_TEXT && !r.s.p)
		out->failed = true; /* no memory to make it one */
	rowcode_put(out, &r);
}

static int take_real(struct im_str *in, double *out)
{
	uint64_t bits;

	if (in->n < sizeof(bits))
		return IM_E_FORMAT;
	bits = im_le_get(in->p, sizeof(bits));
	memcpy(out, &bits, sizeof(bits));
	in->p += sizeof(bits);
	in->n -= sizeof(bits);
	return IM_OK;
}

int rowcode_take(struct im_str *in, struct rowcode_value *out)
{
	struct im_str rest = {in->p + 1, in->n - 1};
	uint64_t v = 0;
	int rc = IM_OK;

	if (!in->n)
		return IM_E_NONE;
	*out = (struct rowcode_value){.type = (enum rowcode_type)(unsigned char)in->p[0]};
	switch (out->type) {
	case ROWCODE_NULL:
		break;
	case ROWCODE_INT:
		rc = rowcode_take_varint(&rest, &v);
		out->i = unzigzag(v);
		break;
	case ROWCODE_REAL:
		rc = take_real(&rest, &out->r);
		break;
	case ROWCODE_TEXT:
	case ROWCODE_BLOB:
		rc = rowcode_take_str(&rest, &out->s);
		break;
	default:
		rc = IM_E_FORMAT;
		break;
	}
	if (!rc)
		*in = rest;
	return rc;
}

int rowcode_bind(sqlite3_stmt *st, int at, const struct rowcode_value *v)
{
	switch (v->type) {
	case ROWCODE_INT:
		return sqlite3_bind_int64(st, at, v->i);
	case ROWCODE_REAL:
		return sqlite3_bind_double(st, at, v->r);
	case ROWCODE_TEXT:
		return sqlite3_bind_text64(
			st, at, v->s.n ? v->s.p : "", v->s.n, SQLITE_STATIC, SQLITE_UTF8);
	case ROWCODE_BLOB:
		return v->s.n ? sqlite3_bind_blob64(st, at, v->s.p, v->s.n, SQLITE_STATIC)
			      : sqlite3_bind_zeroblob(st, at, 0);
	default:
		return sqlite3_bind_null(st, at);
	}
}
