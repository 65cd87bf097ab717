/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values as PostgreSQL's binary format has them: parameters and arrays of them to be sent, and what
 * results hold. Bytes are then bytes, without quoting, and NULL is not empty.
 */
#ifndef IM_BRIDGE_PG_VALUE_H
#define IM_BRIDGE_PG_VALUE_H

#include <postgresql/libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

#define PG_PARAMS_MAX 32

/* Types of arrays' elements: the numbers of pg_type, which never change. */
enum pg_type { PG_BYTEA = 17, PG_INT8 = 20, PG_INT2 = 21, PG_TEXT = 25 };

struct pg_params {
	struct im_buf room;
	size_t n, at[PG_PARAMS_MAX];
	int length[PG_PARAMS_MAX], format[PG_PARAMS_MAX];
	const char *value[PG_PARAMS_MAX]; /* for libpq, once they are complete */
	bool too_long;                    /* a value has more bytes than one may have */
	size_t count_at, n_elements;      /* of the array that is being written */
};

void pg_params_init(struct pg_params *p);
void pg_params_free(struct pg_params *p);
/* Empties it and keeps the memory. */
void pg_params_reset(struct pg_params *p);
/* Sets `value`; the parameters are then not added to. False: out of memory, or too long. */
bool pg_params_complete(struct pg_params *p);

/* Each the next parameter. Numbers are two's complement beyond 2^63. */
void pg_put_int8(struct pg_params *p, uint64_t v);
void pg_put_int2(struct pg_params *p, int v);
void pg_put_bytes(struct pg_params *p, struct im_str s);

/* An array: begun, its elements one by one, ended. */
void pg_array_begin(struct pg_params *p, enum pg_type type);
void pg_array_int8(struct pg_params *p, uint64_t v);
void pg_array_int2(struct pg_params *p, int v);
void pg_array_bytes(struct pg_params *p, struct im_str s);
void pg_array_null(struct pg_params *p);
void pg_array_end(struct pg_params *p);

/* Of a result's row and column; a number may be a bigint, integer or smallint. NULL is 0 or empty.
 */
uint64_t pg_get_int(const PGresult *r, int row, int col);
struct im_str pg_get_bytes(const PGresult *r, int row, int col);
bool pg_get_bool(const PGresult *r, int row, int col);
/* The numbers of a bigint[] of one dimension without NULLs: how many, and each. */
uint32_t pg_get_array(const PGresult *r, int row, int col);
uint64_t pg_get_element(const PGresult *r, int row, int col, uint32_t i);

#endif
