/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares a number's text with the greatest double, digit by digit: strtod would follow the
 * locale, and needs a copy. Called by jsonscan.c for what has an exponent or very many digits. */
#include "common/jsonhuge.h"

/* The digits of 0.17976931348623157e309, the last one raised: what is as large has no double. */
#define HUGE_DIGITS "17976931348623158"
#define EXPONENT_MAX 100000000 /* beyond, counting on would overflow */

/* Where the number's point would stand if its first digit other than 0 stood right behind it: the
 * exponent of 0.d1d2d3... *digits_out: d1, or the end of a number that is 0. */
static long scale_of(const char *p, const char *end, const char **digits_out)
{
	long scale = 0, exponent = 0;
	bool point = false, negative = false;

	*digits_out = end;
	for (p += *p == '-'; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (*p != '0' && *digits_out == end)
			*digits_out = p;
		if (*digits_out != end)
			scale += !point;
		else
			scale -= point;
	}
	if (p < end && ++p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	for (; p < end && exponent < EXPONENT_MAX; p++)
		exponent = exponent * 10 + (*p - '0');
	return negative ? scale - exponent : scale + exponent;
}

bool im_json_huge(const char *p, const char *end)
{
	static const char limit[] = HUGE_DIGITS;
	const char *d;
	long scale = scale_of(p, end, &d);

	if (d == end || scale != IM_JSON_HUGE_DIGITS)
		return d != end && scale > IM_JSON_HUGE_DIGITS;
	for (const char *l = limit; *l; d++) {
		if (d < end && *d == '.')
			continue;
		if (d == end || *d < '0' || *d > '9')
			return false;
		if (*d != *l)
			return *d > *l;
		l++;
	}
	return true;
}
