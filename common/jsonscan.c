/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON reader. One loop checks a value of any depth without recursion: which brackets are open
 * is a bit a level. Called for every payload, so strings are scanned eight bytes at a time. What
 * the grammar allows and strict parsers do not is looked for where an escape or an exponent stands.
 */
#include "common/jsonscan.h"

#include "common/jsonhuge.h"
#include "common/limits.h"
#include "common/utf8.h"

#define ONES 0x0101010101010101u
#define HIGH 0x8080808080808080u

_Static_assert(IM_JSON_DEPTH_MAX <= 64, "the open brackets are the bits of a uint64_t");

/* What of the grammar is let through although strict parsers refuse it. */
enum { NUL = 1, SURROGATE = 2, HUGE = 4, ALL = 7 };

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

static inline uint64_t zero_bytes(uint64_t v)
{
	return (v - ONES) & ~v & HIGH;
}

/* Skips bytes that stand for themselves in a string and need no look: printable ASCII. */
static inline const char *skip_plain(const char *p, const char *end)
{
	uint64_t v;

	while (end - p >= 8) {
		memcpy(&v, p, 8);
		if ((v | (v - ONES * 0x20) | zero_bytes(v ^ ONES * '"') |
			    zero_bytes(v ^ ONES * '\\')) &
			HIGH)
			break;
		p += 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
		*p != '\\')
		p++;
	return p;
}

/* Value of a hexadecimal digit, or -1. */
static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static uint32_t hex4(const char *p)
{
	return (uint32_t)hex(p[0]) << 12 | (uint32_t)hex(p[1]) << 8 | (uint32_t)hex(p[2]) << 4 |
	       (uint32_t)hex(p[3]);
}

/* p is behind "\u"; four hexadecimal digits follow. */
static bool has_hex4(const char *p, const char *end)
{
	return end - p >= 4 && hex(p[0]) >= 0 && hex(p[1]) >= 0 && hex(p[2]) >= 0 && hex(p[3]) >= 0;
}

static bool is_high(uint32_t c)
{
	return c >= 0xD800 && c <= 0xDBFF;
}

static bool is_low(uint32_t c)
{
	return c >= 0xDC00 && c <= 0xDFFF;
}

/* p is behind a backslash. Returns what follows the escape (the second half of a pair included), or
 * NULL. */
static const char *scan_escape(const char *p, const char *end, unsigned let)
{
	uint32_t c;

	if (p == end)
		return NULL;
	if (*p != 'u')
		return *p && strchr("\"\\/bfnrt", *p) ? p + 1 : NULL;
	if (!has_hex4(++p, end))
		return NULL;
	c = hex4(p);
	p += 4;
	if (c == 0)
		return let & NUL ? p : NULL;
	if (!is_high(c))
		return !is_low(c) || let & SURROGATE ? p : NULL;
	if (end - p >= 2 && p[0] == '\\' && p[1] == 'u' && has_hex4(p + 2, end) &&
		is_low(hex4(p + 2)))
		return p + 6;
	return let & SURROGATE ? p : NULL;
}

/* p is at the opening quote. All scan functions return what follows, or NULL if it is not valid. */
static const char *scan_string(const char *p, const char *end, unsigned let)
{
	size_t n;

	p++;
	for (;;) {
		p = skip_plain(p, end);
		if (p == end)
			return NULL;
		if (*p == '"')
			return p + 1;
		if (*p == '\\') {
			p = scan_escape(p + 1, end, let);
			if (!p)
				return NULL;
			continue;
		}
		n = im_utf8_seq(p, end);
		if (!n)
			return NULL;
		p += n;
	}
}

static const char *scan_digits(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p > start ? p : NULL;
}

static const char *scan_number(const char *p, const char *end, unsigned let)
{
	const char *start = p;
	bool exponent = false;

	if (*p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else
		p = scan_digits(p, end);
	if (p && p < end && *p == '.')
		p = scan_digits(p + 1, end);
	if (p && p < end && (*p == 'e' || *p == 'E')) {
		exponent = true;
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = scan_digits(p, end);
	}
	if (p && (exponent || p - start >= IM_JSON_HUGE_DIGITS) && !(let & HUGE) &&
		im_json_huge(start, p))
		return NULL;
	return p;
}

static const char *scan_word(const char *p, const char *end, struct im_str word)
{
	if ((size_t)(end - p) < word.n || memcmp(p, word.p, word.n) != 0)
		return NULL;
	return p + word.n;
}

/* Anything but an object or array; p < end. */
static const char *scan_scalar(const char *p, const char *end, unsigned let)
{
	switch (*p) {
	case '"':
		return scan_string(p, end, let);
	case 't':
		return scan_word(p, end, IM_STR("true"));
	case 'f':
		return scan_word(p, end, IM_STR("false"));
	case 'n':
		return scan_word(p, end, IM_STR("null"));
	default:
		return scan_number(p, end, let);
	}
}

/* A member's name and colon, up to its value. */
static const char *scan_key(const char *p, const char *end, unsigned let, struct im_str *key_out)
{
	const char *start = p;

	if (p == end || *p != '"')
		return NULL;
	p = scan_string(p, end, let);
	if (!p)
		return NULL;
	*key_out = (struct im_str){start + 1, (size_t)(p - start) - 2};
	p = skip_space(p, end);
	if (p == end || *p != ':')
		return NULL;
	return skip_space(p + 1, end);
}

/* Any value, nested at most depth_max deep. */
static const char *scan_value(const char *p, const char *end, int depth_max, unsigned let)
{
	uint64_t object = 0; /* lowest bit: the innermost open bracket is a brace */
	struct im_str key;
	int depth = 0;

	for (;;) {
		bool opened = p < end && (*p == '{' || *p == '[');

		if (p == end)
			return NULL;
		if (opened) {
			if (depth++ == depth_max)
				return NULL;
			object = object << 1 | (*p == '{');
			p = skip_space(p + 1, end);
		} else {
			p = scan_scalar(p, end, let);
		}
		/* Behind a value: close what ends here. Behind a bracket: it may be empty. */
		while (p && depth) {
			p = skip_space(p, end);
			if (p == end)
				return NULL;
			if (*p != (object & 1 ? '}' : ']'))
				break;
			p++;
			depth--;
			object >>= 1;
			opened = false;
		}
		if (!p || !depth)
			return p;
		if (!opened) {
			if (*p != ',')
				return NULL;
			p = skip_space(p + 1, end);
		}
		if (object & 1) {
			p = scan_key(p, end, let, &key);
			if (!p)
				return NULL;
		}
	}
}

static enum im_json_type type_of(char c)
{
	switch (c) {
	case '{':
		return IM_JSON_OBJECT;
	case '[':
		return IM_JSON_ARRAY;
	case '"':
		return IM_JSON_STRING;
	case 't':
	case 'f':
		return IM_JSON_BOOL;
	case 'n':
		return IM_JSON_NULL;
	default:
		return IM_JSON_NUMBER;
	}
}

static int parse(struct im_str s, unsigned let, struct im_json *out)
{
	const char *end, *start, *after;

	if (s.n == 0)
		return IM_E_FORMAT;
	end = s.p + s.n;
	start = skip_space(s.p, end);
	after = scan_value(start, end, IM_JSON_DEPTH_MAX, let);
	if (!after || skip_space(after, end) != end)
		return IM_E_FORMAT;
	*out = (struct im_json){type_of(*start), {start, (size_t)(after - start)}};
	return IM_OK;
}

int im_json_parse(struct im_str s, struct im_json *out)
{
	return parse(s, 0, out);
}

int im_json_parse_any(struct im_str s, struct im_json *out)
{
	return parse(s, ALL, out);
}

const char *im_json_fault(struct im_str s)
{
	struct im_json v;

	if (parse(s, 0, &v) == IM_OK || parse(s, ALL, &v) != IM_OK)
		return NULL;
	if (parse(s, ALL & ~(unsigned)NUL, &v) != IM_OK)
		return "a string holds \\u0000; leave it out";
	if (parse(s, ALL & ~(unsigned)SURROGATE, &v) != IM_OK)
		return "a string holds half a surrogate pair; write both halves, or the character "
		       "itself";
	return "a number is beyond what a double holds (1.8e308); send it as a string";
}

void im_json_iter(const struct im_json *container, struct im_json_iter *it)
{
	struct im_str raw = container->raw;

	*it = (struct im_json_iter){.object = container->type == IM_JSON_OBJECT};
	if ((container->type != IM_JSON_OBJECT && container->type != IM_JSON_ARRAY) || raw.n == 0 ||
		raw.p[0] != (it->object ? '{' : '['))
		return;
	it->end = raw.p + raw.n;
	it->p = skip_space(raw.p + 1, it->end);
}

void im_json_iter_any(const struct im_json *container, struct im_json_iter *it)
{
	im_json_iter(container, it);
	it->any = true;
}

/* Ends the walk; `after` is what follows the closing bracket, NULL if there was none. */
static bool end_walk(struct im_json_iter *it, const char *after)
{
	it->done = after && skip_space(after, it->end) == it->end;
	it->p = NULL;
	return false;
}

bool im_json_next(struct im_json_iter *it, struct im_str *key_out, struct im_json *value_out)
{
	const char *p = it->p;
	const char *value, *after;
	unsigned let = it->any ? ALL : 0;
	struct im_str key;

	if (!p)
		return false;
	if (p < it->end && *p == (it->object ? '}' : ']') && !it->comma)
		return end_walk(it, p + 1);
	if (it->object) {
		p = scan_key(p, it->end, let, &key);
		if (!p)
			return end_walk(it, NULL);
		if (key_out)
			*key_out = key;
	}
	value = p;
	/* What is stored may nest a level deeper than what it was made from. */
	after = scan_value(p, it->end, IM_JSON_DEPTH_MAX - !it->any, let);
	if (!after)
		return end_walk(it, NULL);
	p = skip_space(after, it->end);
	if (p == it->end || (*p != ',' && *p != (it->object ? '}' : ']')))
		return end_walk(it, NULL);
	it->comma = *p == ',';
	it->p = it->comma ? skip_space(p + 1, it->end) : p;
	*value_out = (struct im_json){type_of(*value), {value, (size_t)(after - value)}};
	return true;
}

bool im_json_done(const struct im_json_iter *it)
{
	return it->done;
}

static void put_utf8(struct im_buf *b, uint32_t c)
{
	char out[4];
	size_t n = 0;

	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c < 0x800) {
		out[n++] = (char)(0xC0 | c >> 6);
		out[n++] = (char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		out[n++] = (char)(0xE0 | c >> 12);
		out[n++] = (char)(0x80 | (c >> 6 & 0x3F));
		out[n++] = (char)(0x80 | (c & 0x3F));
	} else {
		out[n++] = (char)(0xF0 | c >> 18);
		out[n++] = (char)(0x80 | (c >> 12 & 0x3F));
		out[n++] = (char)(0x80 | (c >> 6 & 0x3F));
		out[n++] = (char)(0x80 | (c & 0x3F));
	}
	im_buf_put(b, out, n);
}

/* p is behind the backslash of a valid escape. Returns what follows, NULL if it is no character. */
static const char *decode_escape(const char *p, const char *end, struct im_buf *b)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	uint32_t c, low;

	if (*p != 'u') {
		im_buf_c(b, to[strchr(from, *p) - from]);
		return p + 1;
	}
	c = hex4(p + 1);
	p += 5;
	if (is_high(c) && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		low = hex4(p + 2);
		if (!is_low(low))
			return NULL;
		c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
		p += 6;
	}
	if (c == 0 || is_high(c) || is_low(c))
		return NULL;
	put_utf8(b, c);
	return p;
}

int im_json_text(const struct im_json *v, struct im_buf *b)
{
	size_t before = b->n;
	const char *p, *end, *stop;

	if (v->type != IM_JSON_STRING || v->raw.n < 2)
		return IM_E_FORMAT;
	p = v->raw.p + 1;
	end = v->raw.p + v->raw.n - 1;
	while (p < end) {
		stop = memchr(p, '\\', (size_t)(end - p));
		if (!stop)
			stop = end;
		im_buf_put(b, p, (size_t)(stop - p));
		if (stop == end)
			break;
		p = decode_escape(stop + 1, end, b);
		if (!p) {
			b->n = before;
			return IM_E_FORMAT;
		}
	}
	return b->failed ? IM_E_NOMEM : IM_OK;
}

int im_json_int(const struct im_json *v, int64_t *out)
{
	const char *p = v->raw.p;
	const char *end = p + v->raw.n;
	bool negative;
	int64_t n = 0;

	if (v->type != IM_JSON_NUMBER || v->raw.n == 0)
		return IM_E_FORMAT;
	negative = *p == '-';
	/* Downwards: the most negative number has no positive counterpart. */
	for (p += negative; p < end; p++) {
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(n, 10, &n) ||
			__builtin_sub_overflow(n, *p - '0', &n))
			return IM_E_FORMAT;
	}
	if (!negative && __builtin_sub_overflow(0, n, &n))
		return IM_E_FORMAT;
	*out = n;
	return IM_OK;
}

int64_t im_json_elements(struct im_str s, int64_t max)
{
	const char *end = s.n ? s.p + s.n : s.p, *p = s.n ? skip_space(s.p, end) : end;
	const struct im_json array = {IM_JSON_ARRAY, {p, (size_t)(end - p)}};
	struct im_json_iter it;
	struct im_json v;
	int64_t n = 0;

	if (p == end || *p != '[')
		return -1;
	im_json_iter_any(&array, &it);
	while (n < max && im_json_next(&it, NULL, &v))
		n++;
	return n;
}

int64_t im_json_number_in(struct im_str object, const char *name)
{
	const struct im_json o = {IM_JSON_OBJECT, object};
	struct im_json_iter it;
	struct im_json v;
	struct im_str key;
	int64_t n;

	im_json_iter_any(&o, &it);
	while (im_json_next(&it, &key, &v))
		if (im_str_eqz(key, name))
			return im_json_int(&v, &n) == IM_OK && n > 0 ? n : 0;
	return 0;
}
