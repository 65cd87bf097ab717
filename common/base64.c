/* SPDX-License-Identifier: BSD-3-Clause */
/* Decodes what JSON carries bytes in: bodies and correlation data. Pure; the caller has the room.
 */
#include "base64.h"

#include <stdint.h>

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four; digits: how many of them are not padding. */
static int decode_group(const char *in, size_t digits, char *at)
{
	uint32_t v = 0;
	size_t k;

	for (k = 0; k < 4; k++) {
		int s = k < digits ? sextet(in[k]) : 0;

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
