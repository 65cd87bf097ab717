/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes JSON strings. Called for everything that a client is shown; runs of bytes that need no
 * escape, nearly always the whole text, are copied at once. */
#include "common/jsonw.h"

#define ONES 0x0101010101010101u
#define HIGH 0x8080808080808080u

/* The high bit of each byte that is zero in v; exact for the lowest one, which is all we use. */
static inline uint64_t zero_bytes(uint64_t v)
{
	return (v - ONES) & ~v & HIGH;
}

/* How many bytes at p need no escape. */
static size_t plain_run(const char *p, size_t n)
{
	size_t i = 0;
	uint64_t v, special;

	while (n - i >= 8) {
		memcpy(&v, p + i, 8);
		special = zero_bytes(v ^ ONES * '"') | zero_bytes(v ^ ONES * '\\') |
			  ((v - ONES * 0x20) & ~v & HIGH);
		if (special)
			break;
		i += 8;
	}
	while (i < n && (unsigned char)p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

static const char escape_letter[0x20] = {
	['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

static void put_escape(struct im_buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char *at;

	if (c >= 0x20 || escape_letter[c]) {
		at = im_buf_add(b, 2);
		if (!at)
			return;
		at[0] = '\\';
		at[1] = c >= 0x20 ? (char)c : escape_letter[c];
		return;
	}
	at = im_buf_add(b, 6);
	if (!at)
		return;
	memcpy(at, "\\u00", 4);
	at[4] = hex[c >> 4];
	at[5] = hex[c & 15];
}

void im_jsonw_part(struct im_buf *b, struct im_str s)
{
	size_t i = 0, run;

	while (i < s.n) {
		run = plain_run(s.p + i, s.n - i);
		im_buf_put(b, s.p + i, run);
		i += run;
		if (i < s.n)
			put_escape(b, (unsigned char)s.p[i++]);
	}
}

size_t im_jsonw_size(struct im_str s)
{
	size_t i = 0, n = 2 + s.n;

	while ((i += plain_run(s.p + i, s.n - i)) < s.n) {
		unsigned char c = (unsigned char)s.p[i++];

		n += c >= 0x20 || escape_letter[c] ? 1 : 5;
	}
	return n;
}

void im_jsonw_str(struct im_buf *b, struct im_str s)
{
	im_buf_c(b, '"');
	im_jsonw_part(b, s);
	im_buf_c(b, '"');
}

void im_jsonw_key(struct im_buf *b, const char *key)
{
	im_buf_c(b, '"');
	im_buf_z(b, key);
	im_buf_put(b, "\":", 2);
}

void im_jsonw_member_str(struct im_buf *b, const char *key, struct im_str s)
{
	im_buf_c(b, ',');
	im_jsonw_key(b, key);
	im_jsonw_str(b, s);
}

void im_jsonw_member_int(struct im_buf *b, const char *key, int64_t v)
{
	im_buf_c(b, ',');
	im_jsonw_key(b, key);
	im_buf_i64(b, v);
}
