/* SPDX-License-Identifier: BSD-3-Clause */
/* The pace at which an earlier version's log is numbered, over a store that only plays its part. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/upkeep/ordinals.h"

struct store {
	uint64_t left;
	uint32_t calls, last_limit;
	int64_t us_each; /* what a message costs */
	int code;
};

static int64_t clock_us;
static struct log *told;
static int told_fd;

static int64_t mono_ms(void)
{
	return clock_us / 1000;
}

static int number(struct store *s, uint32_t limit, uint64_t *left_out)
{
	*left_out = s->left;
	if (limit == 0)
		return IM_OK;
	s->calls++;
	s->last_limit = limit;
	clock_us += s->us_each * limit;
	if (s->code)
		return s->code;
	s->left -= s->left < limit ? s->left : limit;
	*left_out = s->left;
	return IM_OK;
}

static const char *errmsg(const struct store *s)
{
	(void)s;
	return "no space left";
}

static const struct store_backend backend = {.number = number, .errmsg = errmsg};

static int set_up(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	told_fd = fd[0];
	assert_int_equal(fcntl(told_fd, F_SETFL, O_NONBLOCK), 0);
	told = log_new(fd[1], LOG_LEVEL_DEBUG, LOG_STDERR);
	clock_us = 1000000;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_free(&told);
	close(told_fd);
	return 0;
}

static struct ordinals *begin(struct store *s)
{
	struct ordinals_parts p = {&backend, s, told, mono_ms};
	struct ordinals *o = ordinals_new(&p);

	assert_non_null(o);
	return o;
}

/* Lines that were logged since it was asked last. */
static const char *said(void)
{
	static char text[4096];
	ssize_t n = read(told_fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* One step at its time; the pause that it asks for. */
static int64_t step(struct ordinals *o)
{
	int64_t pause = ordinals_step(o, mono_ms());

	clock_us += pause * 1000;
	return pause;
}

static void where_nothing_is_to_be_done_nothing_is(void **state)
{
	struct store s = {0};
	struct ordinals *o = begin(&s);

	(void)state;
	assert_true(step(o) > 60000);
	assert_int_equal(s.calls, 0);
	assert_int_equal(ordinals_left(o), 0);
	assert_string_equal(said(), "");
	ordinals_free(&o);
	assert_null(o);
}

static void it_says_when_it_begins_and_ends(void **state)
{
	struct store s = {.left = 5000};
	struct ordinals *o = begin(&s);
	uint64_t before = 5000;

	(void)state;
	assert_non_null(strstr(said(), "info ordinals_begin messages=5000 "));
	assert_int_equal(ordinals_left(o), 5000);
	while (s.left > 0) {
		step(o);
		assert_true(ordinals_left(o) < before);
		before = ordinals_left(o);
	}
	assert_non_null(strstr(said(), "info ordinals_done "));
	assert_true(step(o) > 60000);
	assert_int_equal(ordinals_left(o), 0);
	ordinals_free(&o);
}

/* Not before its time: the loop turns for other reasons, too. */
static void it_keeps_its_pauses(void **state)
{
	struct store s = {.left = 1000000};
	struct ordinals *o = begin(&s);
	int64_t pause = ordinals_step(o, mono_ms());

	(void)state;
	assert_true(pause >= 20);
	assert_int_equal(ordinals_step(o, mono_ms() + pause - 1), 1);
	assert_int_equal(s.calls, 1);
	ordinals_step(o, mono_ms() + pause);
	assert_int_equal(s.calls, 2);
	ordinals_free(&o);
}

/* The longest that users wait for a piece, and the part of the time that is taken from them. */
static void a_piece_is_as_large_as_the_disk_is_fast(void **state)
{
	static const int64_t us_each[] = {1, 10, 100, 400, 20000};

	(void)state;
	for (size_t i = 0; i < sizeof(us_each) / sizeof(us_each[0]); i++) {
		struct store s = {.left = 10000000, .us_each = us_each[i]};
		struct ordinals *o = begin(&s);
		int64_t began, worked = 0;

		for (int warm = 0; warm < 20; warm++)
			step(o);
		began = clock_us;
		for (int n = 0; n < 50; n++) {
			step(o);
			worked += us_each[i] * s.last_limit;
			assert_true(s.last_limit <= 2048 && s.last_limit >= 16);
			if (s.last_limit > 16)
				assert_true(us_each[i] * s.last_limit < 11000);
		}
		assert_true(worked * 4 < clock_us - began);
		ordinals_free(&o);
	}
}

static void what_fails_is_tried_again_and_said_once(void **state)
{
	struct store s = {.left = 100, .code = IM_E_IO};
	struct ordinals *o = begin(&s);
	const char *text;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(step(o), 10000);
	text = said();
	text = strstr(text, "error ordinals_failed code=");
	assert_non_null(text);
	assert_non_null(strstr(text, "why=\"no space left\""));
	assert_null(strstr(text + 10, "ordinals_failed"));
	s.code = 0;
	while (s.left > 0)
		step(o);
	assert_non_null(strstr(said(), "ordinals_done"));
	ordinals_free(&o);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(where_nothing_is_to_be_done_nothing_is),
		T(it_says_when_it_begins_and_ends),
		T(it_keeps_its_pauses),
		T(a_piece_is_as_large_as_the_disk_is_fast),
		T(what_fails_is_tried_again_and_said_once),
	};

	return cmocka_run_group_tests_name("bridge ordinals", tests, NULL, NULL);
}
