/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Growth and number formatting of im_buf. The only place in common/ that allocates; a failure is
 * remembered in the buffer and every later write is a no-op.
 */
#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Most texts that are built (a topic, an ack, a small message) fit the first allocation. */
#define BUF_FIRST 256

void im_buf_init(struct im_buf *b, size_t max)
{
	*b = (struct im_buf){.max = max};
}

void im_buf_reset(struct im_buf *b)
{
	b->n = 0;
	b->failed = false;
}

void im_buf_free(struct im_buf *b)
{
	free(b->p);
	im_buf_init(b, b->max);
}

bool im_buf_reserve(struct im_buf *b, size_t n)
{
	size_t max = b->max ? b->max : SIZE_MAX / 2;
	size_t cap;
	char *p;

	if (b->failed)
		return false;
	if (b->p && b->cap - b->n >= n)
		return true;
	if (b->n > max || n > max - b->n) {
		b->failed = true;
		return false;
	}
	cap = b->cap > max / 2 ? max : 2 * b->cap;
	if (cap < BUF_FIRST)
		cap = BUF_FIRST < max ? BUF_FIRST : max;
	if (cap < b->n + n)
		cap = b->n + n;
	p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

size_t im_digits(char out[IM_DIGITS_MAX], uint64_t v)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
				    "2021222324252627282930313233343536373839"
				    "4041424344454647484950515253545556575859"
				    "6061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	size_t at = IM_DIGITS_MAX;

	while (v >= 100) {
		at -= 2;
		memcpy(out + at, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		at -= 2;
		memcpy(out + at, pairs + 2 * v, 2);
	} else {
		out[--at] = (char)('0' + v);
	}
	return at;
}

void im_buf_u64(struct im_buf *b, uint64_t v)
{
	char digits[IM_DIGITS_MAX];
	size_t at = im_digits(digits, v);

	im_buf_put(b, digits + at, sizeof(digits) - at);
}

void im_buf_i64(struct im_buf *b, int64_t v)
{
	if (v < 0) {
		im_buf_c(b, '-');
		im_buf_u64(b, -(uint64_t)v);
	} else {
		im_buf_u64(b, (uint64_t)v);
	}
}

void im_buf_base64(struct im_buf *b, const void *p, size_t n)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = p;
	char *out;
	uint32_t v;

	if (n == 0)
		return;
	if (n > SIZE_MAX / 2) {
		b->failed = true;
		return;
	}
	out = im_buf_add(b, (n + 2) / 3 * 4);
	if (!out)
		return;
	for (; n >= 3; n -= 3, in += 3, out += 4) {
		v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		out[0] = alphabet[v >> 18];
		out[1] = alphabet[v >> 12 & 63];
		out[2] = alphabet[v >> 6 & 63];
		out[3] = alphabet[v & 63];
	}
	if (n) {
		v = (uint32_t)in[0] << 16 | (n == 2 ? (uint32_t)in[1] << 8 : 0);
		out[0] = alphabet[v >> 18];
		out[1] = alphabet[v >> 12 & 63];
		out[2] = n == 2 ? alphabet[v >> 6 & 63] : '=';
		out[3] = '=';
	}
}

void im_buf_printf(struct im_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *at;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* vsnprintf ends with a NUL, which is reserved but not counted. */
	if (n < 0 || !im_buf_reserve(b, (size_t)n + 1)) {
		b->failed = true;
		return;
	}
	at = b->p + b->n;
	va_start(ap, fmt);
	vsnprintf(at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void im_buf_le8(struct im_buf *b, uint8_t v)
{
	im_buf_c(b, (char)v);
}

static void le(struct im_buf *b, uint64_t v, size_t bytes)
{
	char *at = im_buf_add(b, bytes);

	if (at)
		im_le_put(at, v, bytes);
}

void im_buf_le16(struct im_buf *b, uint16_t v)
{
	le(b, v, 2);
}

void im_buf_le32(struct im_buf *b, uint32_t v)
{
	le(b, v, 4);
}

void im_buf_le64(struct im_buf *b, uint64_t v)
{
	le(b, v, 8);
}

void im_buf_set_le32(struct im_buf *b, size_t at, uint32_t v)
{
	if (!b->failed && b->n >= 4 && at <= b->n - 4)
		im_le_put(b->p + at, v, 4);
}
