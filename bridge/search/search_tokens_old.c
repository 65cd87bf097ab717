/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tokenizer "im", by which an index of schema version 3 or before was made; it answers from
 * such an index until the new one has caught up (search_index.c). It splits text into runs: CJK
 * characters are handled here, everything else is handed to unicode61 piece by piece, with offsets
 * shifted back.
 */
#include "bridge/search/search_tokens_old.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct tokenizer {
	fts5_tokenizer words;
	Fts5Tokenizer *words_instance;
};

typedef int (*token_fn)(void *arg, int flags, const char *token, int n, int start, int end);

/* Decodes one character of valid or invalid UTF-8; an invalid byte counts as a character of its
 * own. Returns its length. */
static int char_read(const unsigned char *p, const unsigned char *end, uint32_t *cp_out)
{
	int n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;

	if (n == 1 || end - p < n) {
		*cp_out = p[0];
		return 1;
	}
	uint32_t cp = p[0] & (0x7f >> n);
	for (int i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			*cp_out = p[0];
			return 1;
		}
		cp = cp << 6 | (p[i] & 0x3f);
	}
	*cp_out = cp;
	return n;
}

/* Scripts written without spaces between words (Unicode blocks; Hangul too, because a Korean word
 * is searched by any of its syllables). */
static bool is_cjk(uint32_t cp)
{
	return (cp >= 0x3040 && cp <= 0x30ff) ||   /* Hiragana, Katakana */
	       (cp >= 0x3100 && cp <= 0x312f) ||   /* Bopomofo */
	       (cp >= 0x31f0 && cp <= 0x31ff) ||   /* Katakana extensions */
	       (cp >= 0x3400 && cp <= 0x4dbf) ||   /* ideographs, extension A */
	       (cp >= 0x4e00 && cp <= 0x9fff) ||   /* ideographs */
	       (cp >= 0xac00 && cp <= 0xd7af) ||   /* Hangul syllables */
	       (cp >= 0xf900 && cp <= 0xfaff) ||   /* compatibility ideographs */
	       (cp >= 0xff66 && cp <= 0xff9d) ||   /* half-width Katakana */
	       (cp >= 0x20000 && cp <= 0x323af) || /* extensions B to H */
	       cp == 0x3005 || cp == 0x3007;       /* iteration mark, zero */
}

static int tokenizer_create(void *ctx, const char **args, int n_args, Fts5Tokenizer **out)
{
	fts5_api *api = ctx;
	void *words_ctx;
	struct tokenizer *t = calloc(1, sizeof(*t));

	(void)args;
	(void)n_args;
	if (!t)
		return SQLITE_NOMEM;
	const char *options[] = {"remove_diacritics", "2"};
	int rc = api->xFindTokenizer(api, "unicode61", &words_ctx, &t->words);
	if (rc == SQLITE_OK)
		rc = t->words.xCreate(words_ctx, options, 2, &t->words_instance);
	if (rc != SQLITE_OK) {
		free(t);
		return rc;
	}
	*out = (Fts5Tokenizer *)t;
	return SQLITE_OK;
}

static void tokenizer_delete(Fts5Tokenizer *self)
{
	struct tokenizer *t = (struct tokenizer *)self;

	t->words.xDelete(t->words_instance);
	free(t);
}

/* Passes unicode61's tokens on with offsets that count from the start of the whole text. */
struct shift {
	void *arg;
	token_fn emit;
	int by;
};

static int shift_token(void *arg, int flags, const char *token, int n, int start, int end)
{
	struct shift *s = arg;

	return s->emit(s->arg, flags, token, n, start + s->by, end + s->by);
}

static int emit_words(struct tokenizer *t, void *arg, int flags, const char *text, int from, int to,
	token_fn emit)
{
	struct shift s = {arg, emit, from};

	if (from == to)
		return SQLITE_OK;
	return t->words.xTokenize(
		t->words_instance, &s, flags, text + from, to - from, shift_token);
}

/* One run of CJK characters. `more`: other text follows it. */
static int emit_cjk(
	void *arg, int flags, const char *text, int from, int to, bool more, token_fn emit)
{
	const unsigned char *base = (const unsigned char *)text, *end = base + to;
	bool query = flags & FTS5_TOKENIZE_QUERY;
	int rc = SQLITE_OK;
	int n = 0;

	for (int at = from; at < to && rc == SQLITE_OK; at += n) {
		uint32_t cp;

		n = char_read(base + at, end, &cp);
		int next = at + n;
		int pair = next < to ? next + char_read(base + next, end, &cp) : 0;
		/* A query takes pairs; the last character alone only where it is all there is, or
		 * where a token must hold its position before what follows. */
		if (query && pair)
			rc = emit(arg, 0, text + at, pair - at, at, pair);
		else if (!query || at == from || more)
			rc = emit(arg, 0, text + at, n, at, next);
		if (!query && pair && rc == SQLITE_OK)
			rc = emit(arg, FTS5_TOKEN_COLOCATED, text + at, pair - at, at, pair);
	}
	return rc;
}

static int tokenize(
	Fts5Tokenizer *self, void *arg, int flags, const char *text, int n_text, token_fn emit)
{
	struct tokenizer *t = (struct tokenizer *)self;
	const unsigned char *base = (const unsigned char *)text, *end = base + n_text;
	int from = 0, rc = SQLITE_OK;
	bool in_cjk = false;

	for (int at = 0; at < n_text && rc == SQLITE_OK;) {
		uint32_t cp;
		int n = char_read(base + at, end, &cp);

		if (is_cjk(cp) != in_cjk) {
			rc = in_cjk ? emit_cjk(arg, flags, text, from, at, true, emit)
				    : emit_words(t, arg, flags, text, from, at, emit);
			from = at;
			in_cjk = !in_cjk;
		}
		at += n;
	}
	if (rc == SQLITE_OK)
		rc = in_cjk ? emit_cjk(arg, flags, text, from, n_text, false, emit)
			    : emit_words(t, arg, flags, text, from, n_text, emit);
	return rc;
}

int search_tokens_old_register(fts5_api *api)
{
	fts5_tokenizer im = {tokenizer_create, tokenizer_delete, tokenize};

	return api->xCreateTokenizer(api, "im", api, &im, NULL) == SQLITE_OK ? IM_OK : IM_E_IO;
}
