/* SPDX-License-Identifier: BSD-3-Clause */
/* Base64: what is written is read back, where it lies too; one value has one text. */
#include "tests/unit/unit.h"

#include "common/base64.h"

static void every_length_comes_back(void **state)
{
	struct prng r = {21};
	char bytes[64], room[96];
	size_t n, have;
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	for (n = 0; n <= sizeof(bytes); n++) {
		struct im_str in = prng_bytes(&r, bytes, n);

		im_buf_reset(&b);
		im_buf_base64(&b, in.p, in.n);
		assert_int_equal(im_base64_decode(im_buf_view(&b), room, &have), IM_OK);
		assert_str_eq(((struct im_str){room, have}), in);
		/* In place. */
		assert_int_equal(im_base64_decode(im_buf_view(&b), b.p, &have), IM_OK);
		assert_str_eq(((struct im_str){b.p, have}), in);
	}
	im_buf_free(&b);
}

static void what_is_none_is_refused(void **state)
{
	static const struct im_str refused[] = {{"A", 1}, {"AA", 2}, {"AAA", 3}, {"AAAAA", 5},
		{"====", 4}, {"A===", 4}, {"AB==", 4}, {"AAB=", 4}, {"A=AA", 4}, {"AA=A", 4},
		{"AA==AAAA", 8}, {"A-_A", 4}, {"A A=", 4}, {"AAA\n", 4}, {"AA\0A", 4},
		{"AAAAAA", 6}};
	char room[8];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char *exact = unit_exact(refused[i]);

		assert_int_equal(im_base64_decode((struct im_str){exact, refused[i].n}, room, &n),
			IM_E_FORMAT);
		assert_int_equal(n, 0);
		free(exact);
	}
}

/* As tokens have it: what the other form says, in other letters and without its padding. */
static void the_form_of_tokens_comes_back_at_every_length(void **state)
{
	struct prng r = {22};
	char bytes[64], room[64];
	size_t n, have;
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	for (n = 0; n <= sizeof(bytes); n++) {
		struct im_str in = prng_bytes(&r, bytes, n), text;

		im_buf_reset(&b);
		im_buf_base64(&b, in.p, in.n);
		for (size_t i = 0; i < b.n; i++)
			b.p[i] = b.p[i] == '+' ? '-' : b.p[i] == '/' ? '_' : b.p[i];
		text = im_buf_view(&b);
		while (text.n && text.p[text.n - 1] == '=')
			text.n--;
		assert_int_equal(im_base64url_decode(text, room, n, &have), IM_OK);
		assert_str_eq(((struct im_str){room, have}), in);
		if (n == 0)
			continue;
		assert_int_equal(im_base64url_decode(text, room, n - 1, &have), IM_E_FORMAT);
		assert_int_equal(have, 0);
	}
	im_buf_free(&b);
}

static void what_is_not_of_the_form_of_tokens_is_refused(void **state)
{
	static const struct im_str refused[] = {{"A", 1}, {"AB", 2}, {"AAB", 3}, {"AAAAA", 5},
		{"AA==", 4}, {"AAA=", 4}, {"A+AA", 4}, {"A/AA", 4}, {"AA A", 4}, {"AAA\n", 4},
		{"AA\0A", 4}, {"AA.A", 4}};
	char room[8];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char *exact = unit_exact(refused[i]);

		assert_int_equal(im_base64url_decode((struct im_str){exact, refused[i].n}, room,
					 sizeof(room), &n),
			IM_E_FORMAT);
		assert_int_equal(n, 0);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(the_form_of_tokens_comes_back_at_every_length),
		cmocka_unit_test(what_is_not_of_the_form_of_tokens_is_refused),
	};

	return cmocka_run_group_tests_name("common_base64", tests, NULL, NULL);
}
