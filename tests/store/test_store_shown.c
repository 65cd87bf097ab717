/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages without the operations between them: for every backend the right ones, for SQLite at a
 * cost that does not grow with the operations. That both agree at random, with holes and without
 * ordinals, test_store_unread.c and test_store_number.c see to.
 */
#include <stdio.h>

#include "tests/store/store_test.h"

static void say(struct test_node *f, uint64_t conv, const char *type, int n)
{
	struct store_head head;
	uint64_t log;

	assert_ok(f->be->head(f->s, conv, &head));
	assert_ok(f->be->log_head(f->s, &log));
	for (int i = 1; i <= n; i++) {
		const struct store_msg m = {.gid = log + (uint64_t)i,
			.conv = conv,
			.seq = head.seq + (uint64_t)i,
			.sender = 1,
			.ts_ms = 1,
			.type = im_str(type),
			.body = IM_STR("{}")};

		assert_ok(f->be->append(f->s, &m));
	}
}

/* The seqs in words. */
static const char *page(struct test_node *f, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, uint32_t stop_after)
{
	static char text[512];
	struct test_seen seen = {.stop_after = stop_after};
	size_t n = 0;
	int rc = f->be->read_shown_conv(f->r, conv, lo, hi, descending, test_see, &seen);

	assert_int_equal(rc, stop_after && seen.n == stop_after ? 77 : IM_OK);
	text[0] = '\0';
	for (uint32_t i = 0; i < seen.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%llu", i ? " " : "",
			(unsigned long long)seen.seq[i]);
	return text;
}

static void operations_are_left_out(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);

	say(f, conv, "react", 3); /* 1 to 3: what they are about is gone */
	say(f, conv, "", 2);
	say(f, conv, "edit", 7); /* 6 to 12 */
	say(f, conv, "system", 1);
	say(f, conv, "recall", 1);
	say(f, conv, "image", 1);
	say(f, conv, "react", 900); /* 16 to 915 */
	say(f, conv, "", 1);
	say(f, conv, "react", 2);
	assert_ok(f->be->commit(f->s, NULL));
	assert_string_equal(page(f, conv, 1, UINT64_MAX, false, 0), "4 5 13 15 916");
	assert_string_equal(page(f, conv, 1, UINT64_MAX, true, 0), "916 15 13 5 4");
	assert_string_equal(page(f, conv, 1, 915, true, 2), "15 13");
	assert_string_equal(page(f, conv, 16, 915, true, 0), "");
	assert_string_equal(page(f, conv, 16, 915, false, 0), "");
	assert_string_equal(page(f, conv, 16, 916, false, 0), "916");
	assert_string_equal(page(f, conv, 1, 3, true, 0), "");
	assert_string_equal(page(f, conv, 5, 13, false, 0), "5 13");
	assert_string_equal(page(f, conv, 5, 12, true, 0), "5");
	assert_string_equal(page(f, conv, 917, UINT64_MAX, false, 0), "");
	assert_string_equal(page(f, conv, 2000, UINT64_MAX, true, 0), "");
	assert_string_equal(page(f, conv, 3, 2, false, 0), "");
	assert_string_equal(page(f, conv + 1, 1, UINT64_MAX, false, 0), "");
}

static int count(void *arg)
{
	++*(uint64_t *)arg;
	return 0;
}

/* In thousands of SQLite's steps. */
static uint64_t cost(struct test_node *f, uint64_t conv, bool descending, const char *want)
{
	uint64_t asked = 0;

	f->be->reader_watch(f->r, count, &asked);
	assert_string_equal(page(f, conv, 1, UINT64_MAX, descending, 0), want);
	f->be->reader_watch(f->r, NULL, NULL);
	return asked;
}

static void a_hundred_thousand_reactions_are_passed_over(void **state)
{
	struct test_node *f = *state;
	struct test_seen all = {.stop_after = 200};
	uint64_t conv = test_begun(f), asked = 0;

	say(f, conv, "", 2);
	say(f, conv, "react", 100000);
	say(f, conv, "", 1);
	say(f, conv, "react", 100000);
	assert_ok(f->be->commit(f->s, NULL));
	/* Of what lies there 200 take more steps than passing over all of it does. */
	f->be->reader_watch(f->r, count, &asked);
	assert_int_equal(f->be->read_conv(f->r, conv, 10, UINT64_MAX, false, test_see, &all), 77);
	f->be->reader_watch(f->r, NULL, NULL);
	assert_true(asked > 0);
	assert_true(cost(f, conv, true, "100003 2 1") <= asked);
	assert_true(cost(f, conv, false, "1 2 100003") <= asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(operations_are_left_out),
		cmocka_unit_test_setup_teardown(a_hundred_thousand_reactions_are_passed_over,
			test_set_up_sqlite, test_tear_down),
	};

	return cmocka_run_group_tests_name("store_shown", tests, NULL, NULL);
}
