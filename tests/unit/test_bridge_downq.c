/* SPDX-License-Identifier: BSD-3-Clause */
/* The queues of deliveries: order, window, bound, and a group's tier while records wait. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "bridge/deliver/downq.h"
#include "common/limits.h"

#define MAX (1024 * 1024)

static size_t push(struct downq *q, enum effects_tier tier, const char *mark, size_t bytes)
{
	struct im_down_rec r = {.type = IM_DOWN_TOPIC, .topic = im_str(mark)};
	char *payload = calloc(1, bytes + 1);
	size_t dropped;
	struct im_buf b;

	im_buf_init(&b, 0);
	r.payload = (struct im_str){payload, bytes};
	im_down_rec_put(&b, &r, NULL, 0);
	assert_int_equal(
		downq_push(q, tier, im_buf_view(&b), (struct effects_span){0}, &dropped), IM_OK);
	im_buf_free(&b);
	free(payload);
	return dropped;
}

/* The marks of the next frame, "" when none is given out. */
static const char *next(struct downq *q)
{
	static char text[4096];
	struct im_str frame = downq_next(q), in;
	struct im_down_rec r;
	size_t n = 0;

	text[0] = '\0';
	if (!frame.n)
		return text;
	assert_int_equal(im_down_frame_read(frame, &in), IM_OK);
	while (in.n) {
		assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
		if (r.type == IM_DOWN_CREDIT)
			assert_int_equal(in.n, 0);
		else
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s", IM_ARGS(r.topic));
	}
	return text;
}

static void smaller_groups_go_first(void **state)
{
	struct downq *q = downq_new(MAX, 2);

	(void)state;
	push(q, EFFECTS_ROOM, "r", 1);
	push(q, EFFECTS_LARGE, "l", 1);
	push(q, EFFECTS_MEDIUM, "m", 1);
	push(q, EFFECTS_SMALL, "s", 1);
	push(q, EFFECTS_SMALL, "t", 1);
	assert_string_equal(next(q), "stmlr");
	assert_string_equal(next(q), "");
	assert_int_equal(downq_bytes(q), 0);
	downq_free(&q);
}

static void the_window_bounds_what_is_out(void **state)
{
	struct downq *q = downq_new(MAX, 2);

	(void)state;
	for (char c = 'a'; c <= 'e'; c++)
		push(q, EFFECTS_LARGE, (char[]){c, 0}, 50000);
	assert_string_equal(next(q), "a");
	assert_string_equal(next(q), "b");
	assert_string_equal(next(q), "");
	assert_int_equal(downq_outstanding(q), 2);
	downq_return(q, 1);
	assert_string_equal(next(q), "c");
	assert_string_equal(next(q), "");
	downq_return(q, 100);
	assert_int_equal(downq_outstanding(q), 0);
	assert_string_equal(next(q), "d");
	assert_string_equal(next(q), "e");
	downq_free(&q);
}

static void a_record_larger_than_a_frame_goes_alone(void **state)
{
	struct downq *q = downq_new(MAX, 4);

	(void)state;
	push(q, EFFECTS_SMALL, "a", 10);
	push(q, EFFECTS_SMALL, "B", 200000);
	push(q, EFFECTS_SMALL, "c", 10);
	assert_string_equal(next(q), "a");
	assert_string_equal(next(q), "B");
	assert_string_equal(next(q), "c");
	downq_free(&q);
}

static void push_group(struct downq *q, const char *mark, uint32_t recipients)
{
	const struct im_down_rec r = {.type = IM_DOWN_INBOX, .topic = im_str(mark)};
	struct im_recipient to[IM_DELIVERIES_PER_FRAME];
	size_t dropped;
	struct im_buf b;

	for (uint32_t i = 0; i < recipients; i++)
		to[i] = (struct im_recipient){.uid = IM_STR("someone")};
	im_buf_init(&b, 0);
	im_down_rec_put(&b, &r, to, recipients);
	assert_int_equal(im_down_rec_bytes(b.p), b.n);
	assert_int_equal(im_down_rec_recipients(b.p), recipients);
	assert_int_equal(
		downq_push(q, EFFECTS_LARGE, im_buf_view(&b), (struct effects_span){0}, &dropped),
		IM_OK);
	im_buf_free(&b);
}

static void a_frame_holds_few_deliveries_and_many_answers(void **state)
{
	struct downq *q = downq_new(MAX, 4);

	(void)state;
	for (int i = 0; i < 2 * IM_DELIVERIES_PER_FRAME; i++)
		push(q, EFFECTS_CONTROL, "a", 1);
	push_group(q, "k", IM_DELIVERIES_PER_FRAME);
	push_group(q, "l", IM_DELIVERIES_PER_FRAME - 1);
	push(q, EFFECTS_ROOM, "r", 1);
	push(q, EFFECTS_ROOM, "s", 1);
	assert_int_equal(strlen(next(q)), 2 * IM_DELIVERIES_PER_FRAME + 1);
	assert_string_equal(next(q), "lr");
	assert_string_equal(next(q), "s");
	downq_free(&q);
}

static void while_direct_messages_pass_frames_are_small_and_go_one_at_a_time(void **state)
{
	struct downq *q = downq_new(4 * MAX, 2);
	unsigned small = 0;

	(void)state;
	downq_hurry(q);
	for (;;) {
		push_group(q, "k", IM_DELIVERIES_PER_RECORD);
		push_group(q, "k", IM_DELIVERIES_PER_RECORD);
		if (strcmp(next(q), "k") != 0)
			break;
		assert_int_equal(downq_outstanding(q), 1);
		assert_int_equal(downq_next(q).n, 0);
		downq_return(q, 1);
		assert_string_equal(next(q), "k");
		downq_return(q, 1);
		small += 2;
	}
	/* No more have come for a while: as ever. */
	assert_in_range(small, 1000, 1100);
	assert_int_equal(downq_bytes(q), 0);
	downq_return(q, 1);
	push_group(q, "k", IM_DELIVERIES_PER_FRAME);
	push_group(q, "l", IM_DELIVERIES_PER_FRAME);
	next(q);
	next(q);
	assert_int_equal(downq_outstanding(q), 2);
	/* A great many are not held up by it. */
	while (downq_bytes(q) <= MAX + 2 * IM_DOWN_BYTES_SOFT)
		push_group(q, "k", IM_DELIVERIES_PER_RECORD);
	downq_return(q, 2);
	downq_hurry(q);
	assert_in_range(downq_next(q).n, IM_DOWN_BYTES_SOFT / 2, IM_DOWN_BYTES_SOFT + 100);
	assert_true(downq_next(q).n > 0);
	downq_free(&q);
}

static void when_a_great_many_wait_frames_are_full(void **state)
{
	struct downq *q = downq_new(4 * MAX, 1);
	struct im_str frame;

	(void)state;
	while (downq_bytes(q) <= MAX)
		push_group(q, "k", IM_DELIVERIES_PER_FRAME);
	frame = downq_next(q);
	assert_in_range(frame.n, IM_DOWN_BYTES_SOFT / 2, IM_DOWN_BYTES_SOFT + 100);
	downq_return(q, 1);
	assert_string_equal(next(q), "k");
	downq_free(&q);
}

static void after_a_lost_link_the_unreturned_come_again(void **state)
{
	struct downq *q = downq_new(MAX, 2);

	(void)state;
	for (char c = 'a'; c <= 'd'; c++)
		push(q, EFFECTS_LARGE, (char[]){c, 0}, 50000);
	next(q);
	next(q);
	downq_return(q, 1);
	next(q);
	downq_lost(q);
	downq_return(q, 2); /* of the old link: counts for nothing */
	assert_string_equal(next(q), "b");
	assert_string_equal(next(q), "c");
	assert_string_equal(next(q), "");
	downq_return(q, 2);
	assert_string_equal(next(q), "d");
	downq_free(&q);
}

static void it_is_known_what_the_plugin_has(void **state)
{
	struct downq *q = downq_new(100000, 1);
	uint64_t told;

	(void)state;
	assert_true(downq_has(q, downq_told(q)));
	push(q, EFFECTS_DIRECT, "a", 1);
	told = downq_told(q);
	assert_false(downq_has(q, told));
	assert_string_equal(next(q), "a");
	push(q, EFFECTS_DIRECT, "b", 1);
	assert_false(downq_has(q, told));
	downq_return(q, 1);
	assert_true(downq_has(q, told));
	assert_false(downq_has(q, downq_told(q)));
	assert_string_equal(next(q), "b");
	assert_true(downq_has(q, told));
	assert_false(downq_has(q, downq_told(q)));
	downq_lost(q);
	downq_return(q, 1); /* of the old link */
	assert_false(downq_has(q, downq_told(q)));
	assert_string_equal(next(q), "b");
	downq_return(q, 1);
	assert_true(downq_has(q, downq_told(q)));
	/* What is dropped is not waited for, and said. */
	push(q, EFFECTS_DIRECT, "c", 60000);
	assert_int_equal(push(q, EFFECTS_DIRECT, "d", 60000), 1);
	assert_true(downq_broken(q));
	assert_string_equal(next(q), "d");
	assert_false(downq_has(q, downq_told(q)));
	downq_return(q, 1);
	assert_true(downq_has(q, downq_told(q)));
	downq_free(&q);
}

static void beyond_the_bound_the_oldest_of_the_largest_go(void **state)
{
	struct downq *q = downq_new(100000, 1);

	(void)state;
	push(q, EFFECTS_SMALL, "s", 20000);
	push(q, EFFECTS_LARGE, "k", 20000);
	push(q, EFFECTS_LARGE, "l", 20000);
	push(q, EFFECTS_ROOM, "r", 20000);
	assert_int_equal(push(q, EFFECTS_SMALL, "t", 30000), 1);
	assert_int_equal(push(q, EFFECTS_SMALL, "u", 20000), 1);
	assert_true(downq_bytes(q) <= 100000);
	assert_string_equal(next(q), "st");
	downq_return(q, 1);
	assert_string_equal(next(q), "ul");
	/* One that is larger than the bound alone does not stay either. */
	assert_int_equal(push(q, EFFECTS_ROOM, "R", 200000), 1);
	downq_free(&q);
}

static void answers_go_first_and_are_never_dropped(void **state)
{
	struct downq *q = downq_new(1000, 1);

	(void)state;
	assert_int_equal(push(q, EFFECTS_SMALL, "s", 500), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(push(q, EFFECTS_CONTROL, "a", 500), 0);
	assert_true(downq_answers(q) > 50000);
	assert_int_equal(push(q, EFFECTS_SMALL, "t", 600), 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(push(q, EFFECTS_CONTROL, "b", 500), 0);
	assert_int_equal(next(q)[0], 'a');
	downq_return(q, 1);
	assert_non_null(strstr(next(q), "bt"));
	assert_int_equal(downq_answers(q), 0);
	downq_free(&q);
}

static void a_group_keeps_its_tier_while_records_wait(void **state)
{
	struct downq *q = downq_new(MAX, 1);

	(void)state;
	assert_int_equal(downq_tier(q, 7, EFFECTS_SMALL), EFFECTS_SMALL);
	push(q, EFFECTS_SMALL, "x", 50000);
	downq_pin(q, 7, EFFECTS_SMALL, 0);
	push(q, EFFECTS_SMALL, "y", 50000);
	assert_int_equal(downq_tier(q, 7, EFFECTS_MEDIUM), EFFECTS_SMALL);
	assert_int_equal(downq_tier(q, 8, EFFECTS_MEDIUM), EFFECTS_MEDIUM);
	assert_string_equal(next(q), "x");
	assert_int_equal(downq_tier(q, 7, EFFECTS_MEDIUM), EFFECTS_MEDIUM);
	/* Planned in an open transaction: pinned behind what is there. */
	downq_pin(q, 7, EFFECTS_MEDIUM, 500);
	assert_int_equal(downq_tier(q, 7, EFFECTS_LARGE), EFFECTS_LARGE);
	push(q, EFFECTS_MEDIUM, "z", 5000);
	assert_int_equal(downq_tier(q, 7, EFFECTS_LARGE), EFFECTS_MEDIUM);
	downq_free(&q);
}

static void pins_of_groups_that_are_done_are_given_up(void **state)
{
	struct downq *q = downq_new(MAX, 1);

	(void)state;
	for (uint64_t g = 1; g <= 100000; g++)
		downq_pin(q, g, EFFECTS_SMALL, 100);
	push(q, EFFECTS_SMALL, "x", 1000);
	assert_int_equal(downq_tier(q, 100000, EFFECTS_LARGE), EFFECTS_SMALL);
	downq_free(&q);
}

/* Random pushes, frames and returns: nothing lost, nothing twice, in order within each tier. */
static void random_use_keeps_order(void **state)
{
	struct downq *q = downq_new(64 * MAX, 3);
	struct prng r = {42};
	unsigned pushed[EFFECTS_TIERS] = {0}, seen[EFFECTS_TIERS] = {0};
	unsigned out = 0;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		uint32_t what = prng_below(&r, 10);

		if (what < 5) {
			int tier = EFFECTS_SMALL + (int)prng_below(&r, 4);
			char mark[32];

			snprintf(mark, sizeof(mark), "%d:%u;", tier, pushed[tier]++);
			assert_int_equal(
				push(q, (enum effects_tier)tier, mark,
					prng_below(&r, 100) ? prng_below(&r, 2000) : 70000),
				0);
		} else if (what < 8) {
			const char *p = next(q);

			out += *p != '\0';
			while (*p) {
				unsigned tier, n;
				int used;

				assert_int_equal(sscanf(p, "%u:%u;%n", &tier, &n, &used), 2);
				assert_int_equal(n, seen[tier]++);
				p += used;
			}
		} else if (out) {
			downq_return(q, 1);
			out--;
		}
		assert_int_equal(downq_outstanding(q), out);
		assert_true(out <= 3);
	}
	downq_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smaller_groups_go_first),
		cmocka_unit_test(the_window_bounds_what_is_out),
		cmocka_unit_test(a_record_larger_than_a_frame_goes_alone),
		cmocka_unit_test(a_frame_holds_few_deliveries_and_many_answers),
		cmocka_unit_test(while_direct_messages_pass_frames_are_small_and_go_one_at_a_time),
		cmocka_unit_test(when_a_great_many_wait_frames_are_full),
		cmocka_unit_test(after_a_lost_link_the_unreturned_come_again),
		cmocka_unit_test(it_is_known_what_the_plugin_has),
		cmocka_unit_test(beyond_the_bound_the_oldest_of_the_largest_go),
		cmocka_unit_test(answers_go_first_and_are_never_dropped),
		cmocka_unit_test(a_group_keeps_its_tier_while_records_wait),
		cmocka_unit_test(pins_of_groups_that_are_done_are_given_up),
		cmocka_unit_test(random_use_keeps_order),
	};

	return cmocka_run_group_tests_name("bridge downq", tests, NULL, NULL);
}
