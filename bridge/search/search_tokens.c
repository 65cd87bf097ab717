/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A text becomes clusters, a cluster becomes folded characters, and these are gathered: into words,
 * or into runs of characters that need no spaces. Called by FTS5 and by search.c. Knows nothing of
 * messages.
 */
#include "bridge/search/search_tokens.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "bridge/message/unicode.h"
#include "bridge/search/search_tokens_old.h"

/* Characters of a cluster that are looked at; more marks on one letter are noise. One becomes 18 at
 * most. */
#define CLUSTER_CHARS 16
#define FOLDED_MAX (CLUSTER_CHARS * 18)
/* Of a longer word its beginning is kept, in texts and in queries alike. */
#define WORD_CHARS 64
/* A character with the marks on it. */
#define UNIT_BYTES 16

typedef int (*token_fn)(void *arg, int flags, const char *token, int n, int start, int end);

struct unit {
	char text[UNIT_BYTES];
	int n, start, end;
};

/* The gathering of one text. */
struct gather {
	token_fn emit;
	void *arg;
	bool query;
	int rc;
	int told; /* what lies before was told: highlights are put together in order */
	char word[WORD_CHARS * 4];
	int word_n, word_chars, word_start, word_end;
	struct unit last, open; /* of a run: the one before, and the one that marks may follow */
	bool has_last, has_open;
};

/* -- folding -- */

/* Marks that most writers leave out, or that others would: accents, and the vowel signs of Hebrew
 * and Arabic. Those of other scripts are letters in all but name. */
static bool is_left_out(int32_t cp)
{
	const utf8proc_property_t *p = utf8proc_get_property(cp);

	return p->category == UTF8PROC_CATEGORY_ME ||
	       (p->combining_class >= 10 && p->combining_class <= 36) || p->combining_class >= 200;
}

/* Returns how many characters are in out. */
static int fold(const char *p, size_t n, int32_t out[FOLDED_MAX])
{
	const utf8proc_option_t decompose =
		UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
	utf8proc_ssize_t len, kept = 0;
	int32_t cp;

	if (n == 1) {
		*out = *p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p & 0x80 ? 0xFFFD : *p;
		return 1;
	}
	for (size_t at = 0, chars = 0; at < n; at += unicode_read(p + at, p + n, &cp))
		if (chars++ == CLUSTER_CHARS)
			n = at;
	len = utf8proc_decompose(
		(const utf8proc_uint8_t *)p, (utf8proc_ssize_t)n, out, FOLDED_MAX, decompose);
	if (len < 0 || len > FOLDED_MAX)
		return 0;
	for (utf8proc_ssize_t i = 0; i < len; i++)
		if (!is_left_out(out[i]))
			out[kept++] = out[i];
	kept = utf8proc_normalize_utf32(out, kept, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	return kept < 0 ? 0 : (int)kept;
}

void search_fold(struct im_str text, struct im_buf *out)
{
	int32_t folded[FOLDED_MAX];
	const char *end;
	size_t n;

	if (text.n == 0)
		return;
	end = text.p + text.n;
	for (const char *p = text.p; p < end; p += n) {
		n = unicode_cluster(p, end);
		for (int i = 0, k = fold(p, n, folded); i < k; i++)
			unicode_put(out, folded[i]);
	}
}

/* -- telling -- */

static void tell(struct gather *g, const char *token, int n, int start, int end)
{
	if (g->rc != SQLITE_OK)
		return;
	/* Of several tokens of one character the first one stands for it. */
	if (start < g->told)
		start = g->told;
	if (end < start)
		end = start;
	g->told = end;
	g->rc = g->emit(g->arg, 0, token, n, start, end);
}

static void tell_word(struct gather *g)
{
	if (g->word_n)
		tell(g, g->word, g->word_n, g->word_start, g->word_end);
	g->word_n = g->word_chars = 0;
}

/* A character of which the next one is known. A query takes the pair alone. */
static void tell_pair(struct gather *g, const struct unit *a, const struct unit *b)
{
	char pair[2 * UNIT_BYTES];

	memcpy(pair, a->text, (size_t)a->n);
	memcpy(pair + a->n, b->text, (size_t)b->n);
	if (g->query) {
		tell(g, pair, a->n + b->n, a->start, a->end);
		return;
	}
	tell(g, a->text, a->n, a->start, a->end);
	if (g->rc == SQLITE_OK)
		g->rc = g->emit(g->arg, FTS5_TOKEN_COLOCATED, pair, a->n + b->n, a->start, b->end);
}

/* `more`: other text follows. A query takes the last character alone only where it is all there is,
 * or where a token must hold its position before what follows. */
static void tell_run(struct gather *g, bool more)
{
	if (!g->has_open)
		return;
	if (g->has_last)
		tell_pair(g, &g->last, &g->open);
	if (!g->query || !g->has_last || more)
		tell(g, g->open.text, g->open.n, g->open.start, g->open.end);
	g->has_last = g->has_open = false;
}

/* -- gathering -- */

static void take_unit(struct gather *g, int32_t cp, int start, int end)
{
	tell_word(g);
	if (g->has_open) {
		if (g->has_last)
			tell_pair(g, &g->last, &g->open);
		g->last = g->open;
		g->has_last = true;
	}
	g->has_open = true;
	g->open = (struct unit){.start = start, .end = end};
	g->open.n = (int)utf8proc_encode_char(cp, (utf8proc_uint8_t *)g->open.text);
}

static void take_letter(struct gather *g, int32_t cp, int start, int end)
{
	tell_run(g, true);
	if (g->word_n == 0)
		g->word_start = start;
	if (g->word_chars++ < WORD_CHARS)
		g->word_n += (int)utf8proc_encode_char(cp, (utf8proc_uint8_t *)g->word + g->word_n);
	g->word_end = end;
}

static void take_mark(struct gather *g, int32_t cp, int start, int end)
{
	if (g->word_n) {
		take_letter(g, cp, start, end);
	} else if (g->has_open) {
		if (g->open.n + 4 <= UNIT_BYTES)
			g->open.n += (int)utf8proc_encode_char(
				cp, (utf8proc_uint8_t *)g->open.text + g->open.n);
		g->open.end = end;
	}
}

static void take_gap(struct gather *g)
{
	tell_run(g, true);
	tell_word(g);
}

static void take_folded(struct gather *g, int32_t cp, int start, int end)
{
	if (cp < 0x80 ? (cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9')
		      : !unicode_spaceless(cp) && unicode_letter_or_number(cp))
		take_letter(g, cp, start, end);
	else if (unicode_spaceless(cp))
		take_unit(g, cp, start, end);
	else if (unicode_mark(cp))
		take_mark(g, cp, start, end);
	else
		take_gap(g);
}

/* True if the cluster is an emoji: each of its characters but skins, joiners and styles is a token,
 * a flag is one. */
static bool take_emoji(struct gather *g, const char *text, int start, int end)
{
	char token[8];
	int n = 0;
	bool emoji = false;
	int32_t cp;

	for (int at = start, size; at < end; at += size) {
		size = (int)unicode_read(text + at, text + end, &cp);
		if (!unicode_pictograph(cp) && !unicode_flag_half(cp))
			continue;
		if (!emoji)
			take_gap(g);
		emoji = true;
		memcpy(token + n, text + at, (size_t)size);
		n += size;
		if (unicode_flag_half(cp) && n == size && at + size < end)
			continue;
		tell(g, token, n, start, end);
		n = 0;
	}
	return emoji;
}

static void take_cluster(struct gather *g, const char *text, int start, int end)
{
	int32_t folded[FOLDED_MAX], cp;
	int n;

	(void)unicode_read(text + start, text + end, &cp);
	if (cp >= 0xA9 && take_emoji(g, text, start, end))
		return;
	/* It folds to nothing, and yet it is there to part two words. */
	if (cp == 0x200B)
		take_gap(g);
	n = fold(text + start, (size_t)(end - start), folded);
	for (int i = 0; i < n; i++)
		take_folded(g, folded[i], start, end);
}

static int tokenize(
	Fts5Tokenizer *self, void *arg, int flags, const char *text, int n_text, token_fn emit)
{
	struct gather g = {.emit = emit, .arg = arg, .query = flags & FTS5_TOKENIZE_QUERY};

	(void)self;
	for (int at = 0, end; at < n_text && g.rc == SQLITE_OK; at = end) {
		end = at + (int)unicode_cluster(text + at, text + n_text);
		take_cluster(&g, text, at, end);
	}
	tell_run(&g, false);
	tell_word(&g);
	return g.rc;
}

/* -- for FTS5 -- */

static int tokenizer_create(void *ctx, const char **args, int n_args, Fts5Tokenizer **out)
{
	(void)ctx;
	(void)args;
	(void)n_args;
	/* It has no state, but it must be something. */
	*out = malloc(1);
	return *out ? SQLITE_OK : SQLITE_NOMEM;
}

static void tokenizer_delete(Fts5Tokenizer *self)
{
	free(self);
}

fts5_api *search_tokens_api(sqlite3 *db)
{
	fts5_api *api = NULL;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &st, NULL) != SQLITE_OK)
		return NULL;
	sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL);
	(void)sqlite3_step(st);
	sqlite3_finalize(st);
	return api;
}

int search_tokens_register(sqlite3 *db)
{
	fts5_tokenizer im4 = {tokenizer_create, tokenizer_delete, tokenize};
	fts5_api *api = search_tokens_api(db);

	if (!api || api->xCreateTokenizer(api, "im4", NULL, &im4, NULL) != SQLITE_OK)
		return IM_E_IO;
	return search_tokens_old_register(api);
}

bool search_token_whole(struct im_str token)
{
	int32_t cp = -1;

	if (token.n)
		(void)unicode_read(token.p, token.p + token.n, &cp);
	return unicode_spaceless(cp) || unicode_pictograph(cp) || unicode_flag_half(cp);
}
