/* SPDX-License-Identifier: BSD-3-Clause */
/* Decodes what JSON carries bytes in, bodies and correlation data, and the parts of tokens. Pure;
 * the caller has the room. */
#include "common/base64.h"

#include <stdint.h>

/* The last two digits differ. */
static int digit(char c, char d62, char d63)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == d62 ? 62 : c == d63 ? 63 : -1;
}

int im_base64url_digit(char c)
{
	return digit(c, '-', '_');
}

/* One group of four; digits: how many of them are not padding. */
static int decode_group(const char *in, size_t digits, char *at)
{
	uint32_t v = 0;
	size_t k;

	for (k = 0; k < 4; k++) {
		int s = k < digits ? digit(in[k], '+', '/') : 0;

		if (s < 0)
			return IM_E_FORMAT;
		v = v << 6 | (uint32_t)s;
	}
	if ((digits == 3 && v & 0xFF) || (digits == 2 && v & 0xFFFF))
		return IM_E_FORMAT;
	at[0] = (char)(v >> 16);
	at[1] = (char)(v >> 8);
	at[2] = (char)v;
	return IM_OK;
}

int im_base64_decode(struct im_str in, char *at, size_t *n_out)
{
	size_t padding = 0;
	size_t i;

	*n_out = 0;
	if (in.n == 0)
		return IM_OK;
	if (in.n % 4)
		return IM_E_FORMAT;
	if (in.p[in.n - 1] == '=')
		padding = in.p[in.n - 2] == '=' ? 2 : 1;
	/* A group is read whole before it is written, so where it lies is no matter. */
	for (i = 0; i < in.n; i += 4) {
		if (decode_group(in.p + i, i + 4 == in.n ? 4 - padding : 4, at + i / 4 * 3))
			return IM_E_FORMAT;
	}
	*n_out = in.n / 4 * 3 - padding;
	return IM_OK;
}

int im_base64url_decode(struct im_str in, char *at, size_t max, size_t *n_out)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	*n_out = 0;
	for (size_t i = 0; i < in.n; i++) {
		int v = im_base64url_digit(in.p[i]);

		if (v < 0)
			return IM_E_FORMAT;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		if (n == max)
			return IM_E_FORMAT;
		have -= 8;
		at[n++] = (char)(bits >> have);
	}
	if (have >= 6 || (bits & ((1u << have) - 1)) != 0)
		return IM_E_FORMAT;
	*n_out = n;
	return IM_OK;
}
