/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bridge with a log that others append to as well: what is seen, and by whom, while an answer is
 * late, when others were first, and when nobody knows.
 */
#include "tests/flow/flow.h"
#include "tests/flow/flow_append.h"
#include "tests/flow/flow_device.h"
#include "tests/flow/flow_log.h"

#include <stdio.h>

static const char *const users[] = {"root", "alice", "bob", "carol", NULL};

struct cast {
	struct flow *f;
	struct flow_append a;
	struct flow_device *alice, *bob, *carol;
};

static int start(void **state)
{
	struct cast *c = calloc(1, sizeof(*c));

	c->f = flow_start(*state, users);
	flow_append_begin(&c->a, flow_node(c->f));
	c->alice = flow_device(c->f, "alice", "alice-phone");
	c->bob = flow_device(c->f, "bob", "bob-phone");
	c->carol = flow_device(c->f, "carol", "carol-phone");
	*state = c;
	if (!flow_connect(c->alice) || !flow_connect(c->bob))
		return -1;
	flow_pass(c->f, 10);
	c->a.offers = 0;
	return 0;
}

static int stop(void **state)
{
	struct cast *c = *state;

	flow_stop(c->f);
	flow_append_end(&c->a);
	free(c);
	return 0;
}

/* Committed messages. */
static unsigned stored(struct cast *c)
{
	struct flow_stored *log = flow_log_read(c->f);
	unsigned n = 0;

	for (const struct flow_stored *s = log; s; s = s->next)
		n++;
	flow_log_check_dense(log);
	flow_log_free(log);
	return n;
}

static void assert_nothing_is_visible(struct cast *c)
{
	assert_int_equal(stored(c), 0);
	assert_null(flow_has(c->bob, "u/alice", 1));
	assert_null(flow_has(c->alice, "u/bob", 1));
	assert_false(flow_sent(c->alice, "m1")->acked);
	assert_true(engine_busy(flow_node(c->f)->rig.engine));
}

static void nothing_is_visible_before_the_log_has_it(void **state)
{
	struct cast *c = *state;

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
	assert_int_equal(stored(c), 1);
	assert_false(engine_busy(flow_node(c->f)->rig.engine));
}

static void what_the_offer_says_is_where_it_stands(void **state)
{
	struct cast *c = *state;
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
	struct cast *c = *state;
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
	struct cast *c = *state;
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
		unsigned n = stored(c);

		assert_in_range(i, 0, 39);
		flow_append_answer(&c->a, SHARED_DONE);
		flow_settle(c->f);
		assert_true(stored(c) > n);
	}
	assert_int_equal(stored(c), 40);
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
	struct cast *c = *state;
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
	assert_int_equal(stored(c), 1);
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
	struct cast *c = *state;

	flow_append_message(&c->a, "bob", "alice", "x1", "from afar");
	assert_true(flow_send(c->alice, "u/bob", "m1", "second"));
	flow_settle(c->f);
	assert_int_equal(c->a.follows, 1);
	assert_int_equal(c->a.offers, 2);
	assert_int_equal(c->a.last.moved, 1);
	assert_int_equal(stored(c), 2);
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
	struct cast *c = *state;

	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "last"));
	flow_settle(c->f);
	for (unsigned i = 1; i <= 20; i++) {
		flow_append_message(&c->a, "bob", "alice", "", "from afar");
		assert_false(flow_sent(c->alice, "m1")->acked);
		flow_append_answer(&c->a, SHARED_MOVED);
		flow_settle(c->f);
		assert_int_equal(c->a.last.moved, i);
		assert_int_equal(stored(c), i);
	}
	flow_append_answer(&c->a, SHARED_DONE);
	flow_settle(c->f);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 21);
	assert_has(c->bob, "u/alice", 21, "last");
	assert_int_equal(stored(c), 21);
}

/* An offer that is refused for ever holds up the loop no more than a commit that fails. */
static void one_who_is_never_first_waits(void **state)
{
	struct cast *c = *state;

	c->a.says = SHARED_MOVED;
	assert_true(flow_send(c->alice, "u/bob", "m1", "patience"));
	flow_settle(c->f);
	assert_in_range(c->a.offers, 5, 20);
	assert_true(engine_stalled(flow_node(c->f)->rig.engine));
	assert_nothing_is_visible(c);
	c->a.says = SHARED_DONE;
	flow_pass(c->f, 6000);
	assert_has(c->bob, "u/alice", 1, "patience");
	assert_int_equal(stored(c), 1);
	assert_false(engine_stalled(flow_node(c->f)->rig.engine));
}

static void what_others_have_changed_counts(void **state)
{
	struct cast *c = *state;

	/* What alice may do is known, and not looked up again. */
	assert_true(flow_send(c->alice, "u/bob", "m0", "still friends"));
	flow_settle(c->f);
	flow_append_block(&c->a, "bob", "alice");
	assert_true(flow_send(c->alice, "u/bob", "m1", "blocked"));
	flow_settle(c->f);
	assert_true(flow_sent(c->alice, "m1")->refused);
	assert_null(flow_has(c->bob, "u/alice", 2));
	assert_int_equal(stored(c), 1);
}

/* Each entry counts for the next one. */
static void who_has_gone_elsewhere_hears_nothing_more(void **state)
{
	struct cast *c = *state;

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
	struct cast *c = *state;

	flow_append_message(&c->a, "alice", "bob", "m1", "twice");
	assert_true(flow_send(c->alice, "u/bob", "m1", "twice"));
	flow_settle(c->f);
	assert_int_equal(stored(c), 1);
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_has(c->bob, "u/alice", 1, "twice");
}

static void nobody_knows_and_nothing_is_visible(void **state)
{
	struct cast *c = *state;

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
	struct cast *c = *state;

	nobody_knows_and_nothing_is_visible(state);
	assert_true(flow_send(c->alice, "u/bob", "m2", "after"));
	c->a.knows = SHARED_DONE;
	flow_pass(c->f, 6000);
	assert_int_equal(c->a.offers, 2);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_int_equal(flow_sent(c->alice, "m2")->seq, 2);
	assert_has(c->bob, "u/alice", 2, "after");
	assert_int_equal(stored(c), 2);
	assert_false(engine_stalled(flow_node(c->f)->rig.engine));
}

static void what_was_in_doubt_was_lost(void **state)
{
	struct cast *c = *state;

	nobody_knows_and_nothing_is_visible(state);
	flow_append_message(&c->a, "bob", "alice", "x1", "from afar");
	c->a.knows = SHARED_MOVED;
	flow_pass(c->f, 6000);
	assert_int_equal(c->a.offers, 2);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 2);
	assert_has(c->bob, "u/alice", 1, "from afar");
	assert_has(c->bob, "u/alice", 2, "perhaps");
	assert_int_equal(stored(c), 2);
}

static void who_dies_meanwhile_has_lost_nothing(void **state)
{
	struct cast *c = *state;

	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "again"));
	flow_settle(c->f);
	flow_kill_bridge(flow_node(c->f));
	c->a.says = SHARED_DONE;
	flow_start_bridge(flow_node(c->f));
	flow_pass(c->f, 6000);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_has(c->bob, "u/alice", 1, "again");
	assert_int_equal(stored(c), 1);
}

/* It died before it knew. The log has it, and the copy gets it from there. */
static void what_the_log_has_of_the_dead_is_not_stored_twice(void **state)
{
	struct cast *c = *state;
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
	assert_int_equal(stored(c), 1);
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
	struct cast *c = *state;
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
	assert_int_equal(stored(c), 1);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_has(c->bob, "u/alice", 1, "there");
	assert_false(engine_busy(flow_node(c->f)->rig.engine));
}

/* The bridge starts, and the plugin's answer to HELLO is executed and not committed yet. */
static struct peer *answer_is_open(struct cast *c)
{
	flow_kill_bridge(flow_node(c->f));
	assert_true(flow_connect(c->carol));
	c->a.says = SHARED_LATER;
	flow_start_bridge(flow_node(c->f));
	flow_pass(c->f, 100);
	assert_true(c->a.open);
	assert_false(peer_ready(flow_broker(c->f)->peer));
	return flow_broker(c->f)->peer;
}

static void goes_on(struct cast *c, const struct peer *p)
{
	c->a.says = SHARED_DONE;
	flow_pass(c->f, 6000);
	assert_true(peer_ready(p));
	assert_true(flow_send(c->alice, "u/bob", "m1", "hello"));
	flow_pass(c->f, 1000);
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_has(c->bob, "u/alice", 1, "\"hello\"");
}

static void an_answer_counts_for_its_own_link(void **state)
{
	struct cast *c = *state;
	struct peer *p = answer_is_open(c);

	flow_cut_link(flow_broker(c->f));
	flow_append_answer(&c->a, SHARED_DONE);
	assert_false(peer_ready(p));
	assert_false(peer_is_linked(p));
	flow_mend_link(flow_broker(c->f));
	goes_on(c, p);
}

static void an_answer_counts_for_its_own_hello(void **state)
{
	struct cast *c = *state;
	struct peer *p = answer_is_open(c);

	/* The next one is lost on its way. */
	flow_cut_link(flow_broker(c->f));
	flow_broker(c->f)->lose_down = 1000;
	flow_mend_link(flow_broker(c->f));
	flow_pass(c->f, 100);
	flow_append_answer(&c->a, SHARED_DONE);
	assert_true(peer_is_linked(p));
	assert_false(peer_ready(p));
	/* It is said again, until it is heard. */
	flow_broker(c->f)->lose_down = 0;
	goes_on(c, p);
}

struct counted {
	uint64_t epoch;
	unsigned n;
};

static int on_mark(void *arg, const struct store_mark *m)
{
	struct counted *k = arg;

	k->n += m->epoch == k->epoch;
	return IM_OK;
}

static unsigned marks_of(struct cast *c, uint64_t epoch)
{
	struct rig *r = &flow_node(c->f)->rig;
	struct counted k = {.epoch = epoch};

	assert_int_equal(r->backend.marks(r->store, on_mark, &k), IM_OK);
	return k.n;
}

/* An entry of long ago says that it is stale, and its plugin has come with it since. */
static void the_marks_of_a_spool_that_a_plugin_has_stay(void **state)
{
	struct cast *c = *state;
	struct flow_entry *e;
	struct health_gauges g;
	uint64_t epoch;

	assert_true(flow_send(c->alice, "u/bob", "m1", "1"));
	flow_settle(c->f);
	epoch = c->a.last.own.epoch;
	assert_int_equal(marks_of(c, epoch), 1);
	e = flow_append_message(&c->a, "carol", "bob", "c1", "x");
	e->own = (struct writer_through){.epoch = 4711, .recno = 5, .forget = epoch};
	assert_true(flow_send(c->alice, "u/bob", "m2", "2"));
	flow_settle(c->f);
	assert_int_equal(c->a.follows, 1);
	assert_int_equal(marks_of(c, epoch), 2);
	engine_gauges(flow_node(c->f)->rig.engine, &g);
	assert_int_equal(g.epoch, epoch);
	assert_true(g.recno >= c->a.last.own.recno);
	assert_true(flow_send(c->alice, "u/bob", "m3", "3"));
	flow_settle(c->f);
	assert_int_equal(flow_sent(c->alice, "m3")->seq, 3);
	assert_int_equal(stored(c), 4);
}

/* A group in which everybody may write every ten minutes. */
static void make_slow_team(struct cast *c)
{
	assert_true(flow_connect(c->carol));
	assert_non_null(strstr(flow_rpc(c->alice, "group.create",
				       "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}"),
		"\"result\""));
	assert_non_null(
		strstr(flow_rpc(c->alice, "group.update", "{\"gid\":\"team\",\"slow_ms\":600000}"),
			"\"result\""));
}

static bool slowed(struct cast *c, const char *id)
{
	assert_true(flow_send(c->bob, "g/team", id, id));
	flow_settle(c->f);
	assert_true(flow_sent(c->bob, id)->acked != flow_sent(c->bob, id)->refused);
	return flow_sent(c->bob, id)->refused;
}

/* That others were first undoes what was executed here, and nothing of before. */
static void what_users_have_used_up_stays_used_up(void **state)
{
	struct cast *c = *state;
	struct rig *r = &flow_node(c->f)->rig;

	make_slow_team(c);
	/* Enough for one request to become a contact, and for no second one. */
	r->set.rate_cost = 100;
	engine_set(r->engine, &r->set);
	assert_non_null(
		strstr(flow_rpc(c->carol, "contact.request", "{\"uid\":\"alice\"}"), "\"result\""));
	assert_false(slowed(c, "s1"));
	assert_true(slowed(c, "s2"));
	flow_append_message(&c->a, "carol", "alice", "c1", "x");
	assert_true(flow_send(c->alice, "u/bob", "m1", "1"));
	flow_settle(c->f);
	assert_int_equal(c->a.follows, 1);
	assert_int_equal(c->a.last.moved, 1);
	assert_true(slowed(c, "s3"));
	assert_non_null(
		strstr(flow_rpc(c->carol, "contact.request", "{\"uid\":\"bob\"}"), "\"error\""));
	/* The time that s4 uses is used once, though it is executed twice. */
	flow_pass(c->f, 600000);
	flow_append_message(&c->a, "carol", "alice", "c2", "x");
	assert_false(slowed(c, "s4"));
	assert_int_equal(c->a.follows, 2);
	assert_true(slowed(c, "s5"));
}

/* What gave up has nothing to do with what comes after it. */
static void who_was_never_first_begins_anew(void **state)
{
	struct cast *c = *state;

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

static bool retained(const char *user, const char *state)
{
	const struct fake_message *m;
	char topic[64], word[32];

	snprintf(topic, sizeof(topic), "im/presence/%s", user);
	snprintf(word, sizeof(word), "\"state\":\"%s\"", state);
	m = fake_retained(topic);
	return m && memmem(m->payload.p, m->payload.n, word, strlen(word));
}

/* What is committed while there is no link is heard when there is one. */
static void what_nobody_could_hear_is_told_again(void **state)
{
	struct cast *c = *state;

	for (int i = 0; i < 2; i++) {
		const char *is = i ? "offline" : "online";

		c->a.says = SHARED_LATER;
		if (i)
			flow_disconnect(c->carol, true);
		else
			assert_true(flow_connect(c->carol));
		flow_settle(c->f);
		flow_cut_link(flow_broker(c->f));
		flow_append_message(&c->a, "bob", "alice", "", i ? "afar 2" : "afar 1");
		c->a.says = SHARED_DONE;
		flow_append_answer(&c->a, SHARED_MOVED);
		flow_pass(c->f, 1000);
		assert_false(retained("carol", is));
		assert_null(flow_has(c->alice, "u/bob", (uint64_t)i + 1));
		flow_mend_link(flow_broker(c->f));
		flow_pass(c->f, 6000);
		assert_true(retained("carol", is));
		assert_has(c->alice, "u/bob", (uint64_t)i + 1, i ? "afar 2" : "afar 1");
	}
}

/* The shared log has it, and it comes from there: it is neither given back nor counted twice. */
static void what_only_the_shared_log_has_is_used_up(void **state)
{
	struct cast *c = *state;
	const struct health *h = engine_health(flow_node(c->f)->rig.engine);
	struct flow_entry *e;
	uint64_t stored;

	make_slow_team(c);
	flow_settle(c->f);
	stored = h->messages_stored;
	flow_node(c->f)->broken = true;
	assert_true(flow_send(c->bob, "g/team", "s1", "s1"));
	flow_settle(c->f);
	assert_true(engine_stalled(flow_node(c->f)->rig.engine));
	e = flow_append_to_group(&c->a, "bob", "team", "s1");
	e->own = c->a.last.own;
	flow_pass(c->f, 6000);
	flow_node(c->f)->broken = false;
	flow_pass(c->f, 6000);
	assert_has(c->carol, "g/team", 3, "s1");
	assert_int_equal(h->messages_stored, stored + 1);
	assert_true(slowed(c, "s2"));
}

#define T(name) FLOW_TEST(name, start, stop)

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
		T(an_answer_counts_for_its_own_link),
		T(an_answer_counts_for_its_own_hello),
		T(the_marks_of_a_spool_that_a_plugin_has_stay),
		T(what_users_have_used_up_stays_used_up),
		T(who_was_never_first_begins_anew),
		T(what_nobody_could_hear_is_told_again),
		T(what_only_the_shared_log_has_is_used_up),
	};

	return cmocka_run_group_tests_name("flow append", tests, NULL, NULL);
}
