/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks the members of a JSON object or the elements of an array without allocating or
 * copying. The bench has its own reader on purpose: what it verifies must not be parsed by
 * the code that it verifies.
 *
 * Called by message.c and the rpc scenario. Pure. It trusts nothing, but it is a walker and no
 * validator: scalars are taken up to the next delimiter as they stand.
 */
#ifndef BENCH_JSONIT_H
#define BENCH_JSONIT_H

#include <stddef.h>
#include <stdint.h>

/* Borrowed text; valid as long as the buffer it points into. */
struct slice {
	const char *p;
	size_t n;
};

struct jsonit {
	const char *p;
	const char *end;
	char close; /* '}' or ']' */
	int first;
};

/* Starts a walk over text, which must be an object or an array. 0, or -1 if it is neither. */
int jsonit_open(struct jsonit *it, struct slice text);

/*
 * Steps to the next member or element. key_out (without its quotes, escapes untouched) stays
 * empty in an array; value_out is the value's own text, strings with their quotes.
 * 1: there is one; 0: the end was reached; -1: the text is malformed.
 */
int jsonit_next(struct jsonit *it, struct slice *key_out, struct slice *value_out);

/* The inside of a string value without escapes. 0, or -1 if it is not one. */
int jsonit_plain(struct slice value, struct slice *out);

/* A non-negative integer below 10^19. 0, or -1 if the value is not one. */
int jsonit_u64(struct slice value, uint64_t *out);

/* Does the text equal the C string? */
int slice_is(struct slice text, const char *word);

#endif
