/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the query language. Each term is given to the index's tokenizer first: FTS5 itself takes a
 * term without a token for one that nothing holds. Called by search.c. */
#include "bridge/search/search_terms.h"

#include <stdbool.h>

#include "bridge/search/search_query.h"
#include "bridge/search/search_tokens.h"

struct term {
	struct im_str text;
	bool prefix;
	int tokens;
	size_t last_chars; /* of the last token */
	bool last_whole;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes n bytes off the front of *q. */
static struct im_str take(struct im_str *q, size_t n)
{
	struct im_str front = {q->p, n};

	q->p += n;
	q->n -= n;
	return front;
}

/* Takes the next word or quoted phrase off *q. False at the end. */
static bool next_term(struct im_str *q, struct term *out)
{
	bool quoted;
	size_t n = 0;

	*out = (struct term){.prefix = false};
	while (q->n && is_space(*q->p))
		take(q, 1);
	if (q->n == 0)
		return false;
	quoted = *q->p == '"';
	if (quoted)
		take(q, 1);
	while (n < q->n && q->p[n] != '"' && (quoted || !is_space(q->p[n])))
		n++;
	out->text = take(q, n);
	if (quoted && q->n)
		take(q, 1);
	if (quoted && q->n && *q->p == '*') {
		out->prefix = true;
		take(q, 1);
	} else if (!quoted && n > 1 && out->text.p[n - 1] == '*') {
		out->prefix = true;
		out->text.n--;
	}
	return true;
}

static int on_token(void *arg, int flags, const char *token, int n, int start, int end)
{
	struct term *t = arg;

	(void)start;
	(void)end;
	if (flags & FTS5_TOKEN_COLOCATED)
		return SQLITE_OK;
	t->tokens++;
	t->last_whole = search_token_whole((struct im_str){token, (size_t)n});
	t->last_chars = 0;
	for (int i = 0; i < n; i++)
		t->last_chars += ((unsigned char)token[i] & 0xC0) != 0x80;
	return SQLITE_OK;
}

/* Appends one term as an FTS5 string, so that no character of it is an operator. */
static void put_term(struct im_buf *b, const struct term *t)
{
	im_buf_z(b, "body : \"");
	for (size_t i = 0; i < t->text.n; i++) {
		if (t->text.p[i] == '"')
			im_buf_c(b, '"');
		im_buf_c(b, t->text.p[i] ? t->text.p[i] : ' ');
	}
	/* What stands for itself is no beginning of anything longer. */
	im_buf_z(b, t->prefix && !t->last_whole ? "\"*" : "\"");
}

int search_terms_put(
	const struct search_tokenizer *t, struct im_str q, struct im_buf *out, const char **why_out)
{
	struct term term;
	int terms = 0;

	*why_out = "params.q is longer than 256 bytes; search for fewer words";
	if (q.n > SEARCH_QUERY_MAX)
		return IM_E_INVALID_PARAMS;
	while (next_term(&q, &term)) {
		if (t->calls.xTokenize(t->self, &term, FTS5_TOKENIZE_QUERY, term.text.p,
			    (int)term.text.n, on_token) != SQLITE_OK)
			out->failed = true;
		if (term.tokens == 0)
			continue;
		*why_out = "params.q has more than 16 words; search for fewer";
		if (terms++ == SEARCH_TERMS_MAX)
			return IM_E_INVALID_PARAMS;
		*why_out = "params.q has a beginning of one character before \"*\"; give at least "
			   "two";
		if (term.prefix && !term.last_whole && term.last_chars < SEARCH_PREFIX_MIN)
			return IM_E_INVALID_PARAMS;
		if (terms > 1)
			im_buf_z(out, " AND ");
		put_term(out, &term);
	}
	*why_out = "params.q holds nothing that can be found; give at least one letter, digit or "
		   "emoji";
	if (terms == 0)
		return IM_E_INVALID_PARAMS;
	*why_out = NULL;
	return out->failed ? IM_E_NOMEM : IM_OK;
}
