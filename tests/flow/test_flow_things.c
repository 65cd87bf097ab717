/* SPDX-License-Identifier: BSD-3-Clause */
/* A device account on a whole node: in a group of others, as a person before and after, and with
 * bridge and broker dying at any step. */
#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

#include <stdio.h>

static const char *const users[] = {"root", "alice", "bob", "fleet", NULL};

struct cast {
	struct flow *f;
	struct flow_device *root, *alice, *bob, *one, *two;
};

static struct flow_device *thing(struct cast *c, const char *name)
{
	struct flow_device *d = flow_device(c->f, "fleet", name);

	d->thing = true;
	/* What is safe is said of one count, and it has two. */
	d->acks = false;
	return d;
}

#define ROLE(role) "{\"command\":\"setUserRole\",\"username\":\"fleet\",\"role\":\"" role "\"}"

static int start(void **state)
{
	struct cast *c = calloc(1, sizeof(*c));

	c->f = flow_start((const struct store_backend *)*state, users);
	c->root = flow_device(c->f, "root", "root-desk");
	c->alice = flow_device(c->f, "alice", "alice-phone");
	c->bob = flow_device(c->f, "bob", "bob-phone");
	c->one = thing(c, "veh-1");
	c->two = thing(c, "veh-2");
	*state = c;
	assert_true(flow_connect(c->root) && flow_connect(c->alice) && flow_connect(c->bob));
	flow_settle(c->f);
	return 0;
}

static void make_fleet(struct cast *c)
{
	flow_command(c->root, ROLE("device"));
	flow_command(c->root,
		"{\"command\":\"setUserBind\",\"username\":\"fleet\",\"pattern\":\"veh-*\"}");
	assert_true(flow_connect(c->one) && flow_connect(c->two));
	flow_settle(c->f);
}

static bool is_there(struct cast *c, const struct flow_device *d)
{
	flow_enter(flow_broker(c->f));
	return d->c && fake_connected(d->c);
}

static void ok(struct flow_device *d, const char *method, const char *params)
{
	const char *reply = flow_rpc(d, method, params);

	assert_non_null(reply);
	if (!strstr(reply, "\"result\""))
		fail_msg("%s: %s", method, reply);
}

/* How many of these words are in what the device has of a conversation. */
static unsigned have(struct flow_device *d, const char *conv, const char *word)
{
	const struct flow_conv *c = flow_conv(d, conv);
	unsigned n = 0;

	for (uint64_t i = 0; i < c->n; i++)
		n += c->messages[i] && strstr(c->messages[i], word);
	return n;
}

static void let_all_come(struct cast *c)
{
	for (int i = 0; i < 60; i++)
		flow_pass(c->f, 500);
	assert_false(flow_waiting(c->one) || flow_waiting(c->two) || flow_waiting(c->alice));
}

/* Until the bridge is there again, everything that was said is said again. */
static void until_sent(struct cast *c)
{
	struct flow_device *const all[] = {c->alice, c->bob, c->one, c->two};

	for (int i = 0; i < 100; i++) {
		flow_pass(c->f, 500);
		for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
			if (!is_there(c, all[k]))
				(void)flow_connect(all[k]);
			flow_resend(all[k]);
		}
	}
	let_all_come(c);
}

static void the_account_is_one_member(void **state)
{
	struct cast *c = *state;

	make_fleet(c);
	ok(c->alice, "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"fleet\"]}");
	assert_true(flow_send(c->alice, "g/team", "a1", "to all"));
	flow_settle(c->f);
	assert_has(c->one, "g/team", 2, "to all");
	assert_has(c->two, "g/team", 2, "to all");
	assert_true(flow_send(c->one, "g/team", "o1", "from one"));
	flow_settle(c->f);
	assert_has(c->bob, "g/team", 3, "\"from_device\":\"veh-1\"");
	assert_true(flow_sent(c->one, "o1")->acked);
	/* It was not brought to the other one, which finds it by the hole. */
	assert_null(flow_has(c->two, "g/team", 3));
	assert_true(flow_send(c->bob, "g/team", "b1", "heard"));
	let_all_come(c);
	assert_has(c->two, "g/team", 3, "from one");
	assert_has(c->two, "g/team", 4, "heard");
	/* What is for one of them in the direct conversation is that one's. */
	assert_true(flow_send(c->alice, "u/fleet/veh-2", "a2", "unlock"));
	flow_settle(c->f);
	assert_has(c->two, "u/alice", 1, "unlock");
	assert_null(flow_has(c->one, "u/alice", 1));
	/* Out, none of them says or hears anything more. */
	ok(c->alice, "group.kick", "{\"gid\":\"team\",\"members\":[\"fleet\"]}");
	assert_true(flow_send(c->alice, "g/team", "a3", "without"));
	flow_settle(c->f);
	(void)flow_send(c->one, "g/team", "o2", "still?");
	flow_settle(c->f);
	assert_true(flow_sent(c->one, "o2")->refused);
	assert_int_equal(have(c->one, "g/team", "without"), 0);
	assert_int_equal(have(c->two, "g/team", "without"), 0);
	assert_int_equal(have(c->bob, "g/team", "without"), 1);
	assert_non_null(
		strstr(flow_rpc(c->two, "conv.history", "{\"conv\":\"g/team\"}"), "\"error\""));
}

/* Whoever dies between the steps, each message is there once, in one order, for who may have it. */
static void whatever_dies_each_message_is_there_once(void **state)
{
	struct cast *c = *state;
	char id[16], body[32];

	make_fleet(c);
	ok(c->alice, "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"fleet\"]}");
	for (int i = 0; i < 24; i++) {
		struct flow_device *const say[] = {c->alice, c->one, c->two};
		const char *const to[] = {"g/team", "g/team", "u/alice"};

		snprintf(id, sizeof(id), "m%d", i);
		snprintf(body, sizeof(body), "body %d.", i);
		(void)flow_send(say[i % 3], to[i % 3], id, body);
		snprintf(id, sizeof(id), "c%d", i);
		(void)flow_send(c->alice, i % 2 ? "u/fleet/veh-1" : "u/fleet/veh-2", id, body);
		for (int step = 0; step < i % 5; step++)
			flow_step(c->f);
		if (i % 8 == 3) {
			flow_kill_bridge(flow_node(c->f));
			flow_start_bridge(flow_node(c->f));
		} else if (i % 8 == 7) {
			flow_kill_broker(flow_broker(c->f));
			flow_start_broker(flow_broker(c->f));
			until_sent(c);
		}
	}
	until_sent(c);
	assert_true(flow_send(c->alice, "g/team", "last", "the end"));
	assert_true(flow_send(c->alice, "u/fleet", "last-one", "the end"));
	let_all_come(c);
	for (int i = 0; i < 24; i++) {
		const char *conv = i % 3 == 2 ? "u/alice" : "g/team";

		snprintf(body, sizeof(body), "body %d.", i);
		/* A command beside each. */
		assert_int_equal(have(c->one, conv, body), i % 3 == 2 ? 2 : 1);
		assert_int_equal(have(c->two, conv, body), i % 3 == 2 ? 2 : 1);
		if (i % 3 != 2)
			assert_int_equal(have(c->bob, conv, body), 1);
	}
	assert_int_equal(flow_conv(c->one, "g/team")->n, 1 + 16 + 1);
	assert_int_equal(flow_conv(c->two, "u/alice")->n, 8 + 24 + 1);
}

/* Its devices end; what it has, and where it belongs, is as it was. */
static void a_role_changes_there_and_back(void **state)
{
	struct cast *c = *state;
	struct flow_device *phone = flow_device(c->f, "fleet", "veh-phone");

	assert_true(flow_connect(phone));
	ok(c->alice, "group.create", "{\"gid\":\"team\",\"members\":[\"fleet\"]}");
	assert_true(flow_send(c->alice, "u/fleet", "a1", "to a person"));
	flow_settle(c->f);
	assert_has(phone, "u/alice", 1, "to a person");
	make_fleet(c);
	for (int i = 0; i < 10; i++)
		flow_pass(c->f, 500);
	assert_false(is_there(c, phone));
	/* With the filter of a person it does not come in. */
	assert_false(flow_connect(phone));
	let_all_come(c);
	assert_has(c->one, "u/alice", 1, "to a person");
	assert_true(flow_send(c->alice, "g/team", "a2", "to things"));
	flow_settle(c->f);
	assert_int_equal(have(c->two, "g/team", "to things"), 1);
	/* The bridge dies on it. */
	assert_int_equal(
		flow_publish(c->root, "$CONTROL/im/v1", "{\"commands\":[" ROLE("user") "]}"),
		FAKE_ACCEPTED);
	flow_step(c->f);
	flow_kill_bridge(flow_node(c->f));
	flow_start_bridge(flow_node(c->f));
	for (int i = 0; i < 10; i++)
		flow_pass(c->f, 500);
	flow_command(c->root, ROLE("user"));
	for (int i = 0; i < 10; i++)
		flow_pass(c->f, 500);
	assert_false(is_there(c, c->one) || is_there(c, c->two));
	assert_true(flow_connect(phone));
	/* Nobody else's, and its own again. */
	assert_true(flow_send(c->alice, "u/fleet", "a3", "a person again"));
	for (int i = 0; i < 20; i++)
		flow_pass(c->f, 500);
	assert_int_equal(have(phone, "u/alice", "a person again"), 1);
	assert_int_equal(have(phone, "g/team", "to things"), 1);
}

/* An id that begins as the account's do is refused to others, connected or not, after any restart.
 */
static void an_id_stays_the_accounts(void **state)
{
	struct cast *c = *state;
	struct flow_device *thief = flow_device(c->f, "bob", "veh-9");

	make_fleet(c);
	assert_false(flow_connect(thief));
	flow_kill_bridge(flow_node(c->f));
	assert_false(flow_connect(thief));
	flow_start_bridge(flow_node(c->f));
	flow_kill_broker(flow_broker(c->f));
	flow_start_broker(flow_broker(c->f));
	flow_settle(c->f);
	assert_false(flow_connect(thief));
	assert_true(flow_connect(c->root));
	flow_command(c->root,
		"{\"command\":\"setUserBind\",\"username\":\"fleet\",\"pattern\":\"none\"}");
	assert_true(flow_connect(thief));
	flow_settle(c->f);
	assert_true(is_there(c, thief));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(the_account_is_one_member, start, flow_end),
		FLOW_TEST(whatever_dies_each_message_is_there_once, start, flow_end),
		FLOW_TEST(a_role_changes_there_and_back, start, flow_end),
		FLOW_TEST(an_id_stays_the_accounts, start, flow_end),
	};

	return cmocka_run_group_tests_name("flow_things", tests, NULL, NULL);
}
