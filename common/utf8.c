/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 validation; eight bytes at a time while the text is ASCII, as most of it is. */
#include "common/utf8.h"

#include <stdint.h>

static bool follows(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

size_t im_utf8_seq(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t n = (size_t)(end - p);

	if (n >= 2 && s[0] >= 0xC2 && s[0] <= 0xDF)
		return follows(s[1]) ? 2 : 0;
	if (n >= 3 && (s[0] & 0xF0) == 0xE0) {
		/* E0 80-9F would be overlong, ED A0-BF are the surrogates. */
		if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F))
			return 0;
		return follows(s[1]) && follows(s[2]) ? 3 : 0;
	}
	if (n >= 4 && s[0] >= 0xF0 && s[0] <= 0xF4) {
		/* F0 80-8F would be overlong, F4 90-BF lie above U+10FFFF. */
		if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
			return 0;
		return follows(s[1]) && follows(s[2]) && follows(s[3]) ? 4 : 0;
	}
	return 0;
}

bool im_utf8_valid(struct im_str s)
{
	const char *p = s.p;
	const char *end;
	uint64_t eight;
	size_t n;

	if (s.n == 0)
		return true;
	end = p + s.n;
	while (p < end) {
		while (end - p >= 8) {
			memcpy(&eight, p, 8);
			if (eight & 0x8080808080808080u)
				break;
			p += 8;
		}
		if (p == end)
			break;
		if (!(*p & 0x80)) {
			p++;
			continue;
		}
		n = im_utf8_seq(p, end);
		if (!n)
			return false;
		p += n;
	}
	return true;
}
