/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks at each closing mark and the two characters around it. Called by search_walk.c. */
#include "bridge/search/search_marks.h"

#include <string.h>

#include "bridge/message/unicode.h"
#include "bridge/search/search_tokens.h"

/* How much of what follows a mark belongs to the hit before it, of which `last` is the end. q: the
 * user's words, folded; pair: room. */
static size_t rest_of_hit(struct im_str last, const char *next, const char *end,
	const struct im_buf *q, struct im_buf *pair)
{
	struct im_str after = {next, next < end ? unicode_cluster(next, end) : 0};
	size_t n;

	im_buf_reset(pair);
	search_fold(last, pair);
	n = pair->n;
	search_fold(after, pair);
	if (q->n == 0 || n == 0 || pair->n == n || pair->failed ||
		!search_token_whole(im_buf_view(pair)) ||
		!search_token_whole((struct im_str){pair->p + n, pair->n - n}))
		return 0;
	return memmem(q->p, q->n, pair->p, pair->n) ? after.n : 0;
}

void search_marks_widen(struct im_str snippet, struct im_str q, struct im_buf *out)
{
	const char *p = snippet.p, *end = snippet.p + snippet.n;
	struct im_buf words, pair;
	struct im_str last = {NULL, 0};
	size_t n, more;

	im_buf_init(&words, 0);
	im_buf_init(&pair, 0);
	search_fold(q, &words);
	for (; p < end; p += n) {
		n = unicode_cluster(p, end);
		more = 0;
		if (*p == SEARCH_MARK_END[0]) {
			more = rest_of_hit(last, p + n, end, &words, &pair);
			im_buf_put(out, p + n, more);
		}
		last = more ? (struct im_str){p + n, more} : (struct im_str){p, n};
		im_buf_put(out, p, n);
		n += more;
	}
	im_buf_free(&words);
	im_buf_free(&pair);
}
