/* SPDX-License-Identifier: BSD-3-Clause */
/* Three brokers under one bridge: what is for a user goes where he may have a session, and nowhere
 * else; nobody misses anything while that is found out. */
#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"
#include "tests/flow/flow_log.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"

#define BROKERS 3

static const char *const users[] = {"root", "alice", "bob", "carol", NULL};

/* alice is at the first broker, bob at the second, carol at the third. */
struct cast {
	struct flow *f;
	struct flow_node *n;
	struct flow_broker *at[BROKERS];
	struct flow_device *alice, *bob, *carol;
};

static struct flow_device *device(struct cast *c, const char *user, const char *name, unsigned at)
{
	struct flow_device *d = flow_device(c->f, user, name);

	d->at = c->at[at];
	return d;
}

static void forget_told(struct cast *c)
{
	for (unsigned i = 0; i < BROKERS; i++)
		flow_forget_told(c->at[i]);
}

static int start(void **state)
{
	struct cast *c = calloc(1, sizeof(*c));

	c->f = flow_start(*state, users);
	c->n = flow_node(c->f);
	flow_kill_bridge(c->n);
	while (c->n->n_brokers < BROKERS)
		flow_add_broker(c->n)->newer = true;
	for (unsigned i = 0; i < BROKERS; i++)
		c->at[i] = &c->n->brokers[i];
	flow_start_bridge(c->n);
	flow_settle(c->f);
	c->alice = device(c, "alice", "alice-phone", 0);
	c->bob = device(c, "bob", "bob-phone", 1);
	c->carol = device(c, "carol", "carol-phone", 2);
	*state = c;
	if (!flow_connect(c->alice) || !flow_connect(c->bob) || !flow_connect(c->carol))
		return -1;
	flow_settle(c->f);
	forget_told(c);
	return 0;
}

/* Something for the user is sent, and these brokers were told: "x.x" for the first and the third.
 */
static void goes(
	struct cast *c, struct flow_device *from, const char *user, const char *where, int line)
{
	char conv[40], got[BROKERS + 1] = {0};

	forget_told(c);
	snprintf(conv, sizeof(conv), "u/%s", user);
	assert_true(flow_send(from, conv, NULL, "where are you"));
	flow_settle(c->f);
	for (unsigned i = 0; i < BROKERS; i++)
		got[i] = flow_told(c->at[i], user) ? 'x' : '.';
	if (strcmp(got, where) != 0)
		fail_msg("line %d: told at %s, not at %s", line, got, where);
}
#define assert_goes(c, from, user, where) goes(c, from, user, where, __LINE__)

static void what_is_for_a_user_goes_where_he_is(void **state)
{
	struct cast *c = *state;

	assert_true(flow_send(c->alice, "u/bob", "m1", "over there"));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "over there");
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_int_equal(flow_told(c->at[1], "bob"), 1);
	/* The ack, and the copy for other devices of hers. */
	assert_int_equal(flow_told(c->at[0], "alice"), 2);
	assert_false(flow_told(c->at[0], "bob") || flow_told(c->at[1], "alice"));
	assert_false(flow_told(c->at[2], "bob") || flow_told(c->at[2], "alice"));
	assert_int_equal(flow_publish(c->carol, "im/s/u/bob", "{\"typing\":true}"), FAKE_ACCEPTED);
	flow_settle(c->f);
	assert_int_equal(c->bob->signals, 1);
	assert_int_equal(flow_told(c->at[1], "bob"), 2);
	assert_false(flow_told(c->at[0], "bob") || flow_told(c->at[2], "bob"));
	/* Who is nowhere is told nothing; it is in the log. */
	assert_goes(c, c->alice, "root", "...");
	assert_goes(c, c->bob, "alice", "x..");
	assert_goes(c, c->bob, "bob", ".x.");
}

static void who_is_at_two_brokers_is_told_at_both(void **state)
{
	struct cast *c = *state;
	struct flow_device *tablet = device(c, "alice", "alice-tablet", 2);

	assert_true(flow_connect(tablet));
	flow_settle(c->f);
	assert_goes(c, c->bob, "alice", "x.x");
	assert_has(tablet, "u/bob", 1, "where are you");
	/* So is what the other one says. */
	assert_true(flow_send(c->alice, "u/bob", NULL, "said on the phone"));
	flow_settle(c->f);
	assert_has(tablet, "u/bob", 2, "said on the phone");
	flow_disconnect(tablet, true);
	flow_settle(c->f);
	assert_goes(c, c->bob, "alice", "x..");
}

/* Whether a sender is spared its own copy each plugin decides for its broker: the only device there
 * is, the same user's only one at another broker is another device. */
static void what_one_device_says_the_users_others_hear_once(void **state)
{
	static const char *const convs[] = {"u/bob", "g/team"};
	struct cast *c = *state;
	struct flow_device *tablet = device(c, "alice", "alice-tablet", 2);
	struct flow_device *away = device(c, "alice", "alice-desk", 1);

	away->persistent = true;
	assert_true(flow_connect(tablet) && flow_connect(away));
	assert_non_null(strstr(
		flow_rpc(c->bob, "group.create", "{\"gid\":\"team\",\"members\":[\"alice\"]}"),
		"\"result\""));
	flow_settle(c->f);
	flow_disconnect(away, true);
	flow_settle(c->f);
	for (size_t i = 0; i < 2; i++) {
		unsigned syncs = tablet->syncs;
		uint64_t seq = i + 1; /* the group's first is that it was made */

		assert_true(flow_send(c->alice, convs[i], convs[i], "said on the phone"));
		flow_settle(c->f);
		assert_has(tablet, convs[i], seq, "said on the phone");
		assert_int_equal(flow_conv(tablet, convs[i])->n_delivered, seq);
		assert_int_equal(tablet->syncs, syncs);
		assert_true(flow_sent(c->alice, convs[i])->acked);
		assert_int_equal(flow_sent(c->alice, convs[i])->seq, seq);
		/* Alone at its broker. */
		assert_true(flow_conv(c->alice, convs[i])->n_delivered < seq);
	}
	/* It waits for the one that is away at another one. */
	assert_true(flow_connect(away));
	flow_settle(c->f);
	assert_has(away, "u/bob", 1, "said on the phone");
	assert_has(away, "g/team", 2, "said on the phone");
	assert_int_equal(tablet->twice + away->twice + c->alice->twice, 0);
	assert_false(flow_waiting(tablet) || flow_waiting(away) || flow_waiting(c->alice));
}

static void of_a_group_each_broker_gets_its_own_members(void **state)
{
	struct cast *c = *state;
	struct flow_device *tablet = device(c, "alice", "alice-tablet", 2);

	assert_true(flow_connect(tablet));
	assert_non_null(strstr(flow_rpc(c->alice, "group.create",
				       "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}"),
		"\"result\""));
	forget_told(c);
	assert_true(flow_send(c->bob, "g/team", NULL, "hi team"));
	flow_settle(c->f);
	assert_has(c->alice, "g/team", 2, "hi team");
	assert_has(tablet, "g/team", 2, "hi team");
	assert_has(c->bob, "g/team", 2, "hi team");
	assert_has(c->carol, "g/team", 2, "hi team");
	assert_int_equal(flow_told(c->at[0], "alice"), 1);
	assert_int_equal(flow_told(c->at[2], "alice"), 1);
	assert_int_equal(flow_told(c->at[2], "carol"), 1);
	assert_false(flow_told(c->at[0], "bob") || flow_told(c->at[0], "carol"));
	assert_false(flow_told(c->at[1], "alice") || flow_told(c->at[1], "carol"));
	assert_false(flow_told(c->at[2], "bob"));
	assert_false(flow_waiting(c->bob) || flow_waiting(tablet));
}

/* The broker knows its listeners. */
static void a_room_is_everywhere(void **state)
{
	struct cast *c = *state;

	assert_non_null(
		strstr(flow_rpc(c->alice, "group.create", "{\"gid\":\"hall\",\"kind\":\"room\"}"),
			"\"result\""));
	forget_told(c);
	assert_true(flow_send(c->alice, "g/hall", NULL, "hi hall"));
	flow_settle(c->f);
	for (unsigned i = 0; i < BROKERS; i++)
		assert_int_equal(c->at[i]->rooms, 1);
}

static unsigned home(struct cast *c, const char *name)
{
	struct directory_device dev;

	assert_int_equal(directory_device_get(c->n->rig.dir, im_str(name), &dev), IM_OK);
	return dev.broker;
}

static void a_session_that_is_away_is_told_at_its_home(void **state)
{
	struct cast *c = *state;

	/* One that stays nowhere has no home that counts. */
	flow_disconnect(c->bob, true);
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", "...");
	c->bob->persistent = true;
	assert_true(flow_connect(c->bob));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "where are you");
	flow_disconnect(c->bob, true);
	flow_settle(c->f);
	assert_int_equal(home(c, "bob-phone"), 2);
	assert_goes(c, c->alice, "bob", ".x.");
	/* Nor does it need to be told where that is. */
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", ".x.");
	c->bob->at = c->at[2];
	assert_true(flow_connect(c->bob));
	flow_settle(c->f);
	flow_pass(c->f, 4000);
	assert_int_equal(home(c, "bob-phone"), 3);
	assert_has(c->bob, "u/alice", 3, "where are you");
	assert_goes(c, c->alice, "bob", "..x");
	flow_disconnect(c->bob, true);
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", "..x");
}

/* Which it is from its first subscription on. */
static void a_session_that_comes_to_stay_has_a_home_from_then_on(void **state)
{
	const struct fake_spec spec = {
		.id = "bob-tv", .user = "bob", .password = "pw", .persistent = true};
	struct cast *c = *state;
	struct mosquitto *tv;

	flow_disconnect(c->bob, true);
	flow_enter(c->at[2]);
	tv = fake_connect(&spec);
	assert_non_null(tv);
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", "..x");
	flow_enter(c->at[2]);
	assert_true(fake_subscribe(tv, "im/inbox/bob/#"));
	flow_settle(c->f);
	flow_enter(c->at[2]);
	fake_disconnect(tv, true);
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", "..x");
}

/* From before there were several: it may be anywhere. */
static void a_home_that_is_not_known_is_everywhere(void **state)
{
	struct cast *c = *state;

	c->bob->persistent = true;
	flow_disconnect(c->bob, true);
	assert_true(flow_connect(c->bob));
	flow_disconnect(c->bob, true);
	flow_settle(c->f);
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
	assert_int_equal(
		directory_device_set_home(c->n->rig.dir, IM_STR("bob-phone"), 0, 1000), IM_OK);
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", "xxx");
	assert_true(flow_connect(c->bob));
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", ".x.");
}

static void one_whose_sessions_are_not_known_is_told_everything(void **state)
{
	struct cast *c = *state;

	c->at[2]->stopped = true;
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
	flow_settle(c->f);
	/* It waits there: nobody knows yet which plugin it is. */
	forget_told(c);
	assert_true(flow_send(c->alice, "u/bob", NULL, "one"));
	assert_true(flow_send(c->alice, "u/carol", NULL, "two"));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "one");
	assert_false(c->at[2]->served);
	assert_int_equal(flow_told(c->at[1], "carol"), 0);
	c->at[2]->stopped = false;
	flow_pass(c->f, 6000);
	assert_int_equal(flow_told(c->at[2], "bob"), 1);
	assert_has(c->carol, "u/alice", 1, "two");
	assert_goes(c, c->alice, "bob", ".x.");
	assert_goes(c, c->alice, "carol", "..x");
}

static void a_broker_that_has_died_has_nobody(void **state)
{
	struct cast *c = *state;

	flow_kill_broker(c->at[1]);
	flow_settle(c->f);
	assert_true(flow_send(c->alice, "u/bob", NULL, "while it is down"));
	flow_settle(c->f);
	flow_start_broker(c->at[1]);
	flow_pass(c->f, 1000);
	assert_goes(c, c->alice, "bob", "...");
	/* Its clients go to another one. */
	c->bob->at = c->at[0];
	assert_true(flow_connect(c->bob));
	flow_pass(c->f, 4000);
	assert_has(c->bob, "u/alice", 1, "while it is down");
	assert_has(c->bob, "u/alice", 2, "where are you");
	assert_goes(c, c->alice, "bob", "x..");
}

/* The link is, and the sessions are not. */
static void a_broken_link_is_no_broken_broker(void **state)
{
	struct cast *c = *state;

	flow_cut_link(c->at[1]);
	assert_true(flow_send(c->alice, "u/bob", NULL, "later"));
	flow_settle(c->f);
	flow_mend_link(c->at[1]);
	flow_pass(c->f, 1000);
	flow_pass(c->f, 4000);
	assert_has(c->bob, "u/alice", 1, "later");
	assert_goes(c, c->alice, "bob", ".x.");
	assert_has(c->bob, "u/alice", 2, "where are you");
	assert_false(flow_waiting(c->bob));
}

static void a_device_account_is_everywhere(void **state)
{
	struct cast *c = *state;
	struct flow_device *root = device(c, "root", "console", 0);
	struct flow_device *sensor = device(c, "carol", "sensor", 1);

	assert_true(flow_connect(root));
	assert_int_equal(
		flow_publish(root, "$CONTROL/im/v1",
			"{\"commands\":[{\"command\":\"setUserRole\",\"username\":\"carol\","
			"\"role\":\"device\"}]}"),
		FAKE_ACCEPTED);
	flow_settle(c->f);
	sensor->thing = true;
	assert_true(flow_connect(sensor));
	flow_settle(c->f);
	assert_goes(c, c->alice, "carol", "xxx");
}

static bool retained_online(const struct flow_broker *b, const char *user)
{
	const struct fake_message *m;
	char topic[64];

	flow_enter(b);
	snprintf(topic, sizeof(topic), "im/presence/%s", user);
	m = fake_retained(topic);
	return m && memmem(m->payload.p, m->payload.n, "\"online\"", 8);
}

/* What it cannot carry out it is not told, and what its clients send is kept. */
static void an_old_plugin_is_not_served_and_the_others_are(void **state)
{
	struct cast *c = *state;

	flow_kill_broker(c->at[1]);
	c->at[1]->level = IM_PLUGIN_LEVEL_SEVERAL - 1;
	forget_told(c);
	flow_start_broker(c->at[1]);
	/* Before it has said what it is, too. */
	c->at[1]->stopped = true;
	assert_true(flow_send(c->alice, "u/bob", NULL, "by sync"));
	flow_settle(c->f);
	c->at[1]->stopped = false;
	flow_settle(c->f);
	assert_true(flow_connect(c->bob));
	assert_true(flow_send(c->bob, "u/alice", "m1", "kept"));
	assert_true(flow_send(c->alice, "u/carol", "m2", "served"));
	for (int i = 0; i < 5; i++)
		flow_pass(c->f, 6000);
	assert_has(c->carol, "u/alice", 1, "served");
	assert_true(flow_sent(c->alice, "m2")->acked);
	assert_false(flow_sent(c->bob, "m1")->acked);
	assert_false(c->at[1]->served);
	assert_false(retained_online(c->at[0], "bob"));
	/* The broker is restarted with the new one. */
	flow_kill_broker(c->at[1]);
	c->at[1]->level = 0;
	flow_start_broker(c->at[1]);
	assert_true(flow_connect(c->bob));
	for (int i = 0; i < 3; i++)
		flow_pass(c->f, 4000);
	assert_has(c->alice, "u/bob", 2, "kept");
	assert_has(c->bob, "u/alice", 1, "by sync");
	assert_goes(c, c->alice, "bob", ".x.");
}

/* As after a change of the configuration, by which the first ones are gone. */
static void a_number_is_no_place_in_the_list(void **state)
{
	static const unsigned numbers[BROKERS] = {3, 8, 2};
	struct cast *c = *state;

	flow_kill_bridge(c->n);
	for (unsigned i = 0; i < BROKERS; i++)
		c->at[i]->number = numbers[i];
	flow_start_bridge(c->n);
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", ".x.");
	assert_goes(c, c->bob, "carol", "..x");
	assert_goes(c, c->carol, "alice", "x..");
	assert_non_null(strstr(flow_rpc(c->bob, "conv.list", "{}"), "\"result\""));
	/* What is written by time, and by no broker's records, has an answer as well. */
	flow_pass(c->f, 4000);
	flow_pass(c->f, 4000);
	assert_non_null(strstr(c->alice->last_event, "\"delivered\""));
	flow_disconnect(c->bob, true);
	flow_settle(c->f);
	assert_goes(c, c->alice, "bob", "...");
}

#define T(name) FLOW_TEST(name, start, flow_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_for_a_user_goes_where_he_is),
		T(who_is_at_two_brokers_is_told_at_both),
		T(what_one_device_says_the_users_others_hear_once),
		T(of_a_group_each_broker_gets_its_own_members),
		T(a_room_is_everywhere),
		T(a_session_that_is_away_is_told_at_its_home),
		T(a_session_that_comes_to_stay_has_a_home_from_then_on),
		T(a_home_that_is_not_known_is_everywhere),
		T(one_whose_sessions_are_not_known_is_told_everything),
		T(a_broker_that_has_died_has_nobody),
		T(a_broken_link_is_no_broken_broker),
		T(a_device_account_is_everywhere),
		T(a_number_is_no_place_in_the_list),
		T(an_old_plugin_is_not_served_and_the_others_are),
	};

	return cmocka_run_group_tests_name("flow brokers", tests, NULL, NULL);
}
