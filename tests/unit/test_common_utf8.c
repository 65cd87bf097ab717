/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 validation, against every code point and a byte-by-byte reference. */
#include "tests/unit/unit.h"

#include "common/utf8.h"

/* Encodes without asking whether c may be encoded; `n` bytes, which may be more than it needs. */
static void encode(uint32_t c, size_t n, char *out)
{
	static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	size_t i;

	if (n == 1) {
		out[0] = (char)c;
		return;
	}
	for (i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3F));
	out[0] = (char)(lead[n] | c);
}

static size_t shortest(uint32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static bool scalar(uint32_t c)
{
	return c < 0xD800 || (c > 0xDFFF && c < 0x110000);
}

static void every_code_point_in_every_length(void **state)
{
	uint32_t c;
	size_t n;

	(void)state;
	for (c = 0; c < 0x200000; c++) {
		for (n = shortest(c); n <= 4; n++) {
			char text[4];
			bool valid;

			encode(c, n, text);
			valid = im_utf8_valid((struct im_str){text, n});
			if (valid != (scalar(c) && n == shortest(c)))
				fail_msg("U+%X in %zu bytes: %d", c, n, valid);
			if (n > 1 && im_utf8_seq(text, text + n) != (valid ? n : 0))
				fail_msg("U+%X in %zu bytes: sequence", c, n);
		}
	}
}

static void cut_sequences(void **state)
{
	static const uint32_t points[] = {0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF};
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		char text[4];
		char *exact;

		encode(points[i], shortest(points[i]), text);
		for (n = 1; n < shortest(points[i]); n++) {
			exact = unit_exact((struct im_str){text, n});
			assert_false(im_utf8_valid((struct im_str){exact, n}));
			assert_int_equal(im_utf8_seq(exact, exact + n), 0);
			free(exact);
		}
	}
}

static void stray_bytes(void **state)
{
	int c;

	(void)state;
	for (c = 0x80; c < 0x100; c++) {
		char one = (char)c;
		char two[2] = {(char)c, 'a'};

		assert_false(im_utf8_valid((struct im_str){&one, 1}));
		assert_false(im_utf8_valid((struct im_str){two, 2}));
	}
}

/* A bad byte is seen at every place, before, in and after the runs of eight. */
static void position_does_not_matter(void **state)
{
	char text[40];
	size_t n, at;

	(void)state;
	assert_true(im_utf8_valid((struct im_str){NULL, 0}));
	for (n = 1; n <= sizeof(text); n++) {
		memset(text, 'a', n);
		assert_true(im_utf8_valid((struct im_str){text, n}));
		for (at = 0; at < n; at++) {
			text[at] = '\0';
			assert_true(im_utf8_valid((struct im_str){text, n}));
			text[at] = (char)0xFF;
			assert_false(im_utf8_valid((struct im_str){text, n}));
			text[at] = (char)0xC3;
			assert_false(im_utf8_valid((struct im_str){text, n}));
			if (at + 1 < n) {
				text[at + 1] = (char)0xA9;
				assert_true(im_utf8_valid((struct im_str){text, n}));
				text[at + 1] = 'a';
			}
			text[at] = 'a';
		}
	}
}

/* Random text is valid; one byte changed is what the slow reading says. */
static bool slow_valid(struct im_str s)
{
	size_t i = 0;

	while (i < s.n) {
		unsigned char c = (unsigned char)s.p[i];
		size_t n = c < 0x80   ? 1
			   : c < 0xC0 ? 0
			   : c < 0xE0 ? 2
			   : c < 0xF0 ? 3
			   : c < 0xF8 ? 4
				      : 0;
		uint32_t v = n == 1 ? c : c & (0x7Fu >> n);
		size_t k;

		if (n == 0 || n > s.n - i)
			return false;
		for (k = 1; k < n; k++) {
			if (((unsigned char)s.p[i + k] & 0xC0) != 0x80)
				return false;
			v = v << 6 | ((unsigned char)s.p[i + k] & 0x3F);
		}
		if (!scalar(v) || shortest(v) != n)
			return false;
		i += n;
	}
	return true;
}

static void random_text(void **state)
{
	struct prng r = {3};
	char text[128];
	int round, valid_after = 0;

	(void)state;
	for (round = 0; round < 20000; round++) {
		size_t n = 0;
		struct im_str s;

		while (n < 100) {
			uint32_t c =
				prng_below(&r, 4) ? prng_below(&r, 0x80) : prng_below(&r, 0x110000);

			if (!scalar(c))
				continue;
			encode(c, shortest(c), text + n);
			n += shortest(c);
		}
		s = (struct im_str){text, n};
		assert_true(im_utf8_valid(s));
		text[prng_below(&r, (uint32_t)n)] = (char)prng_next(&r);
		assert_int_equal(im_utf8_valid(s), slow_valid(s));
		valid_after += im_utf8_valid(s);
	}
	assert_in_range(valid_after, 1000, 19000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_in_every_length),
		cmocka_unit_test(cut_sequences),
		cmocka_unit_test(stray_bytes),
		cmocka_unit_test(position_does_not_matter),
		cmocka_unit_test(random_text),
	};

	return cmocka_run_group_tests_name("common_utf8", tests, NULL, NULL);
}
