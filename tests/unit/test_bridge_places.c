/* SPDX-License-Identifier: BSD-3-Clause */
/* Which client id is connected at which broker, as a table; and how often one was taken over. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "bridge/deliver/places.h"
#include "bridge/engine/contests.h"
#include "common/limits.h"
#include "common/wire.h"

#define BOB 2
#define FLEET 3
#define NOW 1000000

static const struct im_sipkey key = {{1, 2, 3}};

static enum place_news news;

/* At `now` NOW. */
static struct place *come(
	struct places *p, unsigned peer, const char *device, int64_t since_ms, bool met)
{
	const struct place_facts f = {.peer = peer,
		.device = im_str(device),
		.user = BOB,
		.since_ms = since_ms,
		.met = met,
		.now_ms = NOW};
	struct place *e;

	assert_int_equal(places_open(p, &f, &news, &e), IM_OK);
	return e;
}

static void go(struct places *p, unsigned peer, const char *device, int64_t ts_ms)
{
	places_close(p, peer, im_str(device), ts_ms, NOW);
}

static void a_connection_is_there_until_it_is_closed_there(void **state)
{
	struct places *p = places_new(10, &key);

	(void)state;
	assert_null(places_find(p, 0, IM_STR("phone")));
	come(p, 0, "phone", 100, false);
	assert_non_null(places_find(p, 0, IM_STR("phone")));
	assert_int_equal(news, PLACE_NEW);
	come(p, 0, "phone", 100, false);
	assert_int_equal(news, PLACE_KNOWN);
	assert_false(places_elsewhere(p, 0, IM_STR("phone")));
	assert_true(places_elsewhere(p, 1, IM_STR("phone")));
	come(p, 1, "phone", 200, false);
	come(p, 1, "phone2", 200, false);
	go(p, 0, "phone", 300);
	go(p, 0, "phone", 300);
	assert_null(places_find(p, 0, IM_STR("phone")));
	assert_non_null(places_find(p, 1, IM_STR("phone")));
	assert_int_equal(places_count(p), 2);
	places_free(&p);
}

static void the_newest_elsewhere_is_found_of_those_that_stay(void **state)
{
	struct places *p = places_new(10, &key);
	struct place *a, *b;

	(void)state;
	a = come(p, 0, "phone", 100, false);
	b = come(p, 3, "phone", 200, false);
	come(p, 7, "phone", 150, false);
	assert_ptr_equal(places_other(p, 7, IM_STR("phone"), BOB), b);
	assert_ptr_equal(places_other(p, 3, IM_STR("phone"), BOB)->key,
		places_find(p, 7, IM_STR("phone"))->key);
	places_end(p, b, IM_END_MOVED, 8);
	places_end(p, places_find(p, 7, IM_STR("phone")), IM_END_MOVED, 1);
	assert_ptr_equal(places_other(p, 7, IM_STR("phone"), BOB), a);
	assert_null(places_other(p, 0, IM_STR("phone"), BOB));
	assert_true(places_elsewhere(p, 0, IM_STR("phone")));
	/* Another connection there is another matter. */
	come(p, 3, "phone", 300, false);
	assert_int_equal(news, PLACE_NEW);
	assert_int_equal(b->end, PLACE_STAYS);
	places_free(&p);
}

static void of_equal_times_the_one_at_the_greater_number_is_later(void **state)
{
	struct places *p = places_new(10, &key);

	(void)state;
	come(p, 5, "phone", 100, false);
	come(p, 1, "phone", 100, false);
	assert_int_equal(places_other(p, 0, IM_STR("phone"), BOB)->peer, 5);
	/* Of two devices, about which the bridge alone decides, the one heard of last. */
	come(p, 0, "another", 100, false);
	places_end(p, places_find(p, 1, IM_STR("phone")), IM_END_MOVED, 6);
	assert_ptr_equal(
		places_oldest(p, BOB, UINT32_MAX, IM_STR("")), places_find(p, 5, IM_STR("phone")));
	places_free(&p);
}

/* What was told of a connection is true, what was decided is not. */
static void a_rollback_undoes_who_has_to_go(void **state)
{
	struct places *p = places_new(10, &key);
	struct place *e = come(p, 0, "phone", 100, false);

	(void)state;
	assert_true(e->fresh);
	places_end(p, e, IM_END_REPLACED, 0);
	places_settle(p, false);
	assert_int_equal(e->end, PLACE_STAYS);
	assert_true(e->fresh);
	places_end(p, e, IM_END_MOVED, 2);
	places_settle(p, true);
	assert_false(e->fresh);
	/* What was settled is not undone by the next one, and not said differently. */
	places_end(p, e, IM_END_REPLACED, 0);
	places_settle(p, false);
	assert_int_equal(e->end, IM_END_MOVED);
	assert_int_equal(e->winner, 2);
	/* One that has gone meanwhile. */
	e = come(p, 1, "phone", 200, false);
	places_end(p, e, IM_END_MOVED, 1);
	go(p, 1, "phone", 300);
	places_settle(p, false);
	assert_int_equal(places_count(p), 1);
	places_free(&p);
}

static void it_is_bounded(void **state)
{
	struct places *p = places_new(2, &key);
	char longer[IM_DEVICE_MAX + 1];
	struct place_facts f = {.device = IM_STR("c"), .user = BOB, .since_ms = 1};
	struct place *e;

	(void)state;
	memset(longer, 'x', sizeof(longer));
	come(p, 0, "a", 100, false);
	f.device = (struct im_str){longer, sizeof(longer)};
	assert_int_equal(places_open(p, &f, &news, &e), IM_E_FULL);
	come(p, 0, "b", 100, false);
	f.device = IM_STR("c");
	assert_int_equal(places_open(p, &f, &news, &e), IM_E_FULL);
	assert_null(e);
	come(p, 0, "b", 200, false);
	go(p, 0, "a", 300);
	come(p, 1, "b", 200, false);
	places_free(&p);
}

static void a_snapshot_says_who_is_there(void **state)
{
	struct places *p = places_new(10, &key);

	(void)state;
	come(p, 0, "a", 100, false);
	come(p, 0, "b", 100, false);
	come(p, 1, "a", 50, false);
	places_snapshot_begin(p, 0);
	come(p, 0, "b", 100, true);
	assert_int_equal(news, PLACE_KNOWN);
	come(p, 0, "c", 400, true);
	places_snapshot_end(p, 0);
	assert_null(places_find(p, 0, IM_STR("a")));
	assert_non_null(places_find(p, 0, IM_STR("b")));
	assert_non_null(places_find(p, 1, IM_STR("a")));
	/* What waited in the spool tells of a connection before that, and of its end. */
	assert_int_equal(come(p, 0, "c", 300, false)->since_ms, 400);
	assert_int_equal(news, PLACE_OLD);
	go(p, 0, "c", 350);
	assert_non_null(places_find(p, 0, IM_STR("c")));
	come(p, 0, "c", 400, false);
	assert_int_equal(news, PLACE_KNOWN);
	/* And of later ones in its own order, whatever the clock does. */
	come(p, 0, "c", 500, false);
	assert_int_equal(news, PLACE_NEW);
	assert_int_equal(come(p, 0, "c", 450, false)->since_ms, 450);
	go(p, 0, "c", 440);
	assert_null(places_find(p, 0, IM_STR("c")));
	/* A snapshot from before the clock was set back. */
	places_snapshot_begin(p, 0);
	come(p, 0, "d", NOW + 5000, true);
	places_snapshot_end(p, 0);
	assert_int_equal(come(p, 0, "d", NOW, false)->since_ms, NOW);
	places_free(&p);
}

static void where_it_was_last_is_remembered(void **state)
{
	struct places *p = places_new(10, &key);
	unsigned peer;
	int64_t since_ms;

	(void)state;
	come(p, 2, "phone", 100, false);
	assert_false(places_left(p, IM_STR("phone"), &peer, &since_ms));
	go(p, 2, "phone", 200);
	assert_true(places_left(p, IM_STR("phone"), &peer, &since_ms));
	assert_int_equal(peer, 2);
	assert_int_equal(since_ms, 100);
	/* Not where it was told to go because it is elsewhere, or was one too many. */
	places_end(p, come(p, 1, "phone", 300, false), IM_END_MOVED, 3);
	go(p, 1, "phone", 400);
	places_end(p, come(p, 1, "phone", 500, false), IM_END_LIMIT, 0);
	places_snapshot_begin(p, 1);
	places_snapshot_end(p, 1);
	assert_true(places_left(p, IM_STR("phone"), &peer, &since_ms));
	assert_int_equal(peer, 2);
	places_end(p, come(p, 1, "phone", 600, false), IM_END_REPLACED, 0);
	go(p, 1, "phone", 700);
	assert_true(places_left(p, IM_STR("phone"), &peer, &since_ms));
	assert_int_equal(peer, 1);
	places_forget_left(p, IM_STR("phone"));
	assert_false(places_left(p, IM_STR("phone"), &peer, &since_ms));
	places_free(&p);
}

static void a_users_devices_are_counted(void **state)
{
	struct places *p = places_new(100, &key);
	struct place_facts f = {.peer = 0, .device = IM_STR("veh-1"), .user = FLEET, .since_ms = 1};
	struct place *e, *a, *b;
	char name[16];

	(void)state;
	assert_int_equal(places_devices(p, BOB, 0, IM_STR("")), 0);
	assert_null(places_oldest(p, BOB, 0xff, IM_STR("")));
	a = come(p, 0, "a", 300, false);
	b = come(p, 1, "b", 200, false);
	come(p, 0, "c", 400, false);
	assert_int_equal(places_devices(p, BOB, 0, IM_STR("")), 2);
	assert_int_equal(places_devices(p, BOB, 0, IM_STR("a")), 1);
	assert_int_equal(places_devices(p, BOB, 1, IM_STR("a")), 1);
	assert_ptr_equal(places_oldest(p, BOB, 0xff, IM_STR("")), b);
	assert_ptr_equal(places_oldest(p, BOB, 1, IM_STR("")), a);
	assert_ptr_equal(places_oldest(p, BOB, 2, IM_STR("b")), NULL);
	places_end(p, b, IM_END_REPLACED, 0);
	assert_int_equal(places_devices(p, BOB, 1, IM_STR("")), 0);
	assert_ptr_equal(places_oldest(p, BOB, 0xff, IM_STR("")), a);
	/* By others: one, wherever it is and if it is his; all. */
	places_end_user(p, FLEET, IM_STR("a"), IM_END_REMOVED);
	assert_int_equal(a->end, PLACE_STAYS);
	places_end_user(p, BOB, IM_STR("a"), IM_END_REMOVED);
	assert_int_equal(a->end, IM_END_REMOVED);
	places_end_user(p, BOB, IM_STR(""), IM_END_DISABLED);
	assert_int_equal(places_devices(p, BOB, 0, IM_STR("")), 0);
	/* A device account's are no different. */
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "veh-%d", i);
		f.device = im_str(name);
		assert_int_equal(places_open(p, &f, &news, &e), IM_OK);
	}
	assert_int_equal(places_devices(p, FLEET, 0, IM_STR("")), 20);
	places_end_user(p, FLEET, IM_STR(""), IM_END_DELETED);
	assert_int_equal(places_devices(p, FLEET, 0, IM_STR("")), 0);
	assert_int_equal(places_count(p), 23);
	places_free(&p);
}

/* -- contests -- */

static void five_within_ten_seconds_are_a_contest(void **state)
{
	struct contests *c = contests_new(&key);
	int64_t t = NOW;

	(void)state;
	for (int i = 0; i < 5; i++, t += 1000)
		assert_int_equal(contests_move(c, IM_STR("x"), t), CONTEST_NONE);
	assert_int_equal(contests_move(c, IM_STR("y"), t), CONTEST_NONE);
	assert_int_equal(contests_move(c, IM_STR("x"), t), CONTEST_BEGINS);
	assert_int_equal(contests_move(c, IM_STR("x"), t + 29999), CONTEST_GOES_ON);
	assert_int_equal(contests_move(c, IM_STR("x"), t + 30000), CONTEST_NONE);
	contests_free(&c);
}

static void slower_ones_are_none(void **state)
{
	struct contests *c = contests_new(&key);
	int64_t t = NOW;

	(void)state;
	for (int i = 0; i < 100; i++, t += 2001)
		assert_int_equal(contests_move(c, IM_STR("x"), t), CONTEST_NONE);
	contests_free(&c);
}

static void a_clock_that_is_set_back_begins_anew(void **state)
{
	struct contests *c = contests_new(&key);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(contests_move(c, IM_STR("x"), NOW + i), CONTEST_NONE);
	assert_int_equal(contests_move(c, IM_STR("x"), NOW + 5), CONTEST_BEGINS);
	for (int i = 0; i < 5; i++)
		assert_int_equal(contests_move(c, IM_STR("x"), 1000 + i), CONTEST_NONE);
	assert_int_equal(contests_move(c, IM_STR("x"), 1005), CONTEST_BEGINS);
	contests_free(&c);
}

static void what_was_rolled_back_was_not_counted(void **state)
{
	struct contests *c = contests_new(&key);

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(contests_move(c, IM_STR("x"), NOW), CONTEST_NONE);
		contests_settle(c, false);
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(contests_move(c, IM_STR("x"), NOW), CONTEST_NONE);
		contests_settle(c, true);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(contests_move(c, IM_STR("x"), NOW), CONTEST_BEGINS);
		contests_settle(c, false);
	}
	contests_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_there_until_it_is_closed_there),
		cmocka_unit_test(the_newest_elsewhere_is_found_of_those_that_stay),
		cmocka_unit_test(of_equal_times_the_one_at_the_greater_number_is_later),
		cmocka_unit_test(a_rollback_undoes_who_has_to_go),
		cmocka_unit_test(it_is_bounded),
		cmocka_unit_test(a_snapshot_says_who_is_there),
		cmocka_unit_test(where_it_was_last_is_remembered),
		cmocka_unit_test(a_users_devices_are_counted),
		cmocka_unit_test(five_within_ten_seconds_are_a_contest),
		cmocka_unit_test(slower_ones_are_none),
		cmocka_unit_test(a_clock_that_is_set_back_begins_anew),
		cmocka_unit_test(what_was_rolled_back_was_not_counted),
	};

	return cmocka_run_group_tests_name("bridge places", tests, NULL, NULL);
}
