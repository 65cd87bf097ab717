/* SPDX-License-Identifier: BSD-3-Clause */
/* One device at two brokers: which of its connections stays, where its home is, and what is told of
 * it, in whatever order and however often the brokers tell. */
#include "tests/unit/moves_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"

#define ALICE 1

/* -- one device at two brokers -- */

static void the_connection_that_began_later_stays(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 0, "phone", 1000);
	/* Where it was before there were several, nobody knows. */
	assert_told(w, "bob/phone moved 1000 at 1\n");
	assert_int_equal(trio_home(w, "phone"), 1);
	trio_opens(w, 1, "phone", 2000);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	assert_int_equal(trio_home(w, "phone"), 2);
	trio_closes(w, 0, "phone", 2100);
	assert_int_equal(trio_home(w, "phone"), 2);
	/* Away and back at the same one is no move. */
	trio_closes(w, 1, "phone", 3000);
	trio_opens(w, 1, "phone", 4000);
	assert_told(w, "");
	/* One that is away has a home. */
	trio_closes(w, 1, "phone", 5000);
	trio_opens(w, 2, "phone", 6000);
	assert_told(w, "bob/phone moved 6000 at 3\n");
	assert_int_equal(trio_home(w, "phone"), 3);
	assert_int_equal(engine_health(w->rig.engine)->devices_moved, 2);
}

/* What the last one leaves there says nothing of the device. */
static void the_end_of_the_older_one_takes_nothing_along(void **state)
{
	struct trio *w = *state;
	struct im_up_rec gone = trio_open("bob", "phone", 2100);
	struct health_gauges g;

	gone.type = IM_UP_CLOSE;
	gone.flags = IM_UPF_GONE;
	trio_opens(w, 0, "phone", 1000);
	trio_opens(w, 1, "phone", 2000);
	trio_say(w, 0, &gone);
	engine_gauges(w->rig.engine, &g);
	assert_int_equal(g.users_online, 1);
	assert_int_equal(trio_home(w, "phone"), 2);
	/* Nor when it is heard of after the device has left the other one, with a session there. */
	trio_opens(w, 0, "tablet", 1000);
	trio_opens(w, 1, "tablet", 2000);
	trio_closes(w, 1, "tablet", 3000);
	gone.device = IM_STR("tablet");
	trio_say(w, 0, &gone);
	assert_int_equal(trio_home(w, "tablet"), 2);
	/* Of a device account's, which presence does not know. */
	gone.user = IM_STR("fleet");
	gone.device = IM_STR("own");
	for (unsigned i = 0; i < 2; i++) {
		struct im_up_rec r = trio_open("fleet", "own", 1000 + i);

		trio_say(w, i, &r);
	}
	trio_say(w, 0, &gone);
	assert_int_equal(trio_home(w, "own"), 2);
	/* At its home it is what it was: never acknowledged, nothing left. */
	trio_say(w, 1, &gone);
	{
		struct directory_device dev;

		assert_int_equal(directory_device_get(w->rig.dir, IM_STR("own"), &dev), IM_E_NONE);
	}
}

static void one_that_is_heard_of_late_goes(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 1, "phone", 2000);
	trio_forget(w);
	trio_opens(w, 0, "phone", 1000);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	assert_int_equal(trio_home(w, "phone"), 2);
	trio_closes(w, 0, "phone", 2100);
	/* When the later one has left, too. */
	trio_closes(w, 1, "phone", 3000);
	trio_opens(w, 0, "phone", 1500);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	assert_int_equal(trio_home(w, "phone"), 2);
	trio_closes(w, 0, "phone", 3000);
	trio_opens(w, 0, "phone", 2001);
	assert_told(w, "bob/phone moved 2001 at 1\n");
	assert_int_equal(trio_home(w, "phone"), 1);
}

/* All are there before the bridge has heard of any: whatever it says of the first ones crosses with
 * the others. In whichever order, one stays, and it is the same one. */
static void of_several_in_one_millisecond_one_stays(void **state)
{
	static const unsigned order[][TRIO_SIDES] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const char *const users[] = {"bob", "fleet"}, *const ids[] = {"phone", "veh-1"};
	struct trio *w = *state;

	for (size_t k = 0; k < 12; k++) {
		const char *user = users[k / 6], *id = ids[k / 6];
		int64_t ms = 2000 + (int64_t)k;

		for (unsigned i = 0; i < TRIO_SIDES; i++)
			trio_connects(w, i, user, id, ms);
		for (unsigned i = 0; i < TRIO_SIDES; i++) {
			struct im_up_rec r = trio_open(user, id, ms);

			trio_say(w, order[k % 6][i], &r);
		}
		assert_int_equal(trio_session(&w->sides[0], id)->end, IM_END_MOVED);
		assert_int_equal(trio_session(&w->sides[1], id)->end, IM_END_MOVED);
		assert_int_equal(trio_session(&w->sides[2], id)->end, TRIO_ALIVE);
		if (k < 6)
			assert_int_equal(trio_home(w, id), 3);
	}
}

static void of_two_at_the_same_moment_one_stays(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 1, "phone", 2000);
	trio_forget(w);
	trio_opens(w, 0, "phone", 2000);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	assert_int_equal(trio_home(w, "phone"), 2);
	/* The one that had to go, told of once more, does not turn it round: nor after it was heard
	 * of first, by a bridge that knows nothing of it. */
	trio_session(&w->sides[0], "phone")->end = TRIO_ALIVE;
	trio_unlink(w, 0);
	trio_link(w, 0);
	trio_snapshot(w, 0);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	trio_session(&w->sides[0], "phone")->end = TRIO_ALIVE;
	trio_restart(w);
	trio_link_all(w);
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, IM_END_MOVED);
	assert_int_equal(trio_session(&w->sides[1], "phone")->end, TRIO_ALIVE);
	assert_int_equal(trio_home(w, "phone"), 2);
	/* One that has gone does not keep out the next one of the same moment. */
	trio_closes(w, 0, "phone", 2000);
	trio_closes(w, 1, "phone", 2000);
	trio_forget(w);
	trio_opens(w, 0, "phone", 2000);
	assert_told(w, "bob/phone moved 2000 at 1\n");
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, TRIO_ALIVE);
	assert_int_equal(trio_home(w, "phone"), 1);
}

static void a_clock_that_was_set_back_locks_nobody_out(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 0, "phone", 1000000);
	trio_opens(w, 0, "tablet", 1000000);
	trio_closes(w, 0, "tablet", 1000000);
	trio_forget(w);
	w->now.wall_ms = 500000;
	/* The time is that of the one that is to go, or it would not. */
	trio_opens(w, 1, "phone", 500000);
	assert_told(w, "bob/phone moved 1000000 at 2\n");
	trio_opens(w, 1, "tablet", 500000);
	assert_told(w, "bob/tablet moved 500000 at 2\n");
	assert_int_equal(trio_home(w, "phone"), 2);
	assert_int_equal(trio_home(w, "tablet"), 2);
	trio_closes(w, 0, "phone", 500000);
	w->now.wall_ms = 2000000;
	trio_unlink(w, 1);
	trio_link(w, 1);
	trio_snapshot(w, 1);
	assert_told(w, "");
	/* Nor does the number of its broker keep the one that is to go. */
	trio_opens(w, 2, "desk", 2000000);
	trio_forget(w);
	w->now.wall_ms = 500000;
	trio_opens(w, 1, "desk", 500000);
	assert_told(w, "bob/desk moved 2000001 at 2\n");
	assert_int_equal(trio_session(&w->sides[2], "desk")->end, IM_END_MOVED);
}

/* By less than the newer one was on its way: it takes the newer one for the older one, once. */
static void a_clock_that_was_set_back_a_little_ends_one_connection(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 0, "phone", 900000);
	trio_speaks(w, 0, "phone", 900001);
	trio_forget(w);
	trio_opens(w, 1, "phone", 899000);
	assert_told(w, "bob/phone moved 900000 at 1\n");
	trio_closes(w, 1, "phone", 899500);
	trio_opens(w, 1, "phone", 900500);
	assert_told(w, "bob/phone moved 900500 at 2\n");
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, IM_END_MOVED);
	/* One that is away has only the time of its home. */
	trio_closes(w, 0, "phone", 900600);
	trio_closes(w, 1, "phone", 900700);
	trio_restart(w);
	w->now.wall_ms = 800000;
	trio_link_all(w);
	trio_forget(w);
	trio_opens(w, 2, "phone", 800000);
	assert_told(w, "bob/phone moved 800000 at 3\n");
	assert_int_equal(trio_home(w, "phone"), 3);
}

/* -- snapshots -- */

/* In whichever order the brokers are heard of, after the bridge was away. */
static void snapshots_in_any_order_agree(void **state)
{
	static const unsigned order[][TRIO_SIDES] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const int64_t since_ms[TRIO_SIDES] = {7000, 9000, 8000};
	struct trio *w = *state;

	for (size_t k = 0; k < 6; k++) {
		trio_restart(w);
		for (unsigned i = 0; i < TRIO_SIDES; i++) {
			w->sides[i].n = 0;
			trio_connects(w, i, "bob", "phone", since_ms[i] + (int64_t)k * 10000);
			trio_link(w, i);
		}
		for (unsigned i = 0; i < TRIO_SIDES; i++)
			trio_snapshot(w, order[k][i]);
		assert_int_equal(trio_home(w, "phone"), 2);
		assert_int_equal(trio_session(&w->sides[0], "phone")->end, IM_END_MOVED);
		assert_int_equal(trio_session(&w->sides[1], "phone")->end, TRIO_ALIVE);
		assert_int_equal(trio_session(&w->sides[2], "phone")->end, IM_END_MOVED);
	}
}

/* What was told to a broker whose link broke is told again when it shows that it has not heard. */
static void one_that_has_not_heard_is_told_again(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 0, "phone", 1000);
	trio_unlink(w, 0);
	trio_opens(w, 1, "phone", 2000);
	trio_closes(w, 1, "phone", 3000);
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, TRIO_ALIVE);
	trio_link(w, 0);
	trio_forget(w);
	trio_snapshot(w, 0);
	assert_told(w, "bob/phone moved 1000 at 2\n");
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, IM_END_MOVED);
	assert_int_equal(trio_home(w, "phone"), 2);
	/* One that has connected there anew is another matter. */
	trio_connects(w, 0, "bob", "phone", 4000);
	trio_unlink(w, 0);
	trio_link(w, 0);
	trio_snapshot(w, 0);
	assert_told(w, "bob/phone moved 4000 at 1\n");
	assert_int_equal(trio_home(w, "phone"), 1);
}

/* Whom the bridge does not know, and the directory knows to have been elsewhere since. */
static void a_snapshot_takes_no_home_from_a_later_one(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 1, "phone", 2000);
	trio_closes(w, 1, "phone", 3000);
	trio_restart(w);
	for (unsigned i = 0; i < TRIO_SIDES; i++)
		trio_link(w, i);
	trio_snapshot(w, 1);
	trio_snapshot(w, 2);
	trio_connects(w, 0, "bob", "phone", 1000);
	trio_forget(w);
	trio_snapshot(w, 0);
	trio_snapshot(w, 1);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	assert_int_equal(trio_home(w, "phone"), 2);
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, IM_END_MOVED);
	/* One that began later, of which there was no room in the spool to tell. */
	trio_connects(w, 2, "bob", "phone", 4000);
	trio_snapshot(w, 2);
	assert_told(w, "bob/phone moved 4000 at 3\n");
	assert_int_equal(trio_home(w, "phone"), 3);
}

/* What a broker that was cut off had to say comes when the bridge has been started anew. */
static void a_late_one_takes_no_home_over_a_restart(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 1, "phone", 2000);
	trio_closes(w, 1, "phone", 3000);
	/* Whose end at the other one is heard of before it has come. */
	trio_opens(w, 1, "tablet", 2000);
	trio_restart(w);
	for (unsigned i = 0; i < TRIO_SIDES; i++)
		w->sides[i].n = 0;
	trio_link_all(w);
	trio_forget(w);
	trio_opens(w, 0, "phone", 1500);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	trio_closes(w, 0, "phone", 1600);
	assert_int_equal(trio_home(w, "phone"), 2);
	trio_closes(w, 1, "tablet", 3001);
	trio_opens(w, 0, "tablet", 3000);
	assert_told(w, "bob/tablet moved 3000 at 1\n");
	assert_int_equal(trio_home(w, "tablet"), 1);
	/* Having come again at its home it has it since then. */
	trio_closes(w, 0, "tablet", 3100);
	trio_opens(w, 0, "tablet", 5000);
	trio_closes(w, 0, "tablet", 6000);
	trio_restart(w);
	trio_link_all(w);
	trio_forget(w);
	trio_opens(w, 2, "tablet", 4000);
	assert_told(w, "bob/tablet moved 5000 at 1\n");
	assert_int_equal(trio_home(w, "tablet"), 1);
}

/* Given while its broker was cut off, by a process that is no more: nothing but the directory knows
 * of it. */
static void restart_and_meet(struct trio *w)
{
	trio_restart(w);
	for (unsigned i = 0; i < TRIO_SIDES; i++)
		trio_link(w, i);
	trio_forget(w);
	for (unsigned i = 0; i < TRIO_SIDES; i++)
		trio_snapshot(w, i);
}

static void a_client_id_that_was_taken_away_ends_what_has_it(void **state)
{
	static const char *const commands[] = {
		"{\"command\":\"unbindDevice\",\"device\":\"tablet\"}",
		"{\"command\":\"unbindDevice\",\"device\":\"tv\",\"owner\":\"alice\"}"};
	static const char *const ids[] = {"tablet", "tv"};
	struct trio *w = *state;
	char told[64];

	for (size_t i = 0; i < 2; i++) {
		trio_opens(w, 1, ids[i], 1000);
		trio_opens(w, 1, "phone", 1000);
		trio_unlink(w, 1);
		trio_commands(w, 0, commands[i]);
		/* In the same life, and in the next one. */
		snprintf(told, sizeof(told), "bob/%s removed\n", ids[i]);
		trio_link(w, 1);
		trio_forget(w);
		trio_snapshot(w, 1);
		assert_told(w, told);
		restart_and_meet(w);
		assert_told(w, told);
		trio_session(&w->sides[1], ids[i])->end = IM_END_REMOVED;
		restart_and_meet(w);
		assert_told(w, "");
	}
	/* Of one that came a moment ago the record that binds it follows. */
	trio_connects(w, 1, "bob", "new", 2000);
	trio_session(&w->sides[1], "new")->pending = true;
	restart_and_meet(w);
	assert_told(w, "");
}

static void who_was_kicked_goes_however_late_its_broker_hears(void **state)
{
	static const char *const commands[] = {
		"{\"command\":\"kickUser\",\"username\":\"bob\",\"device\":\"tablet\"}",
		"{\"command\":\"kickUser\",\"username\":\"bob\"}"};
	struct trio *w = *state;

	for (size_t i = 0; i < 2; i++) {
		w->now.wall_ms = 1000000 + (int64_t)i * 1000;
		trio_opens(w, 1, "tablet", w->now.wall_ms - 500);
		trio_unlink(w, 1);
		trio_commands(w, 0, commands[i]);
		/* Where it has connected since, it has not been ended. */
		trio_opens(w, 0, "desk", w->now.wall_ms + 1);
		w->now.wall_ms += 100;
		assert_int_equal(trio_session(&w->sides[1], "tablet")->end, TRIO_ALIVE);
		restart_and_meet(w);
		assert_int_equal(trio_session(&w->sides[1], "tablet")->end, IM_END_KICKED);
		assert_int_equal(trio_session(&w->sides[0], "desk")->end, TRIO_ALIVE);
		trio_opens(w, 1, "tablet", w->now.wall_ms);
		restart_and_meet(w);
		assert_told(w, "");
		assert_int_equal(trio_session(&w->sides[1], "tablet")->end, TRIO_ALIVE);
	}
}

/* Its broker has been away for so long that nobody counts as connected there, and only hung. */
static void who_was_kicked_at_a_broker_that_is_away_goes_when_it_is_back(void **state)
{
	struct trio *w = *state;

	w->now.wall_ms = 1000000;
	trio_opens(w, 1, "tablet", 999500);
	trio_opens(w, 1, "phone", 999500);
	trio_unlink(w, 1);
	trio_pass(w, 1000);
	trio_pass(w, 31000);
	trio_commands(
		w, 0, "{\"command\":\"kickDevice\",\"username\":\"bob\",\"device\":\"tablet\"}");
	assert_non_null(memmem(w->sides[0].answers.p, w->sides[0].answers.n, "not connected", 13));
	trio_link(w, 1);
	trio_snapshot(w, 1);
	assert_int_equal(trio_session(&w->sides[1], "tablet")->end, IM_END_KICKED);
	assert_int_equal(trio_session(&w->sides[1], "phone")->end, TRIO_ALIVE);
}

static void write_to_bob(struct trio *w)
{
	const struct im_up_rec m = {.type = IM_UP_MSG_USER,
		.user = IM_STR("alice"),
		.device = IM_STR("console"),
		.target = IM_STR("bob"),
		.payload = IM_STR("hi"),
		.ts_ms = w->now.wall_ms};

	trio_forget(w);
	trio_say(w, 2, &m);
}

/* There was no room in the spool to say that it has come. */
static void where_a_snapshot_shows_a_device_its_session_is_told(void **state)
{
	struct trio *w = *state;

	trio_opens(w, 0, "phone", 1000);
	trio_speaks(w, 0, "phone", 1001);
	trio_closes(w, 0, "phone", 1002);
	write_to_bob(w);
	assert_int_equal(w->sides[0].messages, 1);
	assert_int_equal(w->sides[1].messages, 0);
	trio_connects(w, 1, "bob", "phone", 2000);
	trio_unlink(w, 1);
	trio_link(w, 1);
	trio_snapshot(w, 1);
	trio_closes(w, 1, "phone", 3000);
	write_to_bob(w);
	assert_int_equal(w->sides[0].messages, 0);
	assert_int_equal(w->sides[1].messages, 1);
}

/* -- replays -- */

/* A message leaves a mark in the log, by which a replay is known. */
static void send_with_a_message(
	struct trio *w, unsigned i, const struct im_up_rec *r, struct im_buf *kept)
{
	const struct im_up_rec m = {.type = IM_UP_MSG_USER,
		.user = IM_STR("bob"),
		.device = IM_STR("phone"),
		.target = IM_STR("alice"),
		.payload = IM_STR("hi"),
		.ts_ms = r->ts_ms};

	im_buf_init(kept, 0);
	trio_put(kept, r);
	trio_put(kept, &m);
	trio_send(w, i, 1, im_buf_view(kept), 2);
}

static void a_replay_ends_nothing_that_began_later(void **state)
{
	struct trio *w = *state;
	const struct im_up_rec sent[TRIO_SIDES] = {trio_open("bob", "phone", 1000),
		trio_open("bob", "phone", 2000), trio_open("fleet", "veh-1", 1000)};
	struct im_buf kept[TRIO_SIDES];

	for (unsigned i = 0; i < TRIO_SIDES; i++)
		send_with_a_message(w, i, &sent[i], &kept[i]);
	assert_int_equal(trio_home(w, "phone"), 2);
	trio_connects(w, 1, "bob", "phone", 2000);
	trio_restart(w);
	trio_link_all(w);
	trio_forget(w);
	/* What the older one has told is over; what the newest has may have been lost. */
	trio_send(w, 0, 1, im_buf_view(&kept[0]), 2);
	assert_told(w, "");
	trio_send(w, 1, 1, im_buf_view(&kept[1]), 2);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	trio_send(w, 2, 1, im_buf_view(&kept[2]), 2);
	assert_told(w, "fleet/veh-1 moved 1000 at 3\n");
	assert_int_equal(engine_health(w->rig.engine)->records_replayed, 6);
	assert_int_equal(trio_session(&w->sides[1], "phone")->end, TRIO_ALIVE);
	assert_int_equal(trio_home(w, "phone"), 2);
	for (unsigned i = 0; i < TRIO_SIDES; i++)
		im_buf_free(&kept[i]);
}

/* A transaction that fails is executed again, and decides the same. */
static void what_was_rolled_back_is_decided_again(void **state)
{
	struct trio *w = *state;
	struct im_up_rec thing = trio_open("fleet", "veh-1", 1000);

	trio_opens_of(w, 0, "phone", 1000, "-2");
	trio_opens_of(w, 0, "tablet", 1001, "-2");
	trio_forget(w);
	w->broken = true;
	trio_opens_of(w, 1, "phone", 2000, "-2");
	assert_told(w, "");
	assert_true(engine_stalled(w->rig.engine));
	w->broken = false;
	trio_pass(w, 1000);
	assert_told(w, "bob/phone moved 2000 at 2\n");
	w->broken = true;
	trio_opens_of(w, 2, "tv", 3000, "-2");
	assert_told(w, "");
	w->broken = false;
	trio_pass(w, 1000);
	assert_told_and(w, "bob/tv moved 3000 at 3\nbob/tablet replaced 1001 at 0\n",
		"bob event "
		"{\"event\":\"device\",\"action\":\"replace\",\"device\":\"tablet\",\"by\":\"tv\"}"
		"\n");
	/* One of a device account's. */
	w->broken = true;
	trio_say(w, 0, &thing);
	w->broken = false;
	trio_pass(w, 1000);
	assert_told(w, "fleet/veh-1 moved 1000 at 1\n");
}

/* -- contests -- */

static void take_turns(struct trio *w, int64_t from_ms, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		trio_opens(w, i % 2, "phone", from_ms + i * 1000);
		trio_speaks(w, i % 2, "phone", from_ms + i * 1000 + 500);
		trio_closes(w, !(i % 2), "phone", from_ms + i * 1000 + 600);
	}
}

static void who_is_there_stays_when_it_is_contested(void **state)
{
	struct trio *w = *state;

	w->now.wall_ms = 2000000;
	take_turns(w, 1000000, 6);
	trio_forget(w);
	trio_opens(w, 0, "phone", 1006000);
	assert_told_and(w, "bob/phone contested 1006000 at 2\n",
		"bob event {\"event\":\"device\",\"action\":\"contested\",\"device\":\"phone\"}\n");
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, IM_END_CONTESTED);
	assert_int_equal(trio_session(&w->sides[1], "phone")->end, TRIO_ALIVE);
	assert_int_equal(trio_home(w, "phone"), 2);
	/* One that has not heard of it hears it again, and is no later one. */
	trio_session(&w->sides[0], "phone")->end = TRIO_ALIVE;
	trio_unlink(w, 0);
	trio_link(w, 0);
	trio_snapshot(w, 0);
	assert_told(w, "bob/phone contested 1006000 at 2\n");
	trio_closes(w, 0, "phone", 1007000);
	/* The others are told once. */
	trio_opens(w, 0, "phone", 1020000);
	assert_told(w, "bob/phone contested 1020000 at 2\n");
	trio_closes(w, 0, "phone", 1021000);
	trio_opens(w, 2, "phone", 1035999);
	/* Just behind it: the number of its broker alone would make it the later one of two. */
	assert_told(w, "bob/phone contested 1036000 at 2\n");
	trio_closes(w, 2, "phone", 1035999);
	trio_opens(w, 2, "phone", 1036000);
	assert_told(w, "bob/phone moved 1036000 at 3\n");
	assert_int_equal(engine_health(w->rig.engine)->devices_contested, 3);
}

/* A single device that looks for a broker that answers. */
static void one_that_never_speaks_is_no_contest(void **state)
{
	struct trio *w = *state;

	for (unsigned i = 0; i < 30; i++) {
		trio_opens(w, i % 3, "phone", 1000 + i * 100);
		assert_int_equal(trio_home(w, "phone"), i % 3 + 1);
	}
	/* Nor one whose broker died. */
	take_turns(w, 5000, 6);
	trio_unlink(w, 1);
	trio_opens(w, 0, "phone", 11000);
	assert_int_equal(trio_session(&w->sides[0], "phone")->end, TRIO_ALIVE);
}

/* -- device accounts -- */

static void a_device_accounts_devices_move_as_well(void **state)
{
	struct trio *w = *state;
	struct im_up_rec r = trio_open("fleet", "veh-1", 1000);

	trio_say(w, 0, &r);
	assert_told(w, "fleet/veh-1 moved 1000 at 1\n");
	/* At the same one again: nothing can have been left elsewhere. */
	r.ts_ms = 1100;
	trio_say(w, 0, &r);
	assert_told(w, "");
	r.type = IM_UP_CLOSE;
	r.ts_ms = 1200;
	trio_say(w, 0, &r);
	r.type = IM_UP_OPEN;
	r.ts_ms = 1300;
	trio_say(w, 0, &r);
	assert_told(w, "");
	/* max_devices is for people. */
	r.target = IM_STR("1");
	r.device = IM_STR("veh-2");
	trio_say(w, 1, &r);
	assert_told(w, "fleet/veh-2 moved 1300 at 2\n");
	r.device = IM_STR("veh-1");
	r.ts_ms = 2000;
	trio_say(w, 2, &r);
	assert_told(w, "fleet/veh-1 moved 2000 at 3\n");
	r.type = IM_UP_CLOSE;
	trio_say(w, 2, &r);
	r.type = IM_UP_OPEN;
	r.ts_ms = 3000;
	trio_say(w, 1, &r);
	assert_told(w, "fleet/veh-1 moved 3000 at 2\n");
	/* One of its own client ids. */
	r = trio_open("fleet", "own", 1000);
	trio_say(w, 1, &r);
	assert_int_equal(trio_home(w, "own"), 2);
	/* Where it is now, and was before, the directory knows of those by a pattern as well. */
	assert_int_equal(trio_home(w, "veh-1"), 2);
	trio_restart(w);
	for (unsigned i = 0; i < TRIO_SIDES; i++)
		trio_link(w, i);
	for (unsigned i = 0; i < TRIO_SIDES; i++)
		trio_snapshot(w, i);
	r = trio_open("fleet", "veh-1", 2500);
	trio_forget(w);
	trio_say(w, 0, &r);
	assert_told(w, "fleet/veh-1 moved 3000 at 2\n");
	assert_int_equal(trio_home(w, "veh-1"), 2);
}

/* It alone hears of it. */
static void a_contest_of_a_thing_is_told_to_it(void **state)
{
	struct trio *w = *state;
	struct im_up_rec r = trio_open("fleet", "veh-1", 0), s = r;

	s.type = IM_UP_KEEP;
	for (int i = 0; i < 7; i++) {
		trio_forget(w);
		r.ts_ms = s.ts_ms = 1000 + i;
		trio_say(w, i % 2, &r);
		trio_say(w, i % 2, &s);
	}
	assert_told_and(w, "fleet/veh-1 contested 1006 at 2\n",
		"fleet veh-1/event "
		"{\"event\":\"device\",\"action\":\"contested\",\"device\":\"veh-1\"}\n");
}

/* Ids that brokers make up are written nowhere, so nobody's broker knows that another one's client
 * has it. */
static void one_persons_id_moves_nobody_elses_connection(void **state)
{
	static const char made_up[] = "auto-01234567-89AB-CDEF-0123-456789ABCDEF";
	struct trio *w = *state;
	struct im_up_rec victim = trio_open("alice", made_up, 1000);

	trio_connects(w, 0, "alice", made_up, 1000);
	trio_say(w, 0, &victim);
	trio_say(w, 0,
		&(struct im_up_rec){.type = IM_UP_ACK,
			.user = victim.user,
			.device = victim.device,
			.ts_ms = 1001});
	for (int i = 0; i < 7; i++) {
		trio_opens(w, 1, made_up, 2000 + i);
		trio_closes(w, 1, made_up, 2000 + i);
	}
	trio_opens(w, 1, made_up, 3000);
	assert_told(w, "");
	trio_unlink(w, 0);
	trio_link(w, 0);
	trio_snapshot(w, 0);
	assert_told(w, "");
	assert_int_equal(trio_session(&w->sides[0], made_up)->end, TRIO_ALIVE);
	assert_int_equal(trio_session(&w->sides[1], made_up)->end, TRIO_ALIVE);
}

static void keeps(struct trio *w, unsigned i, const char *user, const char *device, int64_t ts_ms)
{
	struct im_up_rec r = trio_open(user, device, ts_ms);

	r.type = IM_UP_KEEP;
	trio_say(w, i, &r);
}

static uint64_t owner(struct trio *w, const char *device)
{
	struct directory_device dev;

	return directory_device_get(w->rig.dir, im_str(device), &dev) ? 0 : dev.user;
}

/* Where one wants to keep a session, the client id is written: it is whose it has been. */
static void a_made_up_id_belongs_to_who_had_it_first(void **state)
{
	static const char taken[] = "auto-01234567-89AB-CDEF-0123-456789ABCDEF",
			  kept[] = "auto-11111111-89AB-CDEF-0123-456789ABCDEF",
			  late[] = "auto-22222222-89AB-CDEF-0123-456789ABCDEF";
	struct trio *w = *state;
	struct im_up_rec victim = trio_open("alice", taken, 1000);

	trio_say(w, 0, &victim);
	trio_opens(w, 1, taken, 2000);
	keeps(w, 1, "bob", taken, 2001);
	assert_told(w, "bob/auto-01234567-89AB-CDEF-0123-456789ABCDEF removed\n");
	assert_int_equal(owner(w, taken), 0);
	keeps(w, 0, "alice", taken, 2002);
	assert_told(w, "");
	assert_int_equal(owner(w, taken), ALICE);
	/* The one who had it later goes when the first one binds it, wherever. */
	victim = trio_open("alice", kept, 1000);
	trio_opens(w, 1, kept, 2000);
	trio_opens(w, 2, kept, 2100);
	trio_say(w, 0, &victim);
	trio_forget(w);
	keeps(w, 0, "alice", kept, 2200);
	assert_told(w, "bob/auto-11111111-89AB-CDEF-0123-456789ABCDEF removed\n");
	assert_int_equal(owner(w, kept), ALICE);
	/* One who is heard of behind that goes as well; in a snapshot or not. */
	victim = trio_open("alice", late, 1000);
	trio_say(w, 0, &victim);
	keeps(w, 0, "alice", late, 1001);
	trio_opens(w, 1, late, 500);
	assert_told(w, "bob/auto-22222222-89AB-CDEF-0123-456789ABCDEF removed\n");
	trio_unlink(w, 2);
	trio_link(w, 2);
	trio_connects(w, 2, "bob", late, 600);
	trio_session(&w->sides[2], kept)->end = IM_END_REMOVED;
	trio_snapshot(w, 2);
	assert_told(w, "bob/auto-22222222-89AB-CDEF-0123-456789ABCDEF removed\n");
	keeps(w, 2, "bob", late, 3000);
	assert_told(w, "bob/auto-22222222-89AB-CDEF-0123-456789ABCDEF removed\n");
	assert_int_equal(owner(w, late), ALICE);
}

/* Of whoever has gone for good nothing stands in anybody's way until the broker says so. */
static void a_deleted_users_connections_do_not_count(void **state)
{
	static const char *const users[] = {"bob", "fleet"};
	static const char *const ids[] = {"auto-01234567-89AB-CDEF-0123-456789ABCDEF",
		"auto-11111111-89AB-CDEF-0123-456789ABCDEF"};
	struct trio *w = *state;
	char command[128], told[64];

	for (size_t i = 0; i < 2; i++) {
		struct im_up_rec first = trio_open(users[i], ids[i], 1000),
				 next = trio_open("alice", ids[i], 2000);

		trio_say(w, 0, &first);
		trio_say(w, 1, &next);
		keeps(w, 1, "alice", ids[i], 2001);
		assert_int_equal(owner(w, ids[i]), 0);
		trio_forget(w);
		snprintf(command, sizeof(command),
			"{\"command\":\"deleteUser\",\"username\":\"%s\"}", users[i]);
		snprintf(told, sizeof(told), "%s deleted\n", users[i]);
		trio_commands(w, 2, command);
		assert_told(w, told);
		next.ts_ms = 3000;
		trio_say(w, 1, &next);
		keeps(w, 1, "alice", ids[i], 3001);
		assert_told(w, "");
		assert_int_equal(owner(w, ids[i]), ALICE);
	}
}

/* -- who is where -- */

static void assert_listed(struct trio *w, const char *params, const char *want, int line)
{
	char text[256];
	struct im_str got;

	trio_forget(w);
	snprintf(text, sizeof(text), "{\"command\":\"listConnections\",%s}", params);
	trio_commands(w, 1, text);
	got = im_buf_view(&w->sides[1].answers);
	if (!memmem(got.p, got.n, want, strlen(want)))
		fail_msg("line %d: want %s in %.*s", line, want, IM_ARGS(got));
}
#define assert_listed(w, params, want) assert_listed(w, params, want, __LINE__)

#define AT(device, ms, at) "{\"device\":\"" device "\",\"since_ms\":" ms ",\"broker\":" at "}"

static void who_is_connected_is_listed_with_the_broker(void **state)
{
	struct trio *w = *state;
	struct im_up_rec r = trio_open("fleet", "veh-1", 1000);

	assert_listed(w, "\"username\":\"bob\"", "\"data\":{\"connections\":[]}");
	trio_opens(w, 0, "tv", 1000);
	trio_opens(w, 1, "phone", 2000);
	trio_opens(w, 2, "desk", 3000);
	assert_listed(w, "\"username\":\"bob\"",
		"{\"connections\":[" AT("desk", "3000", "3") "," AT("phone", "2000", "2") "," AT(
			"tv", "1000", "1") "]}");
	/* Once, where it is by now. */
	trio_opens(w, 2, "tv", 4000);
	assert_listed(w, "\"username\":\"bob\",\"after\":\"phone\"",
		"{\"connections\":[" AT("tv", "4000", "3") "]}");
	/* Page by page, whatever their order at the brokers. */
	assert_listed(w, "\"username\":\"bob\",\"limit\":2",
		"{\"connections\":[" AT("desk", "3000", "3") "," AT(
			"phone", "2000", "2") "],"
					      "\"more\":true,\"next\":\"phone\"}");
	trio_closes(w, 1, "phone", 5000);
	assert_listed(w, "\"username\":\"bob\",\"limit\":2",
		"{\"connections\":[" AT("desk", "3000", "3") "," AT("tv", "4000", "3") "]}");
	trio_say(w, 0, &r);
	r = trio_open("fleet", "veh-2", 1100);
	trio_say(w, 1, &r);
	assert_listed(w, "\"username\":\"fleet\"",
		"{\"connections\":[" AT("veh-1", "1000", "1") "," AT("veh-2", "1100", "2") "]}");
	/* Those of a broker that shows others are gone; who was told to go is as good as gone. */
	trio_unlink(w, 2);
	trio_link(w, 2);
	trio_session(&w->sides[2], "desk")->end = IM_END_KICKED;
	trio_snapshot(w, 2);
	trio_commands(
		w, 0, "{\"command\":\"kickUser\",\"username\":\"fleet\",\"device\":\"veh-1\"}");
	assert_listed(w, "\"username\":\"bob\"", "{\"connections\":[" AT("tv", "4000", "3") "]}");
	assert_listed(
		w, "\"username\":\"fleet\"", "{\"connections\":[" AT("veh-2", "1100", "2") "]}");
	assert_listed(w, "\"username\":\"nobody\"", "\"code\":-32001");
	assert_listed(w, "\"username\":\"bob\",\"limit\":1001", "\"code\":-32602");
}

/* -- one broker -- */

static void with_one_broker_nothing_of_it_happens(void **state)
{
	struct trio *w = *state;

	trio_opens_of(w, 0, "phone", 2000, "1");
	trio_opens_of(w, 0, "tablet", 1000, "1");
	trio_opens_of(w, 0, "phone", 1000, "-1");
	trio_unlink(w, 0);
	trio_link(w, 0);
	trio_snapshot(w, 0);
	assert_told(w, "");
	assert_int_equal(trio_home(w, "phone"), 0);
	assert_int_equal(engine_health(w->rig.engine)->devices_moved, 0);
	/* Its plugin knows who is connected, and answers. */
	trio_commands(w, 0, "{\"command\":\"listConnections\",\"username\":\"bob\"}");
	assert_non_null(memmem(w->sides[0].answers.p, w->sides[0].answers.n,
		"the broker's plugin answers this", 32));
}

#define T(name) cmocka_unit_test_setup_teardown(name, trio_start, trio_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_connection_that_began_later_stays),
		T(the_end_of_the_older_one_takes_nothing_along),
		T(one_that_is_heard_of_late_goes),
		T(of_several_in_one_millisecond_one_stays),
		T(of_two_at_the_same_moment_one_stays),
		T(a_clock_that_was_set_back_locks_nobody_out),
		T(a_clock_that_was_set_back_a_little_ends_one_connection),
		T(snapshots_in_any_order_agree),
		T(one_that_has_not_heard_is_told_again),
		T(a_snapshot_takes_no_home_from_a_later_one),
		T(a_late_one_takes_no_home_over_a_restart),
		T(a_client_id_that_was_taken_away_ends_what_has_it),
		T(who_was_kicked_goes_however_late_its_broker_hears),
		T(who_was_kicked_at_a_broker_that_is_away_goes_when_it_is_back),
		T(where_a_snapshot_shows_a_device_its_session_is_told),
		T(a_replay_ends_nothing_that_began_later),
		T(what_was_rolled_back_is_decided_again),
		T(who_is_there_stays_when_it_is_contested),
		T(one_that_never_speaks_is_no_contest),
		T(a_device_accounts_devices_move_as_well),
		T(a_contest_of_a_thing_is_told_to_it),
		T(one_persons_id_moves_nobody_elses_connection),
		T(a_made_up_id_belongs_to_who_had_it_first),
		T(a_deleted_users_connections_do_not_count),
		T(who_is_connected_is_listed_with_the_broker),
		cmocka_unit_test_setup_teardown(
			with_one_broker_nothing_of_it_happens, trio_start_one, trio_stop),
	};

	return cmocka_run_group_tests_name("bridge moves", tests, NULL, NULL);
}
