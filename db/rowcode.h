/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A row's values as bytes, of SQLite's own five types, so that a row can be carried elsewhere and
 * put there as it was. Each value is a byte that says its type, then: an integer as a varint of its
 * zigzag form, a real as eight bytes (IEEE 754, little-endian), text and blob as a varint of the
 * length and the bytes. How many there are is known to whoever reads them: all there is. The same
 * values have the same bytes, so rows may be compared and keys looked up by them.
 */
#ifndef IM_DB_ROWCODE_H
#define IM_DB_ROWCODE_H

#include <sqlite3.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

enum rowcode_type { ROWCODE_NULL, ROWCODE_INT, ROWCODE_REAL, ROWCODE_TEXT, ROWCODE_BLOB };

struct rowcode_value {
	enum rowcode_type type;
	int64_t i;
	double r;
	struct im_str s; /* text, blob; points into what is read */
};

void rowcode_put(struct im_buf *out, const struct rowcode_value *v);
void rowcode_put_sqlite(struct im_buf *out, sqlite3_value *v);
/* Takes the first value from *in. IM_E_NONE: there is none left; IM_E_FORMAT: it is none. */
int rowcode_take(struct im_str *in, struct rowcode_value *out) IM_MUST_CHECK;
/* Borrowed by the statement until it is reset. An SQLite code. */
int rowcode_bind(sqlite3_stmt *st, int at, const struct rowcode_value *v);

/* Unsigned numbers, seven bits a byte, the lowest first: also for what stands beside rows. */
void rowcode_put_varint(struct im_buf *out, uint64_t v);
/* IM_E_FORMAT: it ends too early, or has more than 64 bits, or could be shorter. */
int rowcode_take_varint(struct im_str *in, uint64_t *out) IM_MUST_CHECK;
/* So many bytes behind their length. */
void rowcode_put_str(struct im_buf *out, struct im_str s);
int rowcode_take_str(struct im_str *in, struct im_str *out) IM_MUST_CHECK;

#endif
