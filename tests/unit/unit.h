/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every unit test includes: cmocka with the headers it wants before it, comparison of borrowed
 * strings, and a random generator with a fixed seed, so that a failure comes again.
 */
#ifndef IM_TESTS_UNIT_H
#define IM_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/str.h"

static inline void unit_assert_str(
	struct im_str have, struct im_str want, const char *file, int line)
{
	if (im_str_eq(have, want))
		return;
	print_error("have (%zu bytes): %.*s\nwant (%zu bytes): %.*s\n", have.n, IM_ARGS(have),
		want.n, IM_ARGS(want));
	_fail(file, line);
}

/* have: a struct im_str; want: a string literal, or a struct im_str. */
#define assert_str(have, literal) unit_assert_str(have, IM_STR(literal), __FILE__, __LINE__)
#define assert_str_eq(have, want) unit_assert_str(have, want, __FILE__, __LINE__)
#define assert_buf(b, literal) assert_str(im_buf_view(b), literal)

/* A copy in memory of exactly its size, so that the sanitizers see one byte too far. To be freed.
 */
static inline char *unit_exact(struct im_str s)
{
	char *p = malloc(s.n ? s.n : 1);

	assert_non_null(p);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

struct prng {
	uint64_t state;
};

/* splitmix64 (public domain algorithm). */
static inline uint64_t prng_next(struct prng *r)
{
	uint64_t z = r->state += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

static inline uint32_t prng_below(struct prng *r, uint32_t n)
{
	return (uint32_t)(prng_next(r) % n);
}

static inline struct im_str prng_bytes(struct prng *r, char *room, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		room[i] = (char)prng_next(r);
	return (struct im_str){room, n};
}

/* A field of a record: often empty, often full. */
static inline struct im_str prng_field(struct prng *r, char *room, size_t max)
{
	size_t n = prng_below(r, 3) ? prng_below(r, (uint32_t)max + 1) : prng_below(r, 2) * max;

	return prng_bytes(r, room, n);
}

#endif
