/* SPDX-License-Identifier: BSD-3-Clause */
/* The growable buffer: content, bounds, sticky failure. */
#include "tests/unit/unit.h"

#include <stdio.h>

static void starts_empty_without_memory(void **state)
{
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	assert_null(b.p);
	assert_int_equal(im_buf_view(&b).n, 0);
	im_buf_put(&b, NULL, 0);
	im_buf_str(&b, (struct im_str){NULL, 0});
	im_buf_z(&b, "");
	im_buf_base64(&b, NULL, 0);
	assert_null(b.p);
	assert_false(b.failed);
	assert_non_null(im_buf_add(&b, 0));
	assert_int_equal(b.n, 0);
	im_buf_free(&b);
	assert_null(b.p);
}

static void keeps_what_is_written(void **state)
{
	struct im_buf b;
	struct prng r = {1};
	char *shadow = malloc(1 << 20);
	char chunk[5000];
	size_t n = 0;

	(void)state;
	assert_non_null(shadow);
	im_buf_init(&b, 0);
	while (n < 900000) {
		struct im_str s = prng_bytes(&r, chunk, prng_below(&r, sizeof(chunk)));

		im_buf_str(&b, s);
		memcpy(shadow + n, s.p, s.n);
		n += s.n;
		im_buf_c(&b, 'x');
		shadow[n++] = 'x';
	}
	assert_str_eq(im_buf_view(&b), ((struct im_str){shadow, n}));
	assert_true(b.cap < 4 * n);
	im_buf_reset(&b);
	assert_int_equal(b.n, 0);
	assert_non_null(b.p);
	im_buf_z(&b, "again");
	assert_buf(&b, "again");
	im_buf_free(&b);
	free(shadow);
}

static void bound_is_exact_and_failure_sticky(void **state)
{
	struct im_buf b;
	char *at;

	(void)state;
	im_buf_init(&b, 10);
	im_buf_z(&b, "0123456789");
	assert_false(b.failed);
	assert_buf(&b, "0123456789");
	assert_true(b.cap <= 10);
	im_buf_c(&b, 'x');
	assert_true(b.failed);
	assert_int_equal(im_buf_view(&b).n, 0);
	assert_null(im_buf_view(&b).p);
	/* Nothing is written any more, even what would fit. */
	at = im_buf_add(&b, 0);
	assert_null(at);
	assert_false(im_buf_reserve(&b, 0));
	im_buf_u64(&b, 1);
	im_buf_printf(&b, "x");
	im_buf_base64(&b, "x", 1);
	im_buf_le64(&b, 1);
	im_buf_set_le32(&b, 0, 1);
	assert_int_equal(b.n, 10);
	im_buf_reset(&b);
	assert_false(b.failed);
	im_buf_z(&b, "ok");
	assert_buf(&b, "ok");
	im_buf_free(&b);
	assert_int_equal(b.max, 10);
}

static void huge_sizes_fail(void **state)
{
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_buf_c(&b, 'x');
	assert_null(im_buf_add(&b, SIZE_MAX));
	assert_true(b.failed);
	im_buf_reset(&b);
	/* One more than may ever be held, with the 'x'. */
	im_buf_c(&b, 'x');
	assert_false(im_buf_reserve(&b, SIZE_MAX / 2));
	assert_true(b.failed);
	im_buf_reset(&b);
	im_buf_base64(&b, "", SIZE_MAX - 1);
	assert_true(b.failed);
	im_buf_free(&b);
}

static void reserved_room_does_not_move(void **state)
{
	struct im_buf b;
	const char *before;
	int i;

	(void)state;
	im_buf_init(&b, 0);
	im_buf_z(&b, "head");
	assert_true(im_buf_reserve(&b, 100000));
	before = b.p;
	for (i = 0; i < 100000; i++)
		im_buf_c(&b, 'x');
	assert_ptr_equal(b.p, before);
	im_buf_free(&b);
}

static void numbers(void **state)
{
	static const uint64_t edges[] = {0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 9999, 10000,
		99999, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
	struct prng r = {2};
	struct im_buf b;
	char want[64];
	size_t i;

	(void)state;
	im_buf_init(&b, 0);
	for (i = 0; i < 20000; i++) {
		uint64_t v = i < 16 ? edges[i] : prng_next(&r) >> prng_below(&r, 64);

		im_buf_reset(&b);
		im_buf_u64(&b, v);
		im_buf_c(&b, ' ');
		im_buf_i64(&b, (int64_t)v);
		snprintf(want, sizeof(want), "%llu %lld", (unsigned long long)v, (long long)v);
		assert_str_eq(im_buf_view(&b), im_str(want));
	}
	im_buf_reset(&b);
	im_buf_i64(&b, INT64_MIN);
	assert_buf(&b, "-9223372036854775808");
	im_buf_free(&b);
}

static void base64_as_in_rfc_4648(void **state)
{
	static const char *const rfc[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "+/+/"}};
	struct im_buf b;
	size_t i;

	(void)state;
	im_buf_init(&b, 0);
	for (i = 0; i < sizeof(rfc) / sizeof(rfc[0]); i++) {
		im_buf_reset(&b);
		im_buf_base64(&b, rfc[i][0], strlen(rfc[i][0]));
		assert_str_eq(im_buf_view(&b), im_str(rfc[i][1]));
	}
	im_buf_free(&b);
}

static void printf_appends(void **state)
{
	struct im_buf b;
	int i;

	(void)state;
	im_buf_init(&b, 0);
	im_buf_printf(&b, "%s", "");
	assert_int_equal(b.n, 0);
	for (i = 0; i < 300; i++)
		im_buf_printf(&b, "%d,", i % 10);
	assert_int_equal(b.n, 600);
	assert_memory_equal(b.p, "0,1,2,", 6);
	im_buf_free(&b);
	/* The NUL that vsnprintf writes needs room, too. */
	im_buf_init(&b, 4);
	im_buf_printf(&b, "abc");
	assert_buf(&b, "abc");
	im_buf_printf(&b, "d");
	assert_true(b.failed);
	im_buf_free(&b);
}

static void little_endian(void **state)
{
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_buf_le8(&b, 0xFE);
	im_buf_le16(&b, 0x0102);
	im_buf_le32(&b, 0x03040506);
	im_buf_le64(&b, 0x0708090A0B0C0D0Eu);
	assert_int_equal(b.n, 15);
	assert_memory_equal(
		b.p, "\xFE\x02\x01\x06\x05\x04\x03\x0E\x0D\x0C\x0B\x0A\x09\x08\x07", 15);
	im_buf_set_le32(&b, 3, 0x11121314);
	assert_memory_equal(b.p, "\xFE\x02\x01\x14\x13\x12\x11\x0E", 8);
	im_buf_set_le32(&b, 11, 0);
	assert_memory_equal(b.p + 10, "\x0B\0\0\0\0", 4 + 1);
	/* Beyond the end: nothing happens. */
	im_buf_set_le32(&b, 12, UINT32_MAX);
	im_buf_set_le32(&b, SIZE_MAX, UINT32_MAX);
	assert_memory_equal(b.p + 10, "\x0B\0\0\0\0", 5);
	im_buf_free(&b);
	im_buf_init(&b, 0);
	im_buf_le16(&b, 7);
	im_buf_set_le32(&b, 0, UINT32_MAX);
	assert_memory_equal(b.p, "\x07\0", 2);
	im_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty_without_memory),
		cmocka_unit_test(keeps_what_is_written),
		cmocka_unit_test(bound_is_exact_and_failure_sticky),
		cmocka_unit_test(huge_sizes_fail),
		cmocka_unit_test(reserved_room_does_not_move),
		cmocka_unit_test(numbers),
		cmocka_unit_test(base64_as_in_rfc_4648),
		cmocka_unit_test(printf_appends),
		cmocka_unit_test(little_endian),
	};

	return cmocka_run_group_tests_name("common_buf", tests, NULL, NULL);
}
