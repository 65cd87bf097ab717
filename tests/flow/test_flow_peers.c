/* SPDX-License-Identifier: BSD-3-Clause */
/* Two plugins under one bridge: what users of different brokers see of one another, what is left
 * when either of them dies, and whom one that is stopped or full holds up. */
#include "tests/flow/flow_log.h"
#include "tests/flow/flow_pair.h"

#include <stdio.h>

#include "bridge/directory/directory_sql.h"

/* What waits for one plugin at most, in the tests that fill it. */
#define BACKLOG (256 * 1024)

static unsigned stored(struct flow_pair *c, const char *body)
{
	struct flow_stored *log = flow_log_read(c->f);
	unsigned n = 0;

	flow_log_check_dense(log);
	for (const struct flow_stored *s = log; s; s = s->next)
		n += strcmp(s->body, body) == 0;
	flow_log_free(log);
	return n;
}

static void users_of_two_plugins_write_to_one_another(void **state)
{
	struct flow_pair *c = *state;

	assert_true(flow_send(c->alice, "u/bob", "m1", "over there"));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "\"body\":\"over there\"");
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_true(flow_send(c->bob, "u/alice", "m2", "and back"));
	assert_true(flow_send(c->bob, "u/carol", "m3", "to another"));
	flow_settle(c->f);
	assert_has(c->alice, "u/bob", 2, "\"body\":\"and back\"");
	assert_has(c->carol, "u/bob", 1, "to another");
	assert_true(flow_sent(c->bob, "m2")->acked && flow_sent(c->bob, "m3")->acked);
	assert_false(flow_waiting(c->alice) || flow_waiting(c->bob));
}

/* In a burst from both, every device sees one order and no hole. */
static void a_conversation_stays_in_order_from_both_sides(void **state)
{
	struct flow_pair *c = *state;
	struct flow_device *tablet = flow_device(c->f, "alice", "alice-tablet");
	char body[32];

	tablet->at = c->two;
	assert_true(flow_connect(tablet));
	flow_settle(c->f);
	for (int i = 0; i < 100; i++) {
		snprintf(body, sizeof(body), "n-%d", i);
		assert_true(flow_send(
			i % 3 ? c->alice : c->bob, i % 3 ? "u/bob" : "u/alice", NULL, body));
		if (i % 2)
			flow_step(c->f);
	}
	flow_settle(c->f);
	for (uint64_t seq = 1; seq <= 100; seq++) {
		assert_non_null(flow_has(c->bob, "u/alice", seq));
		assert_string_equal(
			flow_has(c->alice, "u/bob", seq), flow_has(tablet, "u/bob", seq));
	}
	assert_int_equal(flow_conv(tablet, "u/bob")->n, 100);
	assert_int_equal(c->bob->hellos + c->alice->hellos, 2);
}

static void a_group_lives_at_both(void **state)
{
	struct flow_pair *c = *state;

	assert_non_null(strstr(flow_rpc(c->alice, "group.create",
				       "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}"),
		"\"result\""));
	assert_true(flow_send(c->bob, "g/team", "m1", "hi team"));
	assert_true(flow_send(c->carol, "g/team", "m2", "hi bob"));
	flow_settle(c->f);
	for (uint64_t seq = 1; seq <= 3; seq++) {
		assert_non_null(flow_has(c->alice, "g/team", seq));
		assert_string_equal(
			flow_has(c->alice, "g/team", seq), flow_has(c->bob, "g/team", seq));
		assert_string_equal(
			flow_has(c->alice, "g/team", seq), flow_has(c->carol, "g/team", seq));
	}
	/* What bob's plugin knew of him is forgotten there as well. */
	assert_non_null(
		strstr(flow_rpc(c->alice, "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"]}"),
			"\"result\""));
	assert_false(flow_send(c->bob, "g/team", NULL, "still here"));
	flow_settle(c->f);
	assert_int_equal(stored(c, "still here"), 0);
}

static void an_answer_goes_where_the_request_came_from(void **state)
{
	struct flow_pair *c = *state;
	struct flow_device *tablet = flow_device(c->f, "bob", "bob-tablet");

	/* The same user at the other broker: nothing of the answer is heard there. */
	assert_true(flow_connect(tablet));
	flow_settle(c->f);
	flow_forget_told(c->one);
	assert_non_null(strstr(flow_rpc(c->bob, "user.get", "{}"), "\"result\""));
	assert_non_null(
		strstr(flow_rpc(c->bob, "user.update", "{\"nick\":\"Bobby\"}"), "\"result\""));
	assert_int_equal(c->one->answers, 0);
	assert_non_null(strstr(flow_rpc(tablet, "conv.list", "{}"), "\"result\""));
	assert_int_equal(c->one->answers, 1);
}

static void presence_is_seen_at_both(void **state)
{
	struct flow_pair *c = *state;

	assert_true(flow_pair_shows(c->one, "bob", "online") &&
		    flow_pair_shows(c->two, "bob", "online"));
	assert_true(flow_pair_shows(c->one, "alice", "online") &&
		    flow_pair_shows(c->two, "alice", "online"));
	flow_disconnect(c->bob, true);
	flow_settle(c->f);
	assert_true(flow_pair_shows(c->one, "bob", "offline") &&
		    flow_pair_shows(c->two, "bob", "offline"));
	assert_true(flow_connect(c->bob));
	flow_settle(c->f);
	/* A snapshot speaks for its own plugin. */
	flow_break_link(c->one);
	flow_settle(c->f);
	assert_true(flow_pair_shows(c->one, "bob", "online") &&
		    flow_pair_shows(c->two, "alice", "online"));
	/* A user is there as long as one of his devices is, wherever. */
	c->carol->at = c->one;
	flow_disconnect(c->carol, false);
	c->carol->at = c->two;
	assert_true(flow_connect(c->carol));
	flow_settle(c->f);
	flow_kill_broker(c->one);
	flow_start_broker(c->one);
	flow_pass(c->f, 1000);
	assert_true(flow_pair_shows(c->one, "alice", "offline") &&
		    flow_pair_shows(c->two, "alice", "offline"));
	/* What the restarted broker has lost it is told again. */
	assert_true(flow_pair_shows(c->two, "carol", "online") &&
		    flow_pair_shows(c->one, "carol", "online"));
	flow_cut_link(c->one);
	flow_disconnect(c->carol, false);
	flow_settle(c->f);
	assert_true(flow_pair_shows(c->two, "carol", "offline") &&
		    flow_pair_shows(c->one, "carol", "online"));
	flow_mend_link(c->one);
	flow_pass(c->f, 1000);
	assert_true(flow_pair_shows(c->one, "carol", "offline") &&
		    flow_pair_shows(c->one, "bob", "online"));
}

/* Whatever of it was under way when the link broke. */
static void presence_that_was_lost_on_its_way_is_told_again(void **state)
{
	struct flow_pair *c = *state;

	for (int i = 0; i < 2; i++) {
		c->one->lose_down = 1000;
		if (i)
			assert_true(flow_connect(c->carol));
		else
			flow_disconnect(c->carol, true);
		flow_settle(c->f);
		assert_false(flow_pair_shows(c->one, "carol", i ? "online" : "offline"));
		c->one->lose_down = 0;
		flow_break_link(c->one);
		flow_pass(c->f, 1000);
		for (int k = 0; k < 2; k++)
			assert_true(flow_pair_shows(
				&c->n->brokers[k], "carol", i ? "online" : "offline"));
		assert_true(flow_pair_shows(c->one, "alice", "online") &&
			    flow_pair_shows(c->two, "bob", "online"));
	}
}

/* Nobody is told to be offline whose plugin has not been heard. */
static void a_restarted_bridge_waits_for_every_snapshot(void **state)
{
	struct flow_pair *c = *state;

	flow_disconnect(c->carol, false);
	flow_settle(c->f);
	c->two->stopped = true;
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
	flow_settle(c->f);
	flow_pass(c->f, 29000);
	assert_true(flow_pair_shows(c->one, "bob", "online") &&
		    flow_pair_shows(c->one, "alice", "online"));
	flow_pass(c->f, 2000);
	flow_pass(c->f, 1000);
	assert_true(flow_pair_shows(c->one, "bob", "offline") &&
		    flow_pair_shows(c->one, "alice", "online"));
	c->two->stopped = false;
	flow_pass(c->f, 1000);
	assert_true(flow_pair_shows(c->one, "bob", "online") &&
		    flow_pair_shows(c->two, "bob", "online"));
}

static void a_replay_tells_nobody_to_be_offline_too_soon(void **state)
{
	struct flow_pair *c = *state;
	struct flow_device *tablet = flow_device(c->f, "bob", "bob-tablet");

	assert_true(flow_connect(tablet));
	flow_settle(c->f);
	/* It travels with a message, which leaves a mark in the log, behind another one. */
	assert_true(flow_send(c->alice, "u/carol", NULL, "ahead"));
	flow_disconnect(tablet, true);
	assert_true(flow_send(c->alice, "u/carol", NULL, "marked"));
	flow_step(c->f);
	c->one->lose_down = 1000;
	flow_settle(c->f);
	assert_int_equal(stored(c, "marked"), 1);
	c->one->lose_down = 0;
	c->two->stopped = true;
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
	flow_pass(c->f, 1000);
	assert_true(engine_health(c->n->rig.engine)->records_replayed > 0);
	assert_true(flow_pair_shows(c->one, "bob", "online"));
	c->two->stopped = false;
	flow_pass(c->f, 6000);
	assert_true(flow_pair_shows(c->one, "bob", "online") &&
		    flow_pair_shows(c->two, "bob", "online"));
}

static uint64_t rows(struct flow_pair *c, const char *sql)
{
	sqlite3_stmt *st;
	uint64_t n;

	assert_int_equal(sqlite3_prepare_v2(c->n->rig.dir->q.db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Each has sent more than has been returned to it when something dies. */
static void both_send(struct flow_pair *c, int round)
{
	char body[32];

	for (int i = 0; i < 5; i++) {
		snprintf(body, sizeof(body), "a-%d-%d", round, i);
		assert_true(flow_send(c->alice, "u/bob", NULL, body));
		snprintf(body, sizeof(body), "b-%d-%d", round, i);
		assert_true(flow_send(c->bob, "u/carol", NULL, body));
	}
	flow_ask(c->alice, "user.update", "{\"nick\":\"Alice\"}");
	flow_ask(c->bob, "user.update", "{\"nick\":\"Bob\"}");
	/* Everything is committed, and the plugins are not told. */
	c->one->lose_down = c->two->lose_down = 1000;
	flow_settle(c->f);
	c->one->lose_down = c->two->lose_down = 0;
}

static void assert_once(struct flow_pair *c, int rounds)
{
	char body[32];

	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < 5; i++) {
			snprintf(body, sizeof(body), "a-%d-%d", round, i);
			assert_int_equal(stored(c, body), 1);
			snprintf(body, sizeof(body), "b-%d-%d", round, i);
			assert_int_equal(stored(c, body), 1);
		}
	}
	assert_int_equal(flow_conv(c->bob, "u/alice")->n, 5 * rounds);
	assert_int_equal(flow_conv(c->carol, "u/bob")->n, 5 * rounds);
}

static void each_plugins_replay_is_stored_once(void **state)
{
	struct flow_pair *c = *state;

	for (int round = 0; round < 4; round++) {
		both_send(c, round);
		if (round == 0 || round == 3) {
			flow_kill_bridge(c->n);
			flow_start_bridge(c->n);
		}
		if (round == 1 || round == 3)
			flow_kill_broker(c->one);
		if (round == 2 || round == 3)
			flow_kill_broker(c->two);
		for (int i = 0; i < 2; i++)
			if (!c->n->brokers[i].is_up)
				flow_start_broker(&c->n->brokers[i]);
		flow_pass(c->f, 1000);
		for (size_t i = 0; i < c->f->n_devices; i++) {
			flow_disconnect(c->f->devices[i], false);
			assert_true(flow_connect(c->f->devices[i]));
		}
		for (int i = 0; i < 4; i++)
			flow_pass(c->f, 4000);
		assert_once(c, round + 1);
	}
	assert_int_equal(rows(c, "SELECT count(*) FROM meta WHERE key LIKE 'link_recno%'"), 2);
}

/* The directory's part of what one replays is there, although the other has committed since. */
static void a_replay_takes_back_nothing_of_the_other(void **state)
{
	struct flow_pair *c = *state;
	struct flow_device *tablet = flow_device(c->f, "alice", "alice-tablet");

	tablet->at = c->two;
	assert_true(flow_connect(tablet));
	flow_settle(c->f);
	/* The request travels with a message, which leaves a mark in the log, behind another one.
	 */
	assert_true(flow_send(c->alice, "u/carol", NULL, "ahead"));
	flow_ask(c->alice, "user.update", "{\"nick\":\"earlier\"}");
	assert_true(flow_send(c->alice, "u/carol", NULL, "marked"));
	flow_step(c->f);
	assert_int_equal(stored(c, "ahead") + stored(c, "marked"), 1);
	c->one->lose_down = 1000;
	flow_settle(c->f);
	assert_int_equal(stored(c, "marked"), 1);
	assert_non_null(
		strstr(flow_rpc(tablet, "user.update", "{\"nick\":\"later\"}"), "\"result\""));
	c->one->lose_down = 0;
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
	flow_pass(c->f, 1000);
	assert_true(engine_health(c->n->rig.engine)->records_replayed > 0);
	assert_non_null(strstr(flow_rpc(tablet, "user.get", "{}"), "later"));
}

static void one_that_is_stopped_holds_up_its_own_alone(void **state)
{
	struct flow_pair *c = *state;
	struct health_gauges g;
	char body[64];

	c->n->rig.set.backlog_bytes = BACKLOG;
	engine_set(c->n->rig.engine, &c->n->rig.set);
	assert_non_null(strstr(flow_rpc(c->alice, "group.create",
				       "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}"),
		"\"result\""));
	/* Its clients have asked for more than its link takes. */
	for (int i = 0; i < 100; i++)
		flow_ask(c->bob, "conv.list", "{}");
	c->two->stopped = true;
	for (int i = 0; i < 1000; i++) {
		snprintf(body, sizeof(body), "to bob %d and some more of it", i);
		assert_true(flow_send(c->alice, i % 2 ? "u/bob" : "g/team", NULL, body));
		assert_true(flow_send(c->alice, "u/carol", NULL, "hi"));
		flow_settle(c->f);
	}
	assert_int_equal(flow_conv(c->carol, "u/alice")->n, 1000);
	assert_int_equal(flow_conv(c->carol, "g/team")->n, 501);
	assert_non_null(strstr(flow_rpc(c->carol, "conv.list", "{}"), "\"result\""));
	engine_gauges(c->n->rig.engine, &g);
	assert_in_range(g.queued_bytes, BACKLOG / 2, BACKLOG);
	assert_in_range(c->two->down.bytes, 1, 256 * 1024);
	/* It goes on: what was dropped is made up for. */
	c->two->stopped = false;
	for (int i = 0; i < 20; i++)
		flow_pass(c->f, 4000);
	assert_int_equal(flow_conv(c->bob, "u/alice")->n, 500);
	assert_int_equal(flow_conv(c->bob, "g/team")->n, 501);
	assert_has(c->bob, "u/alice", 500, "to bob 999");
	assert_false(flow_waiting(c->bob));
}

static void one_without_a_link_is_full_and_alone(void **state)
{
	struct flow_pair *c = *state;
	unsigned accepted = 0;
	char body[64];

	flow_cut_link(c->two);
	for (int i = 0; i < 100000; i++) {
		snprintf(body, sizeof(body), "waits-%d", i);
		if (!c->bob->c || !flow_send(c->bob, "u/carol", NULL, body))
			break;
		accepted++;
	}
	assert_in_range(accepted, 1000, 99999);
	assert_true(flow_send(c->alice, "u/carol", "m1", "not held up"));
	assert_true(flow_send(c->alice, "u/bob", "m2", "later"));
	flow_settle(c->f);
	assert_has(c->carol, "u/alice", 1, "not held up");
	assert_true(flow_sent(c->alice, "m2")->acked);
	flow_mend_link(c->two);
	flow_pass(c->f, 1000);
	if (!c->bob->c)
		assert_true(flow_connect(c->bob));
	for (int i = 0; i < 3; i++)
		flow_pass(c->f, 4000);
	/* Not one more or less than its client was promised. */
	assert_int_equal(flow_conv(c->carol, "u/bob")->n, accepted);
	assert_has(c->bob, "u/alice", 1, "later");
}

static void a_stalled_commit_waits_and_both_come_again(void **state)
{
	struct flow_pair *c = *state;

	c->n->broken = true;
	assert_true(flow_send(c->alice, "u/bob", "m1", "from one"));
	assert_true(flow_send(c->bob, "u/alice", "m2", "from two"));
	flow_settle(c->f);
	assert_true(engine_stalled(c->n->rig.engine));
	assert_false(flow_sent(c->alice, "m1")->acked || flow_sent(c->bob, "m2")->acked);
	c->n->broken = false;
	for (int i = 0; i < 3; i++)
		flow_pass(c->f, 1000);
	assert_true(flow_sent(c->alice, "m1")->acked && flow_sent(c->bob, "m2")->acked);
	assert_int_equal(stored(c, "from one"), 1);
	assert_int_equal(stored(c, "from two"), 1);
}

/* So much waits for the other one that it is dropped, with who has gone meanwhile. */
static void presence_that_was_dropped_is_told_again(void **state)
{
	struct flow_pair *c = *state;
	char body[64];

	c->n->rig.set.backlog_bytes = 16 * 1024;
	engine_set(c->n->rig.engine, &c->n->rig.set);
	assert_true(flow_pair_shows(c->two, "carol", "online"));
	c->two->stopped = true;
	for (int i = 0; i < 20; i++) {
		assert_true(flow_send(c->alice, "u/bob", NULL, "before"));
		flow_settle(c->f);
	}
	flow_disconnect(c->carol, true);
	flow_settle(c->f);
	for (int i = 0; i < 200; i++) {
		snprintf(body, sizeof(body), "to bob %d and some more of it", i);
		assert_true(flow_send(c->alice, "u/bob", NULL, body));
		flow_settle(c->f);
		flow_pass(c->f, 100);
	}
	assert_true(engine_health(c->n->rig.engine)->deliveries_dropped > 0);
	assert_true(flow_pair_shows(c->one, "carol", "offline"));
	assert_true(flow_pair_shows(c->two, "carol", "online"));
	c->two->stopped = false;
	for (int i = 0; i < 20; i++)
		flow_pass(c->f, 4000);
	assert_true(flow_pair_shows(c->one, "carol", "offline"));
	assert_true(flow_pair_shows(c->two, "carol", "offline"));
}

#define T(name) FLOW_TEST(name, flow_pair_start, flow_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(users_of_two_plugins_write_to_one_another),
		T(a_conversation_stays_in_order_from_both_sides),
		T(a_group_lives_at_both),
		T(an_answer_goes_where_the_request_came_from),
		T(presence_is_seen_at_both),
		T(presence_that_was_lost_on_its_way_is_told_again),
		T(presence_that_was_dropped_is_told_again),
		T(a_restarted_bridge_waits_for_every_snapshot),
		T(a_replay_tells_nobody_to_be_offline_too_soon),
		T(each_plugins_replay_is_stored_once),
		T(a_replay_takes_back_nothing_of_the_other),
		T(one_that_is_stopped_holds_up_its_own_alone),
		T(one_without_a_link_is_full_and_alone),
		T(a_stalled_commit_waits_and_both_come_again),
	};

	return cmocka_run_group_tests_name("flow peers", tests, NULL, NULL);
}
