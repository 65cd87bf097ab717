/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration from a table. Called at start and at reload, with text that an operator wrote: so
 * every refusal says what would be right. Reads no files and prints nothing.
 */
#include "common/conf.h"

#include <stdlib.h>

#define HELP_WIDTH 96
/* Longer words are no typo of a key of ours. */
#define KEY_LEN_MAX 64

static void *member(void *conf, const struct im_conf_key *k)
{
	return (char *)conf + k->offset;
}

static char *copy(struct im_str s)
{
	char *z = malloc(s.n + 1);

	if (!z)
		return NULL;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return z;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct im_str trim(struct im_str s)
{
	while (s.n && is_space(s.p[0]))
		s = (struct im_str){s.p + 1, s.n - 1};
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* ---- values ---- */

static int set_string(char **at, struct im_str value)
{
	char *z = copy(value);

	if (!z)
		return IM_E_NOMEM;
	free(*at);
	*at = z;
	return IM_OK;
}

static bool has_room(
	const struct im_conf_key *k, const struct im_conf_list *list, struct im_buf *why)
{
	if (list->n < (size_t)k->max)
		return true;
	im_buf_printf(why,
		"%s is given more than %lld times, which is the most; leave this one out", k->name,
		(long long)k->max);
	return false;
}

static int add_to_list(const struct im_conf_key *k, struct im_conf_list *list, struct im_str value,
	struct im_buf *why)
{
	char **v;

	if (k->max && !has_room(k, list, why))
		return IM_E_FORMAT;
	v = realloc(list->v, (list->n + 1) * sizeof(*v));
	if (!v)
		return IM_E_NOMEM;
	list->v = v;
	v[list->n] = copy(value);
	if (!v[list->n])
		return IM_E_NOMEM;
	list->n++;
	return IM_OK;
}

/* Digits, perhaps a sign before and k, M or G behind. */
static bool parse_int(struct im_str s, int64_t *out)
{
	bool negative = s.n && s.p[0] == '-';
	int shift = 0;
	int64_t v = 0;
	size_t i;

	if (s.n) {
		char c = s.p[s.n - 1];

		shift = c == 'k' || c == 'K' ? 10 : c == 'M' ? 20 : c == 'G' ? 30 : 0;
	}
	s.n -= shift ? 1 : 0;
	if (s.n == (size_t)negative)
		return false;
	for (i = negative; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	if (__builtin_mul_overflow(v, (int64_t)1 << shift, &v))
		return false;
	*out = negative ? -v : v;
	return true;
}

/* Index of a word among those of "a|b|c", or -1. */
static int choice_of(const char *choices, struct im_str word)
{
	int index = 0;

	for (;; index++) {
		size_t n = strcspn(choices, "|");

		if (im_str_eq((struct im_str){choices, n}, word))
			return index;
		if (!choices[n])
			return -1;
		choices += n + 1;
	}
}

static int bad_value(const struct im_conf_key *k, struct im_str value, struct im_buf *why)
{
	im_buf_printf(why, "%s cannot be \"%.*s\"; ", k->name, (int)(value.n < 80 ? value.n : 80),
		value.n ? value.p : "");
	switch (k->type) {
	case IM_CONF_INT:
		im_buf_printf(why, "give a whole number from %lld to %lld (k, M, G: times 1024)",
			(long long)k->min, (long long)k->max);
		break;
	case IM_CONF_BOOL:
		im_buf_z(why, "give true or false");
		break;
	case IM_CONF_CHOICE:
		im_buf_printf(why, "give one of %s", k->choices);
		break;
	default:
		im_buf_z(why, "give a text");
		break;
	}
	return IM_E_FORMAT;
}

static int set_value(
	const struct im_conf_key *k, void *conf, struct im_str value, struct im_buf *why)
{
	void *at = member(conf, k);
	int64_t n;
	int index;

	if (value.n == 0 || memchr(value.p, '\0', value.n))
		return bad_value(k, (struct im_str){NULL, 0}, why);
	switch (k->type) {
	case IM_CONF_STRING:
		return set_string(at, value);
	case IM_CONF_LIST:
		return add_to_list(k, at, value, why);
	case IM_CONF_INT:
		if (!parse_int(value, &n) || n < k->min || n > k->max)
			return bad_value(k, value, why);
		*(int64_t *)at = n;
		return IM_OK;
	case IM_CONF_BOOL:
		index = choice_of("false|true", value);
		if (index < 0)
			return bad_value(k, value, why);
		*(bool *)at = index;
		return IM_OK;
	case IM_CONF_CHOICE:
		index = choice_of(k->choices, value);
		if (index < 0)
			return bad_value(k, value, why);
		*(int *)at = index;
		return IM_OK;
	}
	return IM_E_FORMAT;
}

/* ---- keys ---- */

/* Edit distance (Levenshtein) of two words of at most KEY_LEN_MAX characters. */
static size_t distance(struct im_str a, struct im_str b)
{
	size_t row[KEY_LEN_MAX + 1];
	size_t i, j;

	for (j = 0; j <= b.n; j++)
		row[j] = j;
	for (i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= b.n; j++) {
			size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.n];
}

/* The known key that the word looks like, or NULL. */
static const char *nearest(const struct im_conf_table *t, struct im_str word)
{
	const char *best = NULL;
	size_t best_d = SIZE_MAX;
	size_t i;

	if (word.n > KEY_LEN_MAX)
		return NULL;
	for (i = 0; i < t->n; i++) {
		struct im_str name = im_str(t->keys[i].name);
		size_t d = name.n > KEY_LEN_MAX ? SIZE_MAX : distance(word, name);

		/* More than a third of the letters wrong is another word. */
		if (d < best_d && d <= 1 + name.n / 3) {
			best = t->keys[i].name;
			best_d = d;
		}
	}
	return best;
}

static int unknown_key(const struct im_conf_table *t, struct im_str key, struct im_buf *why)
{
	const char *like = nearest(t, key);

	im_buf_printf(
		why, "unknown key \"%.*s\"", (int)(key.n < 80 ? key.n : 80), key.n ? key.p : "");
	if (like)
		im_buf_printf(why, "; did you mean %s?", like);
	for (size_t i = 0; !like && i < t->n; i++)
		im_buf_printf(why, "%s %s", i ? "," : "; the keys are", t->keys[i].name);
	return IM_E_FORMAT;
}

/* Remembers that key i was given; false if it was already. */
static bool first_time(struct im_conf_seen *seen, size_t i)
{
	uint64_t bit = (uint64_t)1 << i % 64;

	if (!seen || i >= IM_CONF_KEYS_MAX)
		return true;
	if (seen->bits[i / 64] & bit)
		return false;
	seen->bits[i / 64] |= bit;
	return true;
}

/* A list's default is what holds while none is given: the first one given replaces it. */
static void drop_default(const struct im_conf_key *k, void *conf)
{
	struct im_conf_list *list = member(conf, k);

	while (list->n)
		free(list->v[--list->n]);
}

int im_conf_set(const struct im_conf_table *t, void *conf, struct im_conf_seen *seen,
	struct im_str key, struct im_str value, struct im_buf *why)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct im_conf_key *k = &t->keys[i];
		bool first;

		if (!im_str_eqz(key, k->name))
			continue;
		first = first_time(seen, i);
		if (!first && k->type != IM_CONF_LIST) {
			im_buf_printf(why, "%s is given twice; keep one", k->name);
			return IM_E_FORMAT;
		}
		if (first && seen && k->type == IM_CONF_LIST && k->def)
			drop_default(k, conf);
		return set_value(k, conf, trim(value), why);
	}
	return unknown_key(t, key, why);
}

int im_conf_defaults(const struct im_conf_table *t, void *conf)
{
	struct im_buf why;
	size_t i;
	int rc = IM_OK;

	im_buf_init(&why, 0);
	for (i = 0; rc == IM_OK && i < t->n; i++) {
		if (t->keys[i].def)
			rc = set_value(&t->keys[i], conf, im_str(t->keys[i].def), &why);
	}
	im_buf_free(&why);
	return rc;
}

/* ---- whole texts ---- */

/* One line; `at` is where its sentence would start in why. */
static int read_line(const struct im_conf_table *t, void *conf, struct im_conf_seen *seen,
	struct im_str line, struct im_buf *why)
{
	struct im_str key;
	size_t i = 0;

	if (im_str_bare_cr(line)) {
		im_buf_z(why, IM_BARE_CR_WHY);
		return IM_E_FORMAT;
	}
	line = trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return IM_OK;
	while (i < line.n && line.p[i] != ' ' && line.p[i] != '\t')
		i++;
	key = (struct im_str){line.p, i};
	return im_conf_set(t, conf, seen, key, (struct im_str){line.p + i, line.n - i}, why);
}

int im_conf_read(const struct im_conf_table *t, void *conf, struct im_str text, const char *name,
	struct im_buf *why)
{
	struct im_conf_seen seen = {0};
	struct im_buf sentence;
	size_t line_number = 0;
	int rc = IM_OK;

	im_buf_init(&sentence, 0);
	while (rc == IM_OK && text.n) {
		const char *newline = memchr(text.p, '\n', text.n);
		size_t n = newline ? (size_t)(newline - text.p) : text.n;

		line_number++;
		rc = read_line(t, conf, &seen, (struct im_str){text.p, n}, &sentence);
		n += newline ? 1 : 0;
		text = (struct im_str){text.p + n, text.n - n};
	}
	if (rc) {
		im_buf_printf(why, "%s:%zu: ", name, line_number);
	} else {
		rc = im_conf_check(t, conf, &sentence);
		if (rc)
			im_buf_printf(why, "%s: ", name);
	}
	im_buf_str(why, im_buf_view(&sentence));
	im_buf_free(&sentence);
	return rc;
}

int im_conf_check(const struct im_conf_table *t, const void *conf, struct im_buf *why)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct im_conf_key *k = &t->keys[i];
		const void *at = (const char *)conf + k->offset;
		bool missing = false;

		if (k->required && k->type == IM_CONF_STRING)
			missing = !*(char *const *)at;
		else if (k->required && k->type == IM_CONF_LIST)
			missing = ((const struct im_conf_list *)at)->n == 0;
		if (missing) {
			im_buf_printf(why, "%s is missing; it has no default", k->name);
			return IM_E_FORMAT;
		}
	}
	return IM_OK;
}

/* ---- sample ---- */

/* Text as comment lines of at most HELP_WIDTH columns. */
static void put_comment(struct im_buf *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > HELP_WIDTH) {
			im_buf_c(out, '\n');
			column = 0;
		}
		im_buf_z(out, column ? " " : "# ");
		im_buf_put(out, text, n);
		column += n + (column ? 1 : 2);
		text += n + strspn(text + n, " ");
	}
	im_buf_c(out, '\n');
}

static void put_kind(struct im_buf *out, const struct im_conf_key *k)
{
	static const char *const names[] = {[IM_CONF_STRING] = "Text",
		[IM_CONF_INT] = "Number",
		[IM_CONF_BOOL] = "true or false",
		[IM_CONF_CHOICE] = "One of",
		[IM_CONF_LIST] = "Text; may be given"};

	im_buf_printf(out, "# %s", names[k->type]);
	if (k->type == IM_CONF_INT)
		im_buf_printf(out, " from %lld to %lld", (long long)k->min, (long long)k->max);
	if (k->type == IM_CONF_CHOICE)
		im_buf_printf(out, " %s", k->choices);
	if (k->type == IM_CONF_LIST && k->max)
		im_buf_printf(out, " up to %lld times", (long long)k->max);
	else if (k->type == IM_CONF_LIST)
		im_buf_z(out, " several times");
	im_buf_z(out, k->required ? ". Required." : k->def ? ". Default: " : ". No default.");
	if (!k->required && k->def)
		im_buf_printf(out, "%s.", k->def);
	im_buf_z(out, k->reloadable ? " Reloaded on SIGHUP.\n" : "\n");
}

void im_conf_sample(const struct im_conf_table *t, const char *key_prefix, struct im_buf *out)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct im_conf_key *k = &t->keys[i];

		if (i)
			im_buf_c(out, '\n');
		if (k->help)
			put_comment(out, k->help);
		put_kind(out, k);
		im_buf_printf(out, "#%s%s%s%s\n", key_prefix, k->name, k->def ? " " : "",
			k->def ? k->def : "");
	}
}

void im_conf_free(const struct im_conf_table *t, void *conf)
{
	static const size_t size_of[] = {[IM_CONF_STRING] = sizeof(char *),
		[IM_CONF_INT] = sizeof(int64_t),
		[IM_CONF_BOOL] = sizeof(bool),
		[IM_CONF_CHOICE] = sizeof(int),
		[IM_CONF_LIST] = sizeof(struct im_conf_list)};
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct im_conf_key *k = &t->keys[i];

		if (k->type == IM_CONF_STRING)
			free(*(char **)member(conf, k));
		if (k->type == IM_CONF_LIST) {
			drop_default(k, conf);
			free(((struct im_conf_list *)member(conf, k))->v);
		}
		memset(member(conf, k), 0, size_of[k->type]);
	}
}
