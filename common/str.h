/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A borrowed piece of text or bytes: pointer and length, no NUL promised. Valid as long as the
 * memory it points into; whoever keeps it longer copies it.
 */
#ifndef IM_COMMON_STR_H
#define IM_COMMON_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct im_str {
	const char *p;
	size_t n;
};

/* For string literals only. */
#define IM_STR(lit) ((struct im_str){(lit), sizeof(lit) - 1})

/* The two arguments of "%.*s": of an im_str, or of an im_buf that has not failed. */
#define IM_ARGS(s) (int)(s).n, (s).n ? (s).p : ""

static inline struct im_str im_str(const char *z)
{
	return (struct im_str){z, z ? strlen(z) : 0};
}

static inline bool im_str_eq(struct im_str a, struct im_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool im_str_eqz(struct im_str a, const char *z)
{
	return im_str_eq(a, im_str(z));
}

/* By bytes, and what begins like another one behind it: below 0, 0, above 0. */
static inline int im_str_cmp(struct im_str a, struct im_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n ? memcmp(a.p, b.p, n) : 0;

	return d ? d : (a.n > b.n) - (a.n < b.n);
}

/* Of a line without its end: whether a carriage return stands elsewhere than at its end, as where
 * lines end with nothing else. All that follows one would be taken for a part of this line. */
static inline bool im_str_bare_cr(struct im_str line)
{
	while (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line.n && memchr(line.p, '\r', line.n);
}

#define IM_BARE_CR_WHY "a carriage return within the line: end lines with LF or CR LF"

#endif
