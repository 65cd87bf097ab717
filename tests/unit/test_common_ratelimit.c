/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets. */
#include "common/ratelimit.h"
#include "tests/unit/unit.h"

#define S INT64_C(1000000)

static void bucket_gives_its_burst_and_then_its_rate(void **state)
{
	struct im_ratelimit l = {0};
	int64_t now = 5 * S;
	int i, taken = 0;

	(void)state;
	for (i = 0; i < 100; i++)
		taken += im_ratelimit_take(&l, now, 10, 4 * S, 1);
	assert_int_equal(taken, 40);
	assert_false(im_ratelimit_idle(&l, now));
	for (i = 0; i < 1000; i++)
		taken += im_ratelimit_take(&l, now += S / 100, 10, 4 * S, 1);
	assert_in_range(taken, 139, 141);
	now += 4 * S;
	assert_true(im_ratelimit_idle(&l, now));
	/* A clock that goes back gives nothing. */
	for (i = 0; i < 100; i++)
		(void)im_ratelimit_take(&l, now, 10, 4 * S, 1);
	assert_false(im_ratelimit_take(&l, now - 100 * S, 10, 4 * S, 1));
	/* No rate, no limit. */
	for (i = 0; i < 1000; i++)
		assert_true(im_ratelimit_take(&l, now, 0, 4 * S, 1000000));
}

static void bucket_lets_a_big_one_pass_when_full(void **state)
{
	struct im_ratelimit l = {0};

	(void)state;
	assert_true(im_ratelimit_take(&l, S, 1000, 4 * S, 100000));
	assert_false(im_ratelimit_take(&l, 2 * S, 1000, 4 * S, 1));
	assert_false(im_ratelimit_take(&l, 90 * S, 1000, 4 * S, 1));
	assert_true(im_ratelimit_take(&l, 98 * S, 1000, 4 * S, 1));
	assert_true(im_ratelimit_take(&(struct im_ratelimit){0}, S, 1, 4 * S, INT64_MAX));
}

static void spending_is_bounded_and_closes(void **state)
{
	struct im_ratelimit l = {0};

	(void)state;
	assert_true(im_ratelimit_open(&l, S, S));
	im_ratelimit_spend(&l, S, 200000, S, 199999);
	assert_true(im_ratelimit_open(&l, S, S));
	im_ratelimit_spend(&l, S, 200000, S, 1000000000);
	assert_false(im_ratelimit_open(&l, S, S));
	assert_false(im_ratelimit_open(&l, 2 * S - 1, S));
	assert_true(im_ratelimit_open(&l, 2 * S + 1, S));
}

static void who_has_to_wait_learns_how_long(void **state)
{
	struct im_ratelimit l = {0};
	int64_t now = S, wait_us;

	(void)state;
	assert_int_equal(im_ratelimit_wait_us(&l, now, 10, 4 * S, 1000), 0);
	assert_true(im_ratelimit_take(&l, now, 10, 4 * S, 40));
	/* Small amounts wait for room, one above what the bucket holds until it is full. */
	assert_int_equal(im_ratelimit_wait_us(&l, now, 10, 4 * S, 5), S / 2);
	assert_int_equal(im_ratelimit_wait_us(&l, now, 10, 4 * S, 100), 4 * S);
	assert_int_equal(im_ratelimit_wait_us(&l, now, 0, 4 * S, 100), 0);
	for (int64_t amount = 1; amount < 60; amount += 7) {
		struct im_ratelimit copy = l;

		wait_us = im_ratelimit_wait_us(&l, now, 10, 4 * S, amount);
		assert_false(im_ratelimit_take(&copy, now + wait_us - 1, 10, 4 * S, amount));
		assert_true(im_ratelimit_take(&copy, now + wait_us, 10, 4 * S, amount));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bucket_gives_its_burst_and_then_its_rate),
		cmocka_unit_test(bucket_lets_a_big_one_pass_when_full),
		cmocka_unit_test(spending_is_bounded_and_closes),
		cmocka_unit_test(who_has_to_wait_learns_how_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
