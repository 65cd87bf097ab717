/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bridge with a log that others append to as well: what it keeps beside the log (its link, what
 * of spools it has taken, what users have used up, who is there) when an answer is late, when
 * others were first, and when an entry of its own comes from the log.
 */
#include "tests/flow/flow_cast.h"

#include <stdio.h>

/* The bridge starts, and the plugin's answer to HELLO is executed and not committed yet. */
static struct peer *answer_is_open(struct flow_cast *c)
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

static void goes_on(struct flow_cast *c, const struct peer *p)
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
	struct flow_cast *c = *state;
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
	struct flow_cast *c = *state;
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

static unsigned marks_of(struct flow_cast *c, uint64_t epoch)
{
	struct rig *r = &flow_node(c->f)->rig;
	struct counted k = {.epoch = epoch};

	assert_int_equal(r->backend.marks(r->store, on_mark, &k), IM_OK);
	return k.n;
}

/* An entry of long ago says that it is stale, and its plugin has come with it since. */
static void the_marks_of_a_spool_that_a_plugin_has_stay(void **state)
{
	struct flow_cast *c = *state;
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
	assert_int_equal(flow_cast_stored(c), 4);
}

/* A group in which everybody may write every ten minutes. */
static void make_slow_team(struct flow_cast *c)
{
	assert_true(flow_connect(c->carol));
	assert_non_null(strstr(flow_rpc(c->alice, "group.create",
				       "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}"),
		"\"result\""));
	assert_non_null(
		strstr(flow_rpc(c->alice, "group.update", "{\"gid\":\"team\",\"slow_ms\":600000}"),
			"\"result\""));
}

static bool slowed(struct flow_cast *c, const char *id)
{
	assert_true(flow_send(c->bob, "g/team", id, id));
	flow_settle(c->f);
	assert_true(flow_sent(c->bob, id)->acked != flow_sent(c->bob, id)->refused);
	return flow_sent(c->bob, id)->refused;
}

/* That others were first undoes what was executed here, and nothing of before. */
static void what_users_have_used_up_stays_used_up(void **state)
{
	struct flow_cast *c = *state;
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
	struct flow_cast *c = *state;

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
	struct flow_cast *c = *state;
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

#define T(name) FLOW_TEST(name, flow_cast_start, flow_cast_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_answer_counts_for_its_own_link),
		T(an_answer_counts_for_its_own_hello),
		T(the_marks_of_a_spool_that_a_plugin_has_stay),
		T(what_users_have_used_up_stays_used_up),
		T(what_nobody_could_hear_is_told_again),
		T(what_only_the_shared_log_has_is_used_up),
	};

	return cmocka_run_group_tests_name("flow append state", tests, NULL, NULL);
}
