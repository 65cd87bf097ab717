/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks utf8proc, and knows what its tables do not: scripts, and emoji that are newer than it is.
 * Pure. */
#include "bridge/message/unicode.h"

#include <utf8proc.h>

size_t unicode_read(const char *p, const char *end, int32_t *cp_out)
{
	utf8proc_ssize_t n;

	if (!(*p & 0x80)) {
		*cp_out = (unsigned char)*p;
		return 1;
	}
	n = utf8proc_iterate((const utf8proc_uint8_t *)p, end - p, cp_out);
	if (n > 0)
		return (size_t)n;
	*cp_out = -1;
	return 1;
}

void unicode_put(struct im_buf *b, int32_t cp)
{
	utf8proc_uint8_t bytes[4];

	im_buf_put(b, bytes, (size_t)utf8proc_encode_char(cp, bytes));
}

size_t unicode_cluster(const char *p, const char *end)
{
	utf8proc_int32_t state = 0;
	int32_t cp, next;
	size_t n = unicode_read(p, end, &cp), more;

	/* ASCII before ASCII, as most of a text is; CR and LF may be two. */
	if (p + n == end || (cp >= 0 && cp < 0x80 && !(p[n] & 0x80)))
		return n;
	for (; p + n < end; n += more) {
		more = unicode_read(p + n, end, &next);
		if (cp < 0 || next < 0 || utf8proc_grapheme_break_stateful(cp, next, &state))
			break;
		cp = next;
	}
	return n;
}

bool unicode_pictograph(int32_t cp)
{
	if (cp < 0xA9)
		return false;
	return utf8proc_get_property(cp)->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC ||
	       /* Kept by Unicode for emoji to come. */
	       (cp >= 0x1F000 && cp <= 0x1FAFF && utf8proc_category(cp) == UTF8PROC_CATEGORY_CN);
}

bool unicode_flag_half(int32_t cp)
{
	return cp >= 0x1F1E6 && cp <= 0x1F1FF;
}

static bool in_spaceless_block(int32_t cp)
{
	return (cp >= 0x0E00 && cp <= 0x0EFF) ||   /* Thai, Lao */
	       (cp >= 0x1000 && cp <= 0x109F) ||   /* Myanmar */
	       (cp >= 0x1100 && cp <= 0x11FF) ||   /* Hangul letters */
	       (cp >= 0x1780 && cp <= 0x17FF) ||   /* Khmer */
	       (cp >= 0x3005 && cp <= 0x3007) ||   /* iteration mark, zero */
	       (cp >= 0x3040 && cp <= 0x30FF) ||   /* Hiragana, Katakana */
	       (cp >= 0x3100 && cp <= 0x318F) ||   /* Bopomofo, Hangul letters */
	       (cp >= 0x31A0 && cp <= 0x31FF) ||   /* extensions of both */
	       (cp >= 0x3400 && cp <= 0x4DBF) ||   /* ideographs, extension A */
	       (cp >= 0x4E00 && cp <= 0x9FFF) ||   /* ideographs */
	       (cp >= 0xAC00 && cp <= 0xD7FF) ||   /* Hangul syllables */
	       (cp >= 0xF900 && cp <= 0xFAFF) ||   /* compatibility ideographs */
	       (cp >= 0xFF66 && cp <= 0xFF9F) ||   /* half-width Katakana */
	       (cp >= 0x1B000 && cp <= 0x1B16F) || /* Kana supplements */
	       (cp >= 0x20000 && cp <= 0x3FFFD);   /* ideographs, all further extensions */
}

bool unicode_spaceless(int32_t cp)
{
	return cp >= 0x0E00 && in_spaceless_block(cp) &&
	       (unicode_letter_or_number(cp) || (cp >= 0x20000 && cp <= 0x3FFFD));
}

bool unicode_letter_or_number(int32_t cp)
{
	utf8proc_category_t c = cp < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(cp);

	return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) ||
	       (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO) ||
	       c == UTF8PROC_CATEGORY_CO;
}

bool unicode_mark(int32_t cp)
{
	utf8proc_category_t c = cp < 0x300 ? UTF8PROC_CATEGORY_CN : utf8proc_category(cp);

	return c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME;
}

bool unicode_invisible(int32_t cp)
{
	utf8proc_category_t c = cp < 0 ? UTF8PROC_CATEGORY_CC : utf8proc_category(cp);

	/* Braille of no dot and the note without a head are symbols, and blank. */
	return unicode_mark(cp) || (c >= UTF8PROC_CATEGORY_ZS && c <= UTF8PROC_CATEGORY_CF) ||
	       utf8proc_get_property(cp)->ignorable || cp == 0x2800 || cp == 0x1D159;
}

bool unicode_turns(int32_t cp)
{
	return (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
}

bool unicode_control(int32_t cp)
{
	utf8proc_category_t c = cp < 0 ? UTF8PROC_CATEGORY_CC : utf8proc_category(cp);

	return c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP;
}
