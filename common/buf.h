/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A growable byte buffer whose failure is sticky: write on, look at `failed` once at the end.
 * Used for every frame, topic, and JSON text that is built. Not a container for anything else.
 */
#ifndef IM_COMMON_BUF_H
#define IM_COMMON_BUF_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

struct im_buf {
	char *p;     /* may be NULL while n == 0 */
	size_t n;    /* bytes written */
	size_t cap;  /* bytes allocated */
	size_t max;  /* never grows beyond this; 0: no bound */
	bool failed; /* out of memory or over max: content is not to be used */
};

/* Starts empty without allocating. `max` 0: no bound. */
void im_buf_init(struct im_buf *b, size_t max);
/* Empties and clears the failure, keeps the memory. */
void im_buf_reset(struct im_buf *b);
/* Gives the memory back; the buffer is as after im_buf_init. */
void im_buf_free(struct im_buf *b);

/* Makes room for n more bytes: writes of up to n bytes in all then move nothing. False: failed. */
bool im_buf_reserve(struct im_buf *b, size_t n);

/* Reserves n bytes at the end and returns them (uninitialised, counted as written), or NULL. */
static inline char *im_buf_add(struct im_buf *b, size_t n)
{
	char *at;

	if ((b->failed || b->cap - b->n < n || !b->p) && !im_buf_reserve(b, n))
		return NULL;
	at = b->p + b->n;
	b->n += n;
	return at;
}

static inline void im_buf_put(struct im_buf *b, const void *p, size_t n)
{
	char *at = n ? im_buf_add(b, n) : NULL;

	if (at)
		memcpy(at, p, n);
}

static inline void im_buf_str(struct im_buf *b, struct im_str s)
{
	im_buf_put(b, s.p, s.n);
}

static inline void im_buf_z(struct im_buf *b, const char *z)
{
	im_buf_put(b, z, strlen(z));
}

static inline void im_buf_c(struct im_buf *b, char c)
{
	char *at = im_buf_add(b, 1);

	if (at)
		*at = c;
}

/* Decimal text at the end of out, where there is no buffer; returns where it begins. */
#define IM_DIGITS_MAX 20
size_t im_digits(char out[IM_DIGITS_MAX], uint64_t v);
void im_buf_u64(struct im_buf *b, uint64_t v);                 /* decimal text */
void im_buf_i64(struct im_buf *b, int64_t v);                  /* decimal text */
void im_buf_base64(struct im_buf *b, const void *p, size_t n); /* RFC 4648, padded */
void im_buf_printf(struct im_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Little-endian numbers of so many bytes, 8 at most: one move where that is a constant. */
static inline char *im_le_put(char *at, uint64_t v, size_t bytes)
{
	v = htole64(v);
	memcpy(at, &v, bytes);
	return at + bytes;
}
static inline uint64_t im_le_get(const char *at, size_t bytes)
{
	uint64_t v = 0;

	memcpy(&v, at, bytes);
	return le64toh(v);
}
void im_buf_le8(struct im_buf *b, uint8_t v);
void im_buf_le16(struct im_buf *b, uint16_t v);
void im_buf_le32(struct im_buf *b, uint32_t v);
void im_buf_le64(struct im_buf *b, uint64_t v);
/* Overwrites four bytes written earlier at `at` (a count or length known only at the end). */
void im_buf_set_le32(struct im_buf *b, size_t at, uint32_t v);

/* The content; valid until the next write. Empty when failed. */
static inline struct im_str im_buf_view(const struct im_buf *b)
{
	return b->failed ? (struct im_str){NULL, 0} : (struct im_str){b->p, b->n};
}

#endif
