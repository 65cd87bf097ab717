/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One device at three brokers, one after the other, with everything dying in between: it has one
 * session that lives, and its app sees each message once and in order. And that these tests find it
 * when it is not so.
 */
#include "tests/flow/flow_trio.h"

#include <stdio.h>

/* -- from broker to broker -- */

/* Messages come while it is there, while it is nowhere, and as soon as it is there again. */
static void go_about(struct flow_trio *c, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		flow_trio_say(c);
		flow_trio_leave(c->phone, (enum flow_leaving)(i / 3 % 3));
		flow_trio_say(c);
		flow_trio_come(c, c->phone, (i * 7 + i / 5) % FLOW_TRIO);
		flow_trio_say(c);
		flow_trio_pass(c);
	}
}

static void a_device_goes_from_broker_to_broker(void **state)
{
	struct flow_trio *c = *state;

	for (unsigned i = 0; i < 10; i++) {
		go_about(c, 5);
		flow_trio_assert_well(c, "after five");
		assert_int_equal(flow_trio_home(c, "bob-phone"), c->phone->at->number);
	}
	assert_true(engine_health(c->n->rig.engine)->devices_moved > 10);
}

static void one_without_a_session_that_stays_does_too(void **state)
{
	struct flow_trio *c = *state;

	flow_disconnect(c->phone, false);
	c->phone->persistent = false;
	flow_trio_come(c, c->phone, 1);
	for (unsigned i = 0; i < 10; i++) {
		go_about(c, 5);
		flow_trio_assert_well(c, "after five");
	}
}

/* The moment between the two connections, frame by frame. */
static void what_comes_while_it_moves_comes_once(void **state)
{
	struct flow_trio *c = *state;
	char body[32];

	for (unsigned i = 0; i < 60; i++) {
		flow_trio_leave(c->phone, (enum flow_leaving)(i % 3));
		c->phone->at = c->at[(i + 1) % FLOW_TRIO];
		flow_trio_connect(c->phone);
		for (unsigned k = 0; k < 8; k++) {
			snprintf(body, sizeof(body), "m-%u-", ++c->sent);
			assert_true(flow_send(c->alice, "u/bob", NULL, body));
			for (unsigned s = 0; s < i % 4; s++)
				flow_step(c->f);
		}
		flow_settle(c->f);
		flow_trio_pass(c);
		flow_trio_assert_well(c, "after a move");
	}
}

/* Three connections with one client id begin in one millisecond, in any order, and what the bridge
 * says of the first ones crosses with the others: it has heard of none, of some, of all. */
static void of_those_that_cross_exactly_one_stays(void **state)
{
	static const unsigned order[][FLOW_TRIO] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct flow_trio *c = *state;
	struct flow_device *d[FLOW_TRIO];

	for (unsigned i = 0; i < FLOW_TRIO; i++)
		d[i] = flow_trio_device(c, i, "carol", "carol-twin");
	for (unsigned round = 0; round < 6 * 16; round++) {
		for (unsigned i = 0; i < FLOW_TRIO; i++) {
			assert_true(flow_connect(d[order[round / 16][i]]));
			for (unsigned k = (i ? round / 4 : round) % 4; k; k--)
				flow_step(c->f);
		}
		flow_settle(c->f);
		flow_pass(c->f, 1000);
		assert_int_equal(flow_trio_lives(c, "carol-twin"), 1);
		for (unsigned i = 0; i < FLOW_TRIO; i++)
			flow_disconnect(d[i], false);
		/* Or it is a contest. */
		flow_pass(c->f, 11000);
	}
}

static void its_user_is_there_all_the_time(void **state)
{
	struct flow_trio *c = *state;
	const struct fake_message *m;

	flow_disconnect(c->tablet, false);
	flow_trio_pass(c);
	for (unsigned i = 0; i < 6; i++) {
		flow_trio_leave(c->phone, FLOW_UNSEEN);
		flow_trio_come(c, c->phone, (i + 1) % FLOW_TRIO);
		/* The end of the older connection is heard of. */
		flow_trio_pass(c);
		assert_int_equal(flow_trio_lives(c, "bob-phone"), 1);
		for (unsigned k = 0; k < FLOW_TRIO; k++) {
			flow_enter(c->at[k]);
			m = fake_retained("im/presence/bob");
			assert_non_null(m);
			assert_non_null(memmem(m->payload.p, m->payload.n, "online", 6));
		}
	}
	assert_true(flow_connect(c->tablet));
}

/* -- and everything dies -- */

/* While the bridge is away nobody tells the older one to go. */
static void one_moves_while_the_bridge_is_away(void **state)
{
	struct flow_trio *c = *state;

	for (unsigned i = 0; i < 9; i++) {
		flow_trio_say(c);
		flow_kill_bridge(c->n);
		flow_trio_leave(c->phone, (enum flow_leaving)(i % 3));
		c->phone->at = c->at[(i + 1) % FLOW_TRIO];
		flow_trio_connect(c->phone);
		flow_trio_pass(c);
		flow_start_bridge(c->n);
		flow_settle(c->f);
		flow_trio_pass(c);
		flow_trio_say(c);
		flow_trio_pass(c);
		flow_trio_assert_well(c, "after the bridge was away");
		assert_int_equal(flow_trio_home(c, "bob-phone"), c->phone->at->number);
	}
}

/* In whichever order the brokers are heard of. */
static void one_moves_while_the_links_are_cut(void **state)
{
	static const unsigned order[][FLOW_TRIO] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct flow_trio *c = *state;

	for (unsigned i = 0; i < 18; i++) {
		flow_trio_say(c);
		for (unsigned k = 0; k < FLOW_TRIO; k++)
			flow_cut_link(c->at[k]);
		/* Twice, with everything unseen. */
		for (unsigned k = 1; k < FLOW_TRIO; k++) {
			flow_trio_leave(c->phone, FLOW_UNSEEN);
			c->phone->at = c->at[(i + k) % FLOW_TRIO];
			flow_pass(c->f, 10);
			flow_trio_connect(c->phone);
			flow_trio_pass(c);
		}
		for (unsigned k = 0; k < FLOW_TRIO; k++) {
			flow_mend_link(c->at[order[i % 6][k]]);
			flow_settle(c->f);
		}
		flow_trio_pass(c);
		flow_trio_say(c);
		flow_trio_pass(c);
		flow_trio_assert_well(c, "after the links were cut");
		assert_int_equal(flow_trio_home(c, "bob-phone"), c->phone->at->number);
	}
}

/* A broker that comes back with a session that is elsewhere by now keeps nothing for it. */
static void a_broker_that_was_restarted_keeps_nothing_for_it(void **state)
{
	struct flow_trio *c = *state;

	for (unsigned i = 0; i < 4; i++) {
		flow_trio_say(c);
		flow_trio_leave(c->phone, (enum flow_leaving)(i % 3));
		flow_trio_come(c, c->phone, 1 + i % 2);
		flow_trio_pass(c);
		flow_trio_restart_broker(c, 0);
		flow_trio_say(c);
		if (i > 1)
			flow_trio_restart_bridge(c);
		flow_trio_pass(c);
		flow_trio_say(c);
		flow_trio_leave(c->phone, FLOW_CLEANLY);
		flow_trio_come(c, c->phone, 0);
		flow_trio_pass(c);
		flow_trio_say(c);
		flow_trio_assert_well(c, "after a broker's restart");
	}
}

/* -- what ends it -- */

static const struct {
	const char *command, *method; /* an administrator's, or the tablet's request */
	const char *params, *reason;
} orders[] = {
	{"kickUser", NULL, "\"username\":\"bob\",\"device\":\"bob-phone\"", "kicked"},
	{"kickUser", NULL, "\"username\":\"bob\"", "kicked"},
	{"unbindDevice", NULL, "\"device\":\"bob-phone\"", "removed"},
	{"unbindDevice", NULL, "\"device\":\"bob-phone\",\"owner\":\"carol\"", "removed"},
	{"disableUser", NULL, "\"username\":\"bob\"", "disabled"},
	{"deleteUser", NULL, "\"username\":\"bob\"", "deleted"},
	{"setUserPassword", NULL, "\"username\":\"bob\",\"password\":\"another one\"", "password"},
	{NULL, "device.remove", "{\"device\":\"bob-phone\"}", "removed"},
};

static void give(struct flow_trio *c, size_t i)
{
	char text[200];

	if (orders[i].method) {
		assert_non_null(strstr(
			flow_rpc(c->tablet, orders[i].method, orders[i].params), "\"result\""));
		return;
	}
	snprintf(
		text, sizeof(text), "{\"command\":\"%s\",%s}", orders[i].command, orders[i].params);
	flow_command(c->root, text);
}

/* Given while the phone's broker is cut off from the bridge, which then is another process or not:
 * what the orders have left in the directory ends the connection. */
static void an_order_that_was_lost_is_carried_out(void **state)
{
	const struct store_backend *backend = *state;

	for (size_t i = 0; i < 2 * sizeof(orders) / sizeof(orders[0]); i++) {
		struct flow_trio c = {0};

		flow_trio_open(&c, backend);
		flow_trio_leave(c.phone, FLOW_CLEANLY);
		flow_trio_come(&c, c.phone, 1);
		flow_pass(c.f, 5000);
		flow_cut_link(c.at[1]);
		give(&c, i / 2);
		flow_pass(c.f, 1000);
		assert_true(flow_trio_is_there(c.phone));
		if (i % 2)
			flow_trio_restart_bridge(&c);
		else
			flow_mend_link(c.at[1]);
		flow_settle(c.f);
		flow_pass(c.f, 1000);
		flow_pass(c.f, 1000);
		if (flow_trio_is_there(c.phone) || !c.phone->end ||
			!strstr(c.phone->end, orders[i / 2].reason))
			fail_msg("%s%s: %s", orders[i / 2].command ? orders[i / 2].command : "",
				i % 2 ? " with a restart" : "",
				c.phone->end ? c.phone->end : "it stays");
		flow_stop(c.f);
	}
}

/* -- at random -- */

static void die(struct flow_trio *c, struct prng *r)
{
	unsigned i = prng_below(r, FLOW_TRIO);

	switch (prng_below(r, 5)) {
	case 0:
		flow_trio_restart_bridge(c);
		break;
	case 1:
		flow_trio_restart_broker(c, i);
		break;
	case 2:
		flow_break_link(c->at[i]);
		break;
	case 3:
		flow_kill_bridge(c->n);
		flow_trio_pass(c);
		flow_start_bridge(c->n);
		break;
	default:
		flow_cut_link(c->at[i]);
		flow_pass(c->f, 200);
		flow_mend_link(c->at[i]);
	}
}

static void come_back(struct flow_trio *c)
{
	for (size_t i = 0; i < c->f->n_devices; i++)
		if (!flow_trio_is_there(c->f->devices[i]))
			flow_trio_connect(c->f->devices[i]);
	for (int i = 0; i < 10; i++)
		flow_trio_pass(c);
}

static void run(struct flow_trio *c, uint64_t seed)
{
	struct prng r = {seed};
	char body[32];

	for (unsigned i = 0; i < 60; i++) {
		if (prng_below(&r, 8) == 0)
			die(c, &r);
		if (prng_below(&r, 3) == 0) {
			flow_pass(c->f, 2100);
			flow_trio_leave(c->phone, (enum flow_leaving)prng_below(&r, 3));
			c->phone->at = c->at[prng_below(&r, FLOW_TRIO)];
		}
		if (!flow_trio_is_there(c->phone)) {
			assert_false(flow_trio_was_ended(c->phone));
			flow_trio_connect(c->phone);
		}
		if (flow_trio_is_there(c->alice)) {
			snprintf(body, sizeof(body), "m-%u-", c->sent + 1);
			c->sent += flow_send(c->alice, "u/bob", NULL, body);
		}
		for (unsigned k = prng_below(&r, 6); k; k--)
			flow_step(c->f);
		if (prng_below(&r, 4) == 0)
			flow_pass(c->f, 1 + prng_below(&r, 500));
	}
	come_back(c);
	come_back(c);
	/* What a bridge that died may not have told is told again. */
	c->phone->twice = c->tablet->twice = c->alice->twice = 0;
	if (!flow_trio_is_well(c))
		print_error("seed %llu\n", (unsigned long long)seed);
	flow_trio_assert_well(c, "in the end");
}

static void whatever_dies_it_has_one_session_and_everything(void **state)
{
	const struct store_backend *backend = *state;

	for (uint64_t seed = 1; seed <= FLOW_SEEDS; seed++) {
		struct flow_trio c = {0};

		flow_trio_open(&c, backend);
		run(&c, seed);
		flow_stop(c.f);
	}
}

/* -- the tests of these tests -- */

/* Two at one time; and a broker that is restarted behind its back. */
static bool moves_well(struct flow_trio *c)
{
	bool well;

	flow_trio_say(c);
	flow_abandon(c->phone);
	flow_trio_come(c, c->phone, 1);
	flow_trio_pass(c);
	flow_trio_say(c);
	well = flow_trio_is_well(c);
	flow_trio_restart_broker(c, 0);
	flow_trio_say(c);
	flow_trio_pass(c);
	flow_disconnect(c->phone, false);
	flow_trio_come(c, c->phone, 0);
	flow_trio_pass(c);
	flow_trio_say(c);
	return well && flow_trio_is_well(c);
}

static void what_is_not_so_is_found(void **state)
{
	static const enum flow_sabotage all[] = {FLOW_UNTOLD, FLOW_MISLED, FLOW_HOMELESS};
	const struct store_backend *backend = *state;

	for (size_t i = 0; i <= sizeof(all) / sizeof(all[0]); i++) {
		struct flow_trio c = {0};

		flow_trio_open(&c, backend);
		c.f->sabotage = i ? all[i - 1] : FLOW_SOUND;
		flow_trio_restart_bridge(&c);
		flow_trio_pass(&c);
		assert_int_equal(moves_well(&c), !i);
		flow_stop(c.f);
	}
}

#define T(name) FLOW_TEST(name, flow_trio_start, flow_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_device_goes_from_broker_to_broker),
		T(one_without_a_session_that_stays_does_too),
		T(what_comes_while_it_moves_comes_once),
		T(of_those_that_cross_exactly_one_stays),
		T(its_user_is_there_all_the_time),
		T(one_moves_while_the_bridge_is_away),
		T(one_moves_while_the_links_are_cut),
		T(a_broker_that_was_restarted_keeps_nothing_for_it),
		FLOW_TEST(an_order_that_was_lost_is_carried_out, NULL, NULL),
		FLOW_TEST(what_is_not_so_is_found, NULL, NULL),
		FLOW_TEST(whatever_dies_it_has_one_session_and_everything, NULL, NULL),
	};

	return cmocka_run_group_tests_name("flow moves", tests, NULL, NULL);
}
