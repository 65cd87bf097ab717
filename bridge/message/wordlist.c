/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entries become patterns of hexadecimal escapes, so that no character of an entry is an operator.
 * Called by moderation.c. Knows nothing of messages.
 */
#include "bridge/message/wordlist.h"

#include <hs/hs.h>
#include <stdlib.h>

#include "common/utf8.h"

struct wordlist {
	hs_database_t *db; /* NULL: the list is empty */
	hs_scratch_t *scratch;
	size_t n;
};

struct patterns {
	struct im_buf text;    /* the patterns, each with its NUL */
	struct im_buf offsets; /* size_t each */
	size_t n;
};

static bool is_word_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void put_pattern(struct patterns *p, struct im_str word)
{
	bool whole = is_word_byte(word.p[0]) && is_word_byte(word.p[word.n - 1]);
	size_t at = p->text.n;
	if (word.n > 2 && word.p[0] == '*' && word.p[word.n - 1] == '*') {
		word.p++;
		word.n -= 2;
	}
	im_buf_put(&p->offsets, &at, sizeof(at));
	if (whole)
		im_buf_z(&p->text, "\\b");
	for (size_t i = 0; i < word.n; i++) {
		unsigned char c = (unsigned char)word.p[i];
		if (c >= 0x80) /* part of a character: the text is UTF-8 and so is the pattern */
			im_buf_c(&p->text, word.p[i]);
		else
			im_buf_printf(&p->text, "\\x%02x", c);
	}
	if (whole)
		im_buf_z(&p->text, "\\b");
	im_buf_c(&p->text, '\0');
	p->n++;
}

static struct im_str trim(struct im_str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

static int read_lines(struct im_str text, const char *name, struct patterns *p, struct im_buf *why)
{
	unsigned line_no = 0;
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		struct im_str line = {text.p, end ? (size_t)(end - text.p) : text.n};
		text.p += line.n + (end != NULL);
		text.n -= line.n + (end != NULL);
		line_no++;
		if (im_str_bare_cr(line)) {
			im_buf_printf(why, "%s:%u: " IM_BARE_CR_WHY, name, line_no);
			return IM_E_FORMAT;
		}
		line = trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		const char *wrong =
			line.n > WORDLIST_WORD_MAX     ? "is longer than 128 bytes; shorten it"
			: !im_utf8_valid(line)         ? "is not UTF-8; save the file as UTF-8"
			: memchr(line.p, '\0', line.n) ? "holds a NUL byte; remove it"
			: p->n == WORDLIST_MAX         ? "is one word too many; keep 100000 at most"
						       : NULL;
		if (wrong) {
			im_buf_printf(why, "%s:%u: the entry %s", name, line_no, wrong);
			return IM_E_FORMAT;
		}
		put_pattern(p, line);
	}
	return p->text.failed || p->offsets.failed ? IM_E_NOMEM : IM_OK;
}

static int compile(struct wordlist *w, struct patterns *p, const char *name, struct im_buf *why)
{
	int code = IM_E_NOMEM;
	hs_compile_error_t *error = NULL;
	const char **expressions = calloc(p->n, sizeof(*expressions));
	unsigned *flags = calloc(p->n, sizeof(*flags));
	if (!expressions || !flags)
		goto out;
	for (size_t i = 0; i < p->n; i++) {
		size_t at;
		memcpy(&at, p->offsets.p + i * sizeof(at), sizeof(at));
		expressions[i] = p->text.p + at;
		flags[i] = HS_FLAG_CASELESS | HS_FLAG_UTF8 | HS_FLAG_SOM_LEFTMOST;
	}
	if (hs_compile_multi(expressions, flags, NULL, (unsigned)p->n, HS_MODE_BLOCK, NULL, &w->db,
		    &error) != HS_SUCCESS) {
		im_buf_printf(why, "%s: cannot compile the word list: %s", name, error->message);
		hs_free_compile_error(error);
		code = IM_E_FORMAT;
		goto out;
	}
	if (hs_alloc_scratch(w->db, &w->scratch) == HS_SUCCESS)
		code = IM_OK;
out:
	free(expressions);
	free(flags);
	return code;
}

int wordlist_compile(
	struct im_str text, const char *name, struct wordlist **out, struct im_buf *why)
{
	struct patterns p = {.n = 0};
	struct wordlist *w = calloc(1, sizeof(*w));
	im_buf_init(&p.text, 0);
	im_buf_init(&p.offsets, 0);
	int code = w ? read_lines(text, name, &p, why) : IM_E_NOMEM;
	if (code == IM_OK && p.n)
		code = compile(w, &p, name, why);
	if (code) {
		wordlist_free(&w);
	} else {
		w->n = p.n;
		*out = w;
	}
	im_buf_free(&p.text);
	im_buf_free(&p.offsets);
	return code;
}

void wordlist_free(struct wordlist **w)
{
	if (!*w)
		return;
	hs_free_scratch((*w)->scratch);
	hs_free_database((*w)->db);
	free(*w);
	*w = NULL;
}

size_t wordlist_size(const struct wordlist *w)
{
	return w->n;
}

static int stop_at_first(
	unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
	(void)id;
	(void)from;
	(void)to;
	(void)flags;
	*(bool *)arg = true;
	return 1;
}

bool wordlist_match(struct wordlist *w, struct im_str text)
{
	bool hit = false;
	if (w->db && text.n)
		hs_scan(w->db, text.p, (unsigned)text.n, 0, w->scratch, stop_at_first, &hit);
	return hit;
}

static int mark_hit(
	unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
	(void)id;
	(void)flags;
	memset((char *)arg + from, 1, (size_t)(to - from));
	return 0;
}

void wordlist_mask(struct wordlist *w, struct im_str text, struct im_buf *out)
{
	char *hits = w->db && text.n ? calloc(1, text.n) : NULL;
	if (!hits) {
		/* Nothing to look for; or no memory, which must not let the text through. */
		if (w->db && text.n)
			out->failed = true;
		im_buf_str(out, text);
		return;
	}
	hs_scan(w->db, text.p, (unsigned)text.n, 0, w->scratch, mark_hit, hits);
	for (size_t i = 0; i < text.n; i++) {
		bool starts = ((unsigned char)text.p[i] & 0xc0) != 0x80;
		if (!hits[i])
			im_buf_c(out, text.p[i]);
		else if (starts)
			im_buf_c(out, '*');
	}
	free(hits);
}
