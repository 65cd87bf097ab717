/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks at each closing mark and the two characters around it. Called by search.c. */
#include "search_marks.h"

#include <string.h>

/* What is indexed by pairs takes three bytes of UTF-8 or more. */
#define WIDE_MIN 3

static bool continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Bytes of the character that begins at p, or of the one that ends before `end`. */
static size_t next_size(const char *p, const char *end)
{
	size_t n = 0;

	if (p < end)
		for (n = 1; p + n < end && continues((unsigned char)p[n]);)
			n++;
	return n;
}

static size_t last_size(const char *begin, const char *end)
{
	size_t n = 0;

	while (end - n > begin && n < 4) {
		n++;
		if (!continues((unsigned char)end[-(ptrdiff_t)n]))
			break;
	}
	return n;
}

/* How much of what follows the mark at `mark` belongs to the hit before it. */
static size_t rest_of_hit(const char *begin, const char *mark, const char *end, struct im_str q)
{
	const char *next = mark + 1;
	size_t before = last_size(begin, mark), after = next_size(next, end);
	char pair[8];

	if (before < WIDE_MIN || after < WIDE_MIN || before + after > sizeof(pair) || q.n == 0)
		return 0;
	memcpy(pair, mark - before, before);
	memcpy(pair + before, next, after);
	return memmem(q.p, q.n, pair, before + after) ? after : 0;
}

void search_marks_widen(struct im_str snippet, struct im_str q, struct im_buf *out)
{
	const char *at = snippet.p, *end = snippet.p + snippet.n, *mark;
	size_t more;

	while ((mark = at < end ? memchr(at, SEARCH_MARK_END[0], (size_t)(end - at)) : NULL)) {
		more = rest_of_hit(snippet.p, mark, end, q);
		im_buf_put(out, at, (size_t)(mark - at));
		im_buf_put(out, mark + 1, more);
		im_buf_c(out, SEARCH_MARK_END[0]);
		at = mark + 1 + more;
	}
	im_buf_put(out, at, (size_t)(end - at));
}
