/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON walker; see jsonit.h. Bounded by the text's end everywhere, no recursion. */
#include "tests/bench/jsonit.h"

#include <string.h>

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

/* p points at an opening quote; returns the place after the closing one, or NULL. */
static const char *skip_string(const char *p, const char *end)
{
	p++;
	while (p < end) {
		const char *quote = memchr(p, '"', (size_t)(end - p));
		if (!quote)
			return NULL;
		size_t slashes = 0;
		while (quote - slashes > p && quote[-1 - (long)slashes] == '\\')
			slashes++;
		p = quote + 1;
		if (slashes % 2 == 0)
			return p;
	}
	return NULL;
}

static const char *skip_nested(const char *p, const char *end)
{
	size_t depth = 0;
	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
			if (!p)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if ((*p == '}' || *p == ']') && --depth == 0)
			return p + 1;
		p++;
	}
	return NULL;
}

static const char *skip_value(const char *p, const char *end)
{
	if (p >= end)
		return NULL;
	if (*p == '"')
		return skip_string(p, end);
	if (*p == '{' || *p == '[')
		return skip_nested(p, end);
	const char *start = p;
	while (p < end && *p != ',' && *p != '}' && *p != ']' && *p != ' ' && *p != '\n' &&
		*p != '\t' && *p != '\r')
		p++;
	return p > start ? p : NULL;
}

int jsonit_open(struct jsonit *it, struct slice text)
{
	const char *end = text.p + text.n;
	const char *p = skip_space(text.p, end);
	if (p >= end || (*p != '{' && *p != '['))
		return -1;
	it->p = p + 1;
	it->end = end;
	it->close = *p == '{' ? '}' : ']';
	it->first = 1;
	return 0;
}

int jsonit_next(struct jsonit *it, struct slice *key_out, struct slice *value_out)
{
	const char *end = it->end;
	const char *p = skip_space(it->p, end);
	*key_out = (struct slice){NULL, 0};
	if (p >= end)
		return -1;
	if (*p == it->close) {
		it->p = p;
		return 0;
	}
	if (!it->first) {
		if (*p != ',')
			return -1;
		p = skip_space(p + 1, end);
	}
	it->first = 0;
	if (it->close == '}') {
		if (p >= end || *p != '"')
			return -1;
		const char *after = skip_string(p, end);
		if (!after)
			return -1;
		*key_out = (struct slice){p + 1, (size_t)(after - p) - 2};
		p = skip_space(after, end);
		if (p >= end || *p != ':')
			return -1;
		p = skip_space(p + 1, end);
	}
	const char *after = skip_value(p, end);
	if (!after)
		return -1;
	*value_out = (struct slice){p, (size_t)(after - p)};
	it->p = after;
	return 1;
}

int jsonit_plain(struct slice value, struct slice *out)
{
	if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
		return -1;
	if (memchr(value.p, '\\', value.n))
		return -1;
	*out = (struct slice){value.p + 1, value.n - 2};
	return 0;
}

int jsonit_u64(struct slice value, uint64_t *out)
{
	if (value.n == 0 || value.n > 19)
		return -1;
	uint64_t n = 0;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return -1;
		n = n * 10 + (uint64_t)(value.p[i] - '0');
	}
	*out = n;
	return 0;
}

int slice_is(struct slice text, const char *word)
{
	size_t n = strlen(word);
	return text.n == n && memcmp(text.p, word, n) == 0;
}
