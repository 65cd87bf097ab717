/* SPDX-License-Identifier: BSD-3-Clause */
/* max_devices over all brokers: who is one too many, what is told of it, and who does not count. */
#include "tests/unit/moves_fixture.h"

#include "bridge/directory/directory_user.h"

/* -- how many -- */

static void one_too_many_is_refused_over_all_brokers(void **state)
{
	struct trio *w = *state;

	trio_opens_of(w, 0, "phone", 1000, "2");
	trio_opens_of(w, 1, "tablet", 1001, "2");
	trio_forget(w);
	trio_opens_of(w, 2, "tv", 2000, "2");
	assert_told_and(w, "bob/tv limit 2000 at 0\n",
		"bob event {\"event\":\"device\",\"action\":\"refuse\",\"device\":\"tv\"}\n");
	assert_int_equal(trio_session(&w->sides[2], "tv")->end, IM_END_LIMIT);
	assert_int_equal(trio_home(w, "tv"), 0);
	/* About to end, it does not count; what moves takes no second place, */
	trio_opens_of(w, 2, "phone", 2500, "2");
	assert_told(w, "bob/phone moved 2500 at 3\n");
	trio_closes(w, 2, "tv", 2600);
	/* and what has gone, or was told to by others, gives its own back. */
	trio_closes(w, 1, "tablet", 2700);
	trio_opens_of(w, 0, "tv", 3000, "2");
	assert_told(w, "bob/tv moved 3000 at 1\n");
	assert_int_equal(engine_health(w->rig.engine)->devices_over, 1);
}

/* Where it was it stays. */
static void one_that_may_not_move_is_left_where_it_is(void **state)
{
	struct trio *w = *state;

	trio_opens_of(w, 0, "phone", 1000, "3");
	trio_opens_of(w, 1, "tablet", 1001, "3");
	trio_forget(w);
	trio_opens_of(w, 2, "phone", 2000, "1");
	assert_told_and(w, "bob/phone limit 2001 at 1\n",
		"bob event {\"event\":\"device\",\"action\":\"refuse\",\"device\":\"phone\"}\n");
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, TRIO_ALIVE);
	assert_int_equal(trio_session(&w->sides[2], "phone")->end, IM_END_LIMIT);
	assert_int_equal(trio_home(w, "phone"), 1);
}

static void the_one_connected_longest_gives_way_over_all_brokers(void **state)
{
	struct trio *w = *state;

	trio_opens_of(w, 1, "phone", 1000, "-2");
	trio_opens_of(w, 0, "tablet", 1001, "-2");
	trio_forget(w);
	trio_opens_of(w, 2, "tv", 2000, "-2");
	assert_int_equal(trio_session(&w->sides[1], "phone")->end, IM_END_REPLACED);
	assert_int_equal(trio_session(&w->sides[0], "tablet")->end, TRIO_ALIVE);
	assert_int_equal(trio_session(&w->sides[2], "tv")->end, TRIO_ALIVE);
	assert_told_and(w, "bob/tv moved 2000 at 3\nbob/phone replaced 1000 at 0\n",
		"bob event "
		"{\"event\":\"device\",\"action\":\"replace\",\"device\":\"phone\",\"by\":\"tv\"}"
		"\n");
	/* Before it has gone it does not count. */
	trio_opens_of(w, 2, "desk", 3000, "-2");
	assert_int_equal(trio_session(&w->sides[0], "tablet")->end, IM_END_REPLACED);
	assert_int_equal(trio_session(&w->sides[2], "tv")->end, TRIO_ALIVE);
	/* Its session stays where it was. */
	assert_int_equal(trio_home(w, "phone"), 2);
	/* One that is heard of late is the one connected longest itself. */
	trio_closes(w, 1, "phone", 3000);
	trio_closes(w, 0, "tablet", 3000);
	trio_forget(w);
	trio_opens_of(w, 0, "tablet", 1500, "-2");
	assert_told_and(w, "bob/tablet replaced 1500 at 0\n",
		"bob event {\"event\":\"device\",\"action\":\"replace\",\"device\":\"tablet\","
		"\"by\":\"desk\"}\n");
}

/* Each plugin has room for one, and there is room for one. */
static void two_newcomers_do_not_throw_each_other_out(void **state)
{
	struct trio *w = *state;

	trio_opens_of(w, 0, "phone", 1000, "1");
	trio_opens_of(w, 1, "tablet", 1000, "1");
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, TRIO_ALIVE);
	assert_int_equal(trio_session(&w->sides[1], "tablet")->end, IM_END_LIMIT);
	trio_closes(w, 0, "phone", 1100);
	trio_closes(w, 1, "tablet", 1100);
	trio_opens_of(w, 1, "tablet", 2000, "-1");
	trio_opens_of(w, 0, "phone", 2000, "-1");
	assert_int_equal(trio_session(&w->sides[1], "tablet")->end, IM_END_REPLACED);
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, TRIO_ALIVE);
	/* Heard of again, after the bridge was away, either way. */
	for (unsigned k = 0; k < 2; k++) {
		trio_restart(w);
		for (unsigned i = 0; i < TRIO_SIDES; i++)
			trio_link(w, i);
		for (unsigned i = 0; i < TRIO_SIDES; i++)
			trio_snapshot(w, (i + k) % TRIO_SIDES);
		assert_int_equal(trio_session(&w->sides[0], "phone")->end, TRIO_ALIVE);
	}
}

/* The plugin has made room at its own broker before it lets one in. */
static void what_a_plugin_has_ended_itself_is_not_ended_again(void **state)
{
	struct trio *w = *state;

	trio_opens_of(w, 0, "phone", 1000, "-2");
	trio_opens_of(w, 0, "tablet", 1001, "-2");
	trio_forget(w);
	trio_opens_of(w, 0, "tv", 2000, "-2");
	assert_told(w, "bob/tv moved 2000 at 1\n");
	/* The one that it has ended does not count, though it has not gone yet. */
	trio_opens_of(w, 1, "desk", 3000, "-2");
	assert_int_equal(trio_session(&w->sides[0], "tablet")->end, IM_END_REPLACED);
	assert_int_equal(trio_session(&w->sides[0], "tv")->end, TRIO_ALIVE);
	/* Where newcomers are refused it lets nobody in while there is no room. */
	trio_closes(w, 0, "phone", 3100);
	trio_closes(w, 0, "tablet", 3100);
	trio_closes(w, 1, "desk", 3100);
	trio_forget(w);
	trio_opens_of(w, 0, "phone", 4000, "1");
	assert_told(w, "");
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, TRIO_ALIVE);
}

/* A broker that has died, or cannot be reached, keeps nobody out. */
static void devices_at_a_broker_that_is_away_do_not_count(void **state)
{
	struct trio *w = *state;

	trio_opens_of(w, 0, "phone", 1000, "1");
	trio_unlink(w, 0);
	trio_opens_of(w, 1, "tablet", 2000, "1");
	assert_int_equal(trio_session(&w->sides[1], "tablet")->end, TRIO_ALIVE);
}

/* Of one that comes before all brokers have been heard of the others are counted when they are. */
static void newcomers_are_counted_when_all_have_been_heard_of(void **state)
{
	static const char *const limits[] = {"2", "-2"};
	struct trio *w = *state;

	for (int k = 0; k < 2; k++) {
		trio_opens_of(w, 0, "phone", 1000 + k * 1000, limits[k]);
		trio_opens_of(w, 1, "tablet", 1001 + k * 1000, limits[k]);
		trio_restart(w);
		for (unsigned i = 0; i < TRIO_SIDES; i++)
			trio_link(w, i);
		trio_snapshot(w, 2);
		trio_opens_of(w, 2, "tv", 1500 + k * 1000, limits[k]);
		trio_snapshot(w, 1);
		assert_int_equal(trio_session(&w->sides[2], "tv")->end, TRIO_ALIVE);
		w->broken = true;
		trio_snapshot(w, 0);
		w->broken = false;
		trio_pass(w, 1000);
		trio_snapshot(w, 0);
		assert_int_equal(
			trio_session(&w->sides[2], "tv")->end, k ? TRIO_ALIVE : IM_END_LIMIT);
		assert_int_equal(
			trio_session(&w->sides[0], "phone")->end, k ? IM_END_REPLACED : TRIO_ALIVE);
		assert_int_equal(trio_session(&w->sides[1], "tablet")->end, TRIO_ALIVE);
		trio_closes(w, 0, "phone", 1900 + k * 1000);
		trio_closes(w, 1, "tablet", 1900 + k * 1000);
		trio_closes(w, 2, "tv", 1900 + k * 1000);
	}
}

/* What he may have by then is what counts, and who was counted is not counted again. */
static void what_he_may_have_may_have_changed(void **state)
{
	struct trio *w = *state;

	trio_opens_of(w, 0, "phone", 1000, "1");
	trio_restart(w);
	for (unsigned i = 0; i < TRIO_SIDES; i++)
		trio_link(w, i);
	trio_snapshot(w, 2);
	trio_opens_of(w, 2, "tv", 1500, "1");
	trio_snapshot(w, 1);
	assert_int_equal(directory_begin(w->rig.dir), IM_OK);
	assert_int_equal(directory_user_set_max_devices(w->rig.dir, 2, 2), IM_OK);
	assert_int_equal(directory_commit(w->rig.dir), IM_OK);
	trio_snapshot(w, 0);
	assert_int_equal(trio_session(&w->sides[2], "tv")->end, TRIO_ALIVE);
	assert_int_equal(directory_begin(w->rig.dir), IM_OK);
	assert_int_equal(directory_user_set_max_devices(w->rig.dir, 2, 1), IM_OK);
	assert_int_equal(directory_commit(w->rig.dir), IM_OK);
	trio_unlink(w, 1);
	trio_link(w, 1);
	trio_snapshot(w, 1);
	assert_int_equal(trio_session(&w->sides[2], "tv")->end, TRIO_ALIVE);
}

/* By a command, of the user or of one device. */
static void one_that_others_have_ended_does_not_count(void **state)
{
	struct trio *w = *state;
	struct im_up_rec r = {.type = IM_UP_RPC,
		.user = IM_STR("bob"),
		.device = IM_STR("tablet"),
		.target = IM_STR("device.remove"),
		.payload = IM_STR("{\"device\":\"phone\"}"),
		.ts_ms = 1500};

	trio_opens_of(w, 0, "phone", 1000, "2");
	trio_opens_of(w, 1, "tablet", 1001, "2");
	trio_say(w, 1, &r);
	trio_opens_of(w, 2, "tv", 2000, "2");
	assert_int_equal(trio_session(&w->sides[2], "tv")->end, TRIO_ALIVE);
	/* A client id that is another's is no device of his. */
	r = trio_open("alice", "tv", 2500);
	r.flags = IM_UPF_NEW_DEVICE;
	trio_forget(w);
	trio_connects(w, 0, "alice", "tv", 2500);
	trio_say(w, 0, &r);
	assert_told(w, "alice/tv removed\n");
	trio_opens_of(w, 0, "desk", 3000, "2");
	assert_int_equal(trio_session(&w->sides[0], "desk")->end, IM_END_LIMIT);
	assert_int_equal(trio_session(&w->sides[2], "tv")->end, TRIO_ALIVE);
}

/* -- how much is told -- */

static void a_user_is_not_flooded(void **state)
{
	struct trio *w = *state;
	unsigned told = 0;

	trio_opens_of(w, 0, "phone", 1000, "1");
	for (int i = 0; i < 100; i++) {
		trio_forget(w);
		trio_opens_of(w, 1, "tablet", 2000 + i, "1");
		told += w->sides[0].events.n > 0;
		assert_int_equal(trio_session(&w->sides[1], "tablet")->end, IM_END_LIMIT);
		trio_closes(w, 1, "tablet", 2000 + i);
	}
	assert_in_range(told, 10, 30);
}

#define T(name) cmocka_unit_test_setup_teardown(name, trio_start, trio_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_too_many_is_refused_over_all_brokers),
		T(one_that_may_not_move_is_left_where_it_is),
		T(the_one_connected_longest_gives_way_over_all_brokers),
		T(two_newcomers_do_not_throw_each_other_out),
		T(what_a_plugin_has_ended_itself_is_not_ended_again),
		T(devices_at_a_broker_that_is_away_do_not_count),
		T(newcomers_are_counted_when_all_have_been_heard_of),
		T(what_he_may_have_may_have_changed),
		T(one_that_others_have_ended_does_not_count),
		T(a_user_is_not_flooded),
	};

	return cmocka_run_group_tests_name("bridge moves limit", tests, NULL, NULL);
}
