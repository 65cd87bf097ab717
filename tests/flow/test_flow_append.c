/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bridge with a log that others append to as well: what is seen, and by whom, while an answer is
 * late, when others were first, and when nobody knows.
 */
#include "tests/flow/flow_cast.h"

#include <stdio.h>

static void assert_nothing_is_visible(struct flow_cast *c)
{
	assert_int_equal(flow_cast_stored(c), 0);
	assert_null(flow_has(c->bob, "u/alice", 1));
	assert_null(flow_has(c->alice, "u/bob", 1));
	assert_false(flow_sent(c->alice, "m1")->acked);
	assert_true(engine_busy(flow_node(c->f)->rig.engine));
}

static void nothing_is_visible_before_the_log_has_it(void **state)
{
	struct flow_cast *c = *state;

	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "hello"));
	flow_pass(c->f, 60000);
	assert_true(c->a.open);
	assert_nothing_is_visible(c);
	assert_false(engine_stalled(flow_node(c->f)->rig.engine));
	flow_append_answer(&c->a, SHARED_DONE);
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "\"hello\"");
	assert_has(c->alice, "u/bob", 1, "\"hello\"");
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_int_equal(flow_cast_stored(c), 1);
	assert_false(engine_busy(flow_node(c->f)->rig.engine));
}

static void what_the_offer_says_is_where_it_stands(void **state)
{
	struct flow_cast *c = *state;
	uint64_t before;

	assert_true(flow_send(c->alice, "u/bob", "m1", "1"));
	flow_settle(c->f);
	before = c->a.last.through;
	assert_int_equal(c->a.last.after + 1, before);
	assert_int_equal(c->a.last.moved, 0);
	assert_true(c->a.last.own.epoch != 0 && c->a.last.own.recno != 0);
	/* Of the directory alone. */
	assert_non_null(strstr(flow_rpc(c->bob, "block.add", "{\"uid\":\"carol\"}"), "\"result\""));
	assert_int_equal(c->a.last.after, before);
	assert_true(c->a.last.own.recno != 0);
}

/* Refusals, repetitions and answers are nothing that others need to have. */
static void what_writes_nothing_is_not_offered(void **state)
{
	struct flow_cast *c = *state;
	unsigned offers;

	assert_true(flow_send(c->alice, "u/bob", "m1", "1"));
	flow_settle(c->f);
	offers = c->a.offers;
	c->a.says = SHARED_LATER;
	assert_non_null(
		strstr(flow_rpc(c->bob, "conv.history", "{\"conv\":\"u/alice\"}"), "\"messages\""));
	assert_true(flow_send(c->alice, "u/bob", "m1", "1"));
	flow_settle(c->f);
	assert_int_equal(flow_publish(c->alice, "im/s/u/bob", "{\"typing\":true}"), FAKE_ACCEPTED);
	flow_settle(c->f);
	assert_int_equal(c->bob->signals, 1);
	assert_int_equal(c->a.offers, offers);
	assert_false(engine_busy(flow_node(c->f)->rig.engine));
}

static void what_comes_meanwhile_waits_in_its_order(void **state)
{
	struct flow_cast *c = *state;
	char id[8];

	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "1"));
	flow_settle(c->f);
	for (int i = 2; i <= 40; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		assert_true(
			flow_send(i % 2 ? c->alice : c->bob, i % 2 ? "u/bob" : "u/alice", id, id));
		flow_settle(c->f);
	}
	assert_int_equal(c->a.offers, 1);
	assert_nothing_is_visible(c);
	/* One batch at a time, each behind the one before. */
	for (int i = 0; c->a.open; i++) {
		unsigned n = flow_cast_stored(c);

		assert_in_range(i, 0, 39);
		flow_append_answer(&c->a, SHARED_DONE);
		flow_settle(c->f);
		assert_true(flow_cast_stored(c) > n);
	}
	assert_int_equal(flow_cast_stored(c), 40);
	for (int i = 1; i <= 40; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		assert_int_equal(flow_sent(i % 2 ? c->alice : c->bob, id)->seq, i);
	}
	/* Nothing was lost, so nothing was asked for again. */
	assert_int_equal(engine_health(flow_node(c->f)->rig.engine)->records_replayed, 0);
}

/* Clients connect, a link breaks, the plugin answers HELLO: none of it is lost. */
static void a_link_that_breaks_meanwhile_is_made_up_for(void **state)
{
	struct flow_cast *c = *state;
	const struct fake_message *m;

	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "hello"));
	flow_settle(c->f);
	assert_true(flow_connect(c->carol));
	flow_break_link(flow_broker(c->f));
	flow_pass(c->f, 2000);
	assert_nothing_is_visible(c);
	c->a.says = SHARED_DONE;
	flow_append_answer(&c->a, SHARED_DONE);
	flow_pass(c->f, 10000);
	assert_int_equal(flow_cast_stored(c), 1);
	assert_has(c->bob, "u/alice", 1, "\"hello\"");
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	m = fake_retained("im/presence/carol");
	assert_non_null(m);
	assert_non_null(memmem(m->payload.p, m->payload.n, "\"online\"", 8));
	assert_true(flow_send(c->carol, "u/bob", "c1", "me too"));
	flow_settle(c->f);
	assert_has(c->bob, "u/carol", 1, "me too");
}

static void others_who_were_first_have_the_place(void **state)
{
	struct flow_cast *c = *state;

	flow_append_message(&c->a, "bob", "alice", "x1", "from afar");
	assert_true(flow_send(c->alice, "u/bob", "m1", "second"));
	flow_settle(c->f);
	assert_int_equal(c->a.follows, 1);
	assert_int_equal(c->a.offers, 2);
	assert_int_equal(c->a.last.moved, 1);
	assert_int_equal(flow_cast_stored(c), 2);
	for (int i = 0; i < 2; i++) {
		struct flow_device *d = i ? c->bob : c->alice;

		assert_has(d, i ? "u/alice" : "u/bob", 1, "from afar");
		assert_has(d, i ? "u/alice" : "u/bob", 2, "second");
	}
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 2);
}

/* The answer is late, too, and it was not the first time. */
static void again_and_again_until_nobody_is_first(void **state)
{
	struct flow_cast *c = *state;

	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "last"));
	flow_settle(c->f);
	for (unsigned i = 1; i <= 20; i++) {
		flow_append_message(&c->a, "bob", "alice", "", "from afar");
		assert_false(flow_sent(c->alice, "m1")->acked);
		flow_append_answer(&c->a, SHARED_MOVED);
		flow_settle(c->f);
		assert_int_equal(c->a.last.moved, i);
		assert_int_equal(flow_cast_stored(c), i);
	}
	flow_append_answer(&c->a, SHARED_DONE);
	flow_settle(c->f);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 21);
	assert_has(c->bob, "u/alice", 21, "last");
	assert_int_equal(flow_cast_stored(c), 21);
}

/* An offer that is refused for ever holds up the loop no more than a commit that fails. */
static void one_who_is_never_first_waits(void **state)
{
	struct flow_cast *c = *state;

	c->a.says = SHARED_MOVED;
	assert_true(flow_send(c->alice, "u/bob", "m1", "patience"));
	flow_settle(c->f);
	assert_in_range(c->a.offers, 5, 20);
	assert_true(engine_stalled(flow_node(c->f)->rig.engine));
	assert_nothing_is_visible(c);
	c->a.says = SHARED_DONE;
	flow_pass(c->f, 6000);
	assert_has(c->bob, "u/alice", 1, "patience");
	assert_int_equal(flow_cast_stored(c), 1);
	assert_false(engine_stalled(flow_node(c->f)->rig.engine));
}

static void what_others_have_changed_counts(void **state)
{
	struct flow_cast *c = *state;

	/* What alice may do is known, and not looked up again. */
	assert_true(flow_send(c->alice, "u/bob", "m0", "still friends"));
	flow_settle(c->f);
	flow_append_block(&c->a, "bob", "alice");
	assert_true(flow_send(c->alice, "u/bob", "m1", "blocked"));
	flow_settle(c->f);
	assert_true(flow_sent(c->alice, "m1")->refused);
	assert_null(flow_has(c->bob, "u/alice", 2));
	assert_int_equal(flow_cast_stored(c), 1);
}

/* Each entry counts for the next one. */
static void who_has_gone_elsewhere_hears_nothing_more(void **state)
{
	struct flow_cast *c = *state;

	c->a.says = SHARED_DONE;
	assert_true(flow_connect(c->carol));
	assert_non_null(strstr(flow_rpc(c->alice, "group.create",
				       "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}"),
		"\"result\""));
	flow_append_to_group(&c->a, "alice", "team", "while carol is there");
	flow_append_gone(&c->a, "carol", "team");
	flow_append_to_group(&c->a, "alice", "team", "when she has gone");
	assert_true(flow_send(c->bob, "g/team", "m1", "and then"));
	flow_settle(c->f);
	assert_int_equal(c->a.follows, 3);
	assert_has(c->carol, "g/team", 2, "while carol is there");
	assert_null(flow_has(c->carol, "g/team", 3));
	assert_null(flow_has(c->carol, "g/team", 4));
	assert_has(c->alice, "g/team", 3, "when she has gone");
	assert_has(c->alice, "g/team", 4, "and then");
	flow_send(c->carol, "g/team", "c1", "still here?");
	flow_settle(c->f);
	assert_null(flow_has(c->alice, "g/team", 5));
}

static void an_id_that_others_have_stored_is_stored_once(void **state)
{
	struct flow_cast *c = *state;

	flow_append_message(&c->a, "alice", "bob", "m1", "twice");
	assert_true(flow_send(c->alice, "u/bob", "m1", "twice"));
	flow_settle(c->f);
	assert_int_equal(flow_cast_stored(c), 1);
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_has(c->bob, "u/alice", 1, "twice");
}

static void nobody_knows_and_nothing_is_visible(void **state)
{
	struct flow_cast *c = *state;

	c->a.says = c->a.knows = SHARED_UNKNOWN;
	assert_true(flow_send(c->alice, "u/bob", "m1", "perhaps"));
	flow_settle(c->f);
	for (int i = 0; i < 60; i++) {
		flow_pass(c->f, 1000);
		assert_true(engine_stalled(flow_node(c->f)->rig.engine));
		assert_nothing_is_visible(c);
	}
	/* Asked again and again, less and less often. */
	assert_in_range(c->a.asks, 12, 20);
	assert_int_equal(c->a.offers, 1);
	c->a.says = SHARED_DONE;
}

static void what_was_in_doubt_was_taken(void **state)
{
	struct flow_cast *c = *state;

	nobody_knows_and_nothing_is_visible(state);
	assert_true(flow_send(c->alice, "u/bob", "m2", "after"));
	c->a.knows = SHARED_DONE;
	flow_pass(c->f, 6000);
	assert_int_equal(c->a.offers, 2);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_int_equal(flow_sent(c->alice, "m2")->seq, 2);
	assert_has(c->bob, "u/alice", 2, "after");
	assert_int_equal(flow_cast_stored(c), 2);
	assert_false(engine_stalled(flow_node(c->f)->rig.engine));
}

static void what_was_in_doubt_was_lost(void **state)
{
	struct flow_cast *c = *state;

	nobody_knows_and_nothing_is_visible(state);
	flow_append_message(&c->a, "bob", "alice", "x1", "from afar");
	c->a.knows = SHARED_MOVED;
	flow_pass(c->f, 6000);
	assert_int_equal(c->a.offers, 2);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 2);
	assert_has(c->bob, "u/alice", 1, "from afar");
	assert_has(c->bob, "u/alice", 2, "perhaps");
	assert_int_equal(flow_cast_stored(c), 2);
}

static void who_dies_meanwhile_has_lost_nothing(void **state)
{
	struct flow_cast *c = *state;

	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "again"));
	flow_settle(c->f);
	flow_kill_bridge(flow_node(c->f));
	c->a.says = SHARED_DONE;
	flow_start_bridge(flow_node(c->f));
	flow_pass(c->f, 6000);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_has(c->bob, "u/alice", 1, "again");
	assert_int_equal(flow_cast_stored(c), 1);
}

/* It died before it knew. The log has it, and the copy gets it from there. */
static void what_the_log_has_of_the_dead_is_not_stored_twice(void **state)
{
	struct flow_cast *c = *state;
	struct flow_entry *e;

	c->a.says = c->a.knows = SHARED_UNKNOWN;
	assert_true(flow_send(c->alice, "u/bob", "m1", "once"));
	flow_settle(c->f);
	flow_kill_bridge(flow_node(c->f));
	assert_int_equal(c->a.last.moved, 0);
	e = flow_append_message(&c->a, "alice", "bob", "m1", "once");
	e->own = c->a.last.own;
	c->a.says = SHARED_DONE;
	flow_start_bridge(flow_node(c->f));
	flow_pass(c->f, 6000);
	assert_int_equal(flow_cast_stored(c), 1);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_has(c->bob, "u/alice", 1, "once");
	assert_has(c->alice, "u/bob", 1, "once");
	assert_true(flow_send(c->alice, "u/bob", "m2", "next"));
	flow_settle(c->f);
	assert_int_equal(flow_sent(c->alice, "m2")->seq, 2);
}

/* The log has it, and this node's disk has not. */
static void a_disk_that_fails_behind_the_log_catches_up(void **state)
{
	struct flow_cast *c = *state;
	struct flow_entry *e;

	flow_node(c->f)->broken = true;
	assert_true(flow_send(c->alice, "u/bob", "m1", "there"));
	flow_settle(c->f);
	assert_true(engine_stalled(flow_node(c->f)->rig.engine));
	assert_nothing_is_visible(c);
	e = flow_append_message(&c->a, "alice", "bob", "m1", "there");
	e->own = c->a.last.own;
	flow_pass(c->f, 6000);
	assert_nothing_is_visible(c);
	flow_node(c->f)->broken = false;
	flow_pass(c->f, 6000);
	assert_int_equal(c->a.offers, 1);
	assert_int_equal(flow_cast_stored(c), 1);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_has(c->bob, "u/alice", 1, "there");
	assert_false(engine_busy(flow_node(c->f)->rig.engine));
}

/* What gave up has nothing to do with what comes after it. */
static void who_was_never_first_begins_anew(void **state)
{
	struct flow_cast *c = *state;

	c->a.says = SHARED_MOVED;
	assert_true(flow_send(c->alice, "u/bob", "m1", "patience"));
	flow_settle(c->f);
	assert_true(c->a.last.moved > 5);
	c->a.offers = 0;
	c->a.says = SHARED_LATER;
	flow_pass(c->f, 6000);
	assert_int_equal(c->a.offers, 1);
	assert_int_equal(c->a.last.moved, 0);
	flow_append_answer(&c->a, SHARED_DONE);
	flow_settle(c->f);
	assert_true(flow_sent(c->alice, "m1")->acked);
}

#define T(name) FLOW_TEST(name, flow_cast_start, flow_cast_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_visible_before_the_log_has_it),
		T(what_the_offer_says_is_where_it_stands),
		T(what_writes_nothing_is_not_offered),
		T(what_comes_meanwhile_waits_in_its_order),
		T(a_link_that_breaks_meanwhile_is_made_up_for),
		T(others_who_were_first_have_the_place),
		T(again_and_again_until_nobody_is_first),
		T(one_who_is_never_first_waits),
		T(what_others_have_changed_counts),
		T(who_has_gone_elsewhere_hears_nothing_more),
		T(an_id_that_others_have_stored_is_stored_once),
		T(nobody_knows_and_nothing_is_visible),
		T(what_was_in_doubt_was_taken),
		T(what_was_in_doubt_was_lost),
		T(who_dies_meanwhile_has_lost_nothing),
		T(what_the_log_has_of_the_dead_is_not_stored_twice),
		T(a_disk_that_fails_behind_the_log_catches_up),
		T(who_was_never_first_begins_anew),
	};

	return cmocka_run_group_tests_name("flow append", tests, NULL, NULL);
}
