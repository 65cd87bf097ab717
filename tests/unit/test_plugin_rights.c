/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole plugin in the fake broker: who may publish, subscribe and receive, in both broker
 * generations; and that what is refused is said. */
#include <stdio.h>

#include "common/limits.h"
#include "common/topic.h"
#include "tests/unit/plugin_node.h"

static int publish(struct mosquitto *c, const char *topic, const char *payload)
{
	return fake_publish(c, topic, im_str(payload), 1, false, NULL);
}

/* The client's next message; its topic and a part of its payload. */
static void received(struct mosquitto *c, const char *topic, const char *part)
{
	const struct fake_message *m = fake_received(c);
	char *text;

	if (!m)
		fail_msg("nothing received; expected %s", topic);
	assert_string_equal(m->topic, topic);
	text = strndup(m->payload.p, m->payload.n);
	if (!strstr(text, part))
		fail_msg("\"%s\" has no \"%s\"", text, part);
	free(text);
}

struct write_case {
	const char *topic;
	int alice, root, carol; /* 0: accepted; else the code of the refusal; 1: silently denied */
};

static void who_may_publish_where(void **state)
{
	static const struct write_case cases[] = {
		{"im/u/bob", 0, 0, IM_E_BLOCKED},
		{"im/u/alice", 0, 0, 0},
		{"im/u/root", 0, 0, 0},
		{"im/u/nobody", IM_E_UNKNOWN_USER, IM_E_UNKNOWN_USER, IM_E_UNKNOWN_USER},
		{"im/g/team", 0, IM_E_UNKNOWN_GROUP, IM_E_UNKNOWN_GROUP},
		{"im/g/hall", 0, IM_E_NOT_MEMBER, IM_E_NOT_MEMBER},
		{"im/g/none", IM_E_UNKNOWN_GROUP, IM_E_UNKNOWN_GROUP, IM_E_UNKNOWN_GROUP},
		{"im/s/u/bob", 0, 0, IM_E_BLOCKED},
		{"im/s/g/team", 0, IM_E_UNKNOWN_GROUP, IM_E_UNKNOWN_GROUP},
		{"im/rpc/sync", 0, 0, 0},
		{"im/rpc", 0, 0, 0},
		{"im/inbox/alice/u/bob", IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED},
		{"im/inbox/bob/ack", IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED},
		{"im/room/hall", IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED},
		{"im/presence/alice", IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED},
		{"im", IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED},
		{"im/", IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED},
		{"im/u/bob/x", IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED},
		{"im/u/bo b", IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED, IM_E_NOT_ALLOWED},
		{"$CONTROL/im/v1", IM_E_NOT_ALLOWED, 0, IM_E_NOT_ALLOWED},
		{"$im/down", 1, 1, 1},
		{"$im/up", 1, 1, 1},
		{"$im/0", 1, 1, 1},
		{"imx/u/bob", 1, 1, 1},
		{"dev/alice/t", 0, 1, 1},
		{"dev/carol/t", 1, 1, 0},
		{"open/x", 0, 0, 0},
	};
	const char *const options[] = {
		"allow_topic", "dev/%u/#", "allow_topic", "open/#", "rate_messages", "0", NULL};
	const char *const names[] = {"alice", "root", "carol"};
	size_t i, who;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		struct mosquitto *c[3];
		struct node n;

		node_start(&n, newer, options);
		node_sql(&n, "INSERT INTO block VALUES (2, 3, 0)");
		for (who = 0; who < 3; who++) {
			c[who] = node_client(&n, names[who], names[who], 5);
			assert_non_null(c[who]);
			assert_true(fake_subscribe(c[who], who == 0   ? "im/inbox/alice/#"
							   : who == 1 ? "im/inbox/root/#"
								      : "im/inbox/carol/#"));
		}
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			const int want[3] = {cases[i].alice, cases[i].root, cases[i].carol};

			for (who = 0; who < 3; who++) {
				char part[32], topic[64];
				int rc = publish(
					c[who], cases[i].topic, "{\"id\":\"c-1\",\"body\":1}");

				node_settle(&n);
				if (rc != (want[who] ? FAKE_DENIED : FAKE_ACCEPTED))
					fail_msg("%s publishes to %s: %d", names[who],
						cases[i].topic, rc);
				if (want[who] < 0) {
					snprintf(part, sizeof(part), "\"code\":%d,", want[who]);
					snprintf(topic, sizeof(topic), "im/inbox/%s/ack",
						names[who]);
					received(c[who], topic, part);
				}
				assert_null(fake_received(c[who]));
			}
		}
		node_stop(&n);
	}
}

struct sub_case {
	const char *filter;
	bool alice, root;
};

static void who_may_subscribe_to_what(void **state)
{
	static const struct sub_case cases[] = {
		{"im/inbox/alice/#", true, false},
		{"im/inbox/alice/event", true, false},
		{"im/inbox/alice/+", true, false},
		{"im/inbox/alice/+/+", true, false},
		{"im/inbox/alice/signal/#", true, false},
		{"im/inbox/alice/my/own/answers/1", true, false},
		{"im/inbox/alice/my/own/answers/1/2", false, false},
		{"im/inbox/alice/+/bob", false, false},
		{"im/inbox/alice/+/#", false, false},
		{"im/inbox/alice", false, false},
		{"$share/g/im/inbox/alice/#", true, false},
		{"im/inbox/root/#", false, true},
		{"im/inbox/+/#", false, false},
		{"im/inbox/#", false, false},
		{"im/#", false, false},
		{"im/+/alice/#", false, false},
		{"+/inbox/alice/#", false, false},
		{"#", false, false},
		{"+", false, false},
		{"+/#", false, false},
		{"$share/g/#", false, false},
		{"$share/g/im/#", false, false},
		{"im/u/alice", false, false},
		{"im/u/+", false, false},
		{"im/g/team", false, false},
		{"im/s/u/alice", false, false},
		{"im/rpc/#", false, false},
		{"im/room/hall", true, false},
		{"$share/g/im/room/hall", false, false},
		{"im/room/none", false, false},
		{"im/room/+", false, false},
		{"im/presence/bob", true, true},
		{"im/presence/+", false, false},
		{"im/presence/nobody", false, false},
		{"$im/#", false, false},
		{"$im/up", false, false},
		{"$im/0", false, false},
		{"$share/x/$im/up", false, false},
		{"$CONTROL/im/v1/response", false, true},
		{"$CONTROL/im/v1", false, false},
		{"$CONTROL/#", false, false},
		{"$SYS/#", false, true},
		{"dev/alice/#", true, false},
		{"dev/#", false, false},
		{"$share/g/dev/alice/x", true, false},
		{"a/#/b", false, false},
	};
	const char *const options[] = {"allow_topic", "dev/%u/#", NULL};
	size_t i;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		struct mosquitto *alice = NULL, *root = NULL;
		struct node n;

		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			if (i % 8 == 0) {
				if (i)
					node_stop(&n);
				node_start(&n, newer, options);
				alice = node_client(&n, "alice", "a", 4);
				root = node_client(&n, "root", "r", 4);
			}
			if (fake_subscribe(alice, cases[i].filter) != cases[i].alice)
				fail_msg("alice subscribes to %s", cases[i].filter);
			if (fake_subscribe(root, cases[i].filter) != cases[i].root)
				fail_msg("root subscribes to %s", cases[i].filter);
		}
		node_stop(&n);
	}
}

static void deliver(struct node *n, const char *topic, const char *payload, bool retain)
{
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_TOPIC,
			.flags = retain ? IM_DOWNF_RETAIN : 0,
			.topic = im_str(topic),
			.payload = im_str(payload)},
		NULL, 0);
	node_settle(n);
}

static void a_filter_for_everything_sees_only_ones_own(void **state)
{
	const char *const options[] = {"allow_topic", "#", NULL};
	struct mosquitto *alice, *bob;
	struct node n;

	(void)state;
	node_start(&n, false, options);
	alice = node_client(&n, "alice", "a", 4);
	bob = node_client(&n, "bob", "b", 4);
	assert_true(fake_subscribe(alice, "#"));
	assert_true(fake_subscribe(bob, "#"));
	assert_int_equal(publish(alice, "im/u/bob", "secret"), FAKE_ACCEPTED);
	assert_int_equal(publish(alice, "im/rpc/sync", "{}"), FAKE_ACCEPTED);
	deliver(&n, "inbox/bob/u/alice", "for bob", false);
	deliver(&n, "room/hall", "for the hall", false);
	received(bob, "im/inbox/bob/u/alice", "for bob");
	received(bob, "im/room/hall", "for the hall");
	assert_null(fake_received(bob));
	received(alice, "im/room/hall", "for the hall");
	assert_null(fake_received(alice));
	assert_int_equal(publish(alice, "plain", "mqtt"), FAKE_ACCEPTED);
	received(bob, "plain", "mqtt");
	node_stop(&n);
}

static void presence_follows_the_policy(void **state)
{
	const char *const contacts[] = {"presence_policy", "contacts", NULL};
	const char *const self[] = {"presence_policy", "self", NULL};
	struct mosquitto *alice, *carol, *root;
	struct node n;

	(void)state;
	node_start(&n, false, contacts);
	node_sql(&n, "INSERT INTO contact(owner, peer, state, changed_ms, version)"
		     " VALUES (2, 1, 3, 0, 1)");
	alice = node_client(&n, "alice", "a", 4);
	carol = node_client(&n, "carol", "c", 4);
	root = node_client(&n, "root", "r", 4);
	assert_true(fake_subscribe(alice, "im/presence/bob"));
	assert_false(fake_subscribe(carol, "im/presence/bob"));
	assert_true(fake_subscribe(carol, "im/presence/carol"));
	assert_true(fake_subscribe(root, "im/presence/bob"));
	deliver(&n, "presence/bob", "online", true);
	received(alice, "im/presence/bob", "online");
	/* No contact any more: the subscription stays and brings nothing. */
	node_sql(&n, "DELETE FROM contact");
	node_down(&n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("bob")},
		NULL, 0);
	deliver(&n, "presence/bob", "away", true);
	assert_null(fake_received(alice));
	assert_non_null(fake_retained("im/presence/bob"));
	/* But that bob is deleted is told. */
	node_sql(&n, "DELETE FROM user WHERE uid = 'bob'");
	node_down(&n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("bob")},
		NULL, 0);
	deliver(&n, "presence/bob", "", true);
	received(alice, "im/presence/bob", "");
	node_stop(&n);
	node_start(&n, false, self);
	alice = node_client(&n, "alice", "a", 4);
	assert_false(fake_subscribe(alice, "im/presence/bob"));
	assert_true(fake_subscribe(alice, "im/presence/alice"));
	node_stop(&n);
}

static void a_removed_member_gets_nothing_more(void **state)
{
	struct mosquitto *bob;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	bob = node_client(&n, "bob", "b", 5);
	assert_true(fake_subscribe(bob, "im/room/hall"));
	deliver(&n, "room/hall", "one", false);
	received(bob, "im/room/hall", "one");
	assert_int_equal(publish(bob, "im/g/hall", "x"), FAKE_ACCEPTED);
	node_sql(&n, "DELETE FROM member WHERE uid = 'bob'");
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_FORGET_MEMBER,
			.user = IM_STR("bob"),
			.topic = IM_STR("hall")},
		NULL, 0);
	deliver(&n, "room/hall", "two", false);
	assert_null(fake_received(bob));
	assert_int_equal(publish(bob, "im/g/hall", "x"), FAKE_DENIED);
	assert_false(fake_subscribe(bob, "im/room/hall"));
	/* The other group is not touched until its turn comes. */
	assert_int_equal(publish(bob, "im/g/team", "x"), FAKE_DENIED);
	node_stop(&n);
}

static void mutes_and_contacts_only(void **state)
{
	const char *const options[] = {"direct_policy", "contacts", NULL};
	struct mosquitto *alice, *bob;
	struct node n;

	(void)state;
	node_start(&n, false, options);
	node_sql(&n, "UPDATE grp SET muted_until_ms = 1763650060000 WHERE gid = 'team';"
		     "UPDATE member SET muted_until_ms = 1763650060000"
		     " WHERE grp = 2 AND uid = 'alice'");
	alice = node_client(&n, "alice", "a", 5);
	bob = node_client(&n, "bob", "b", 5);
	assert_true(fake_subscribe(bob, "im/inbox/bob/ack"));
	assert_int_equal(publish(alice, "im/g/team", "owner"), FAKE_ACCEPTED);
	assert_int_equal(publish(alice, "im/g/hall", "muted"), FAKE_DENIED);
	assert_int_equal(publish(bob, "im/g/team", "{\"id\":\"m1\",\"body\":\"x\"}"), FAKE_DENIED);
	node_settle(&n);
	received(bob, "im/inbox/bob/ack",
		"{\"id\":\"m1\",\"conv\":\"g/team\",\"error\":"
		"{\"code\":-32004,");
	assert_int_equal(publish(bob, "im/u/alice", "hi"), FAKE_DENIED);
	node_settle(&n);
	received(bob, "im/inbox/bob/ack", "\"id\":null,\"conv\":\"u/alice\"");
	node_sql(&n, "INSERT INTO contact(owner, peer, state, changed_ms, version)"
		     " VALUES (1, 2, 3, 0, 1)");
	node_down(&n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")},
		NULL, 0);
	assert_int_equal(publish(bob, "im/u/alice", "hi"), FAKE_ACCEPTED);
	node_pass(&n, 60000);
	assert_int_equal(publish(bob, "im/g/team", "again"), FAKE_ACCEPTED);
	node_stop(&n);
}

/* An array of requests counts as many as it has elements, whoever of them can be read. */
static void arrays_of_requests_are_counted(void **state)
{
	const char *const options[] = {"rate_messages", "10", NULL};
	static const struct {
		const char *topic, *payload;
		unsigned fit; /* in a bucket of 40, of which one is taken */
	} cases[] = {
		{"im/rpc", "{}", 39},
		{"im/rpc", "[]", 39},
		{"im/rpc", "7", 39},
		{"im/rpc", " [1,[2,3,4,5]]", 19},
		{"im/rpc", "[1,{\"a\":[1,2,3,4]},\"[,,,,]\",4,5,6,7,8,9,10]", 3},
		{"im/rpc", "[1,2,3", 19},
		/* With a method in the topic it is one request. */
		{"im/rpc/user.get", "[1,2,3,4,5,6,7,8,9,10]", 39},
	};
	char many[256] = "[0";
	struct mosquitto *alice;
	struct node n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned asked = 0;

		node_start(&n, false, options);
		alice = node_client(&n, "alice", "a", 5);
		assert_int_equal(publish(alice, "im/u/bob", "x"), FAKE_ACCEPTED);
		while (asked < 100 && node_count(&n, IM_UP_RPC) == asked) {
			assert_int_equal(
				publish(alice, cases[i].topic, cases[i].payload), FAKE_ACCEPTED);
			node_settle(&n);
			asked++;
		}
		if (asked - 1 != cases[i].fit)
			fail_msg("%s: %u", cases[i].payload, asked - 1);
		node_stop(&n);
	}
	/* What nobody could pay is paid by a bucket that is full, and by none that is not. */
	for (int i = 1; i < 60; i++)
		strcat(many, ",0");
	strcat(many, "]");
	node_start(&n, false, options);
	alice = node_client(&n, "alice", "a", 5);
	assert_true(fake_subscribe(alice, "im/inbox/alice/rpc/#"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(publish(alice, "im/rpc", many), FAKE_ACCEPTED);
		node_settle(&n);
		assert_int_equal(node_count(&n, IM_UP_RPC), 1);
	}
	received(alice, "im/inbox/alice/rpc/a",
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32008,");
	/* Fifty are counted, no more: after a second there is room for messages again. */
	node_pass(&n, 900);
	assert_int_equal(publish(alice, "im/u/bob", "x"), FAKE_DENIED);
	node_pass(&n, 300);
	assert_int_equal(publish(alice, "im/u/bob", "x"), FAKE_ACCEPTED);
	node_stop(&n);
}

static void sizes_and_rates(void **state)
{
	const char *const options[] = {
		"max_payload", "1000", "rate_messages", "10", "rate_bytes", "10000", NULL};
	static char big[1001];
	struct mosquitto *alice;
	struct node n;
	int i, accepted = 0;

	(void)state;
	node_start(&n, false, options);
	alice = node_client(&n, "alice", "a", 5);
	assert_true(fake_subscribe(alice, "im/inbox/alice/#"));
	assert_int_equal(publish(alice, "im/u/bob", ""), FAKE_ACCEPTED);
	assert_int_equal(
		fake_publish(alice, "im/u/bob", (struct im_str){big, 1000}, 1, false, NULL),
		FAKE_ACCEPTED);
	assert_int_equal(
		fake_publish(alice, "im/u/bob", (struct im_str){big, 1001}, 1, false, NULL),
		FAKE_DENIED);
	node_settle(&n);
	received(alice, "im/inbox/alice/ack", "\"code\":-32007,");
	for (i = 0; i < 100; i++)
		accepted += publish(alice, "im/u/bob", "x") == FAKE_ACCEPTED;
	assert_in_range(accepted, 30, 40);
	node_settle(&n);
	received(alice, "im/inbox/alice/ack", "\"code\":-32008,");
	/* Another connection of the same user has no bucket of its own. */
	assert_int_equal(publish(node_client(&n, "alice", "a2", 5), "im/u/bob", "x"), FAKE_DENIED);
	assert_int_equal(publish(node_client(&n, "bob", "b", 5), "im/u/alice", "x"), FAKE_ACCEPTED);
	node_pass(&n, 1000);
	for (i = 0; i < 100; i++)
		accepted += publish(alice, "im/u/bob", "x") == FAKE_ACCEPTED;
	assert_in_range(accepted, 40, 51);
	node_stop(&n);
}

/* A device of a device account with a connection of its own; how many of 100 are taken. */
static int sends(struct node *n, const char *id, bool persistent)
{
	struct mosquitto *c = fake_connect(&(struct fake_spec){.id = id,
		.user = "carol",
		.password = "pw",
		.version = 5,
		.persistent = persistent});
	int taken = 0;

	assert_non_null(c);
	for (int i = 0; i < 100; i++)
		taken += fake_publish(c, "im/u/bob", IM_STR("x"), 1, false, NULL) == FAKE_ACCEPTED;
	fake_disconnect(c, false);
	node_settle(n);
	return taken;
}

static void reconnecting_fills_no_bucket(void **state)
{
	const char *const options[] = {"rate_messages", "10", "auth_threads", "0", NULL};
	struct mosquitto *idle[2];
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_folder(&n);
		node_sql(&n, "UPDATE user SET role = 2 WHERE uid = 'carol'");
		assert_int_equal(node_load(&n, newer, options), 0);
		node_bridge(&n);
		assert_int_equal(sends(&n, "d1", newer), 40);
		/* Neither with the client id nor with another one: the account has no more. */
		assert_int_equal(sends(&n, "d1", newer), 0);
		assert_int_equal(sends(&n, "d2", newer), 0);
		idle[0] = fake_connect(
			&(struct fake_spec){.id = "i1", .user = "carol", .password = "pw"});
		idle[1] = fake_connect(
			&(struct fake_spec){.id = "i2", .user = "carol", .password = "pw"});
		node_pass(&n, 2000);
		/* There is room for others, and the wild one does not take it. */
		assert_in_range(sends(&n, "d1", newer), 20, 21);
		assert_in_range(sends(&n, "d1", newer), 0, 1);
		assert_in_range(sends(&n, "d3", newer), 35, 40);
		fake_disconnect(idle[0], false);
		fake_disconnect(idle[1], false);
		node_stop(&n);
	}
}

/* One publish over the rate; what becomes of it. */
static int over_the_rate(struct mosquitto *c, const char *payload, int qos)
{
	int i, rc;

	for (i = 0; i < 100; i++) {
		rc = fake_publish(c, "im/u/bob", im_str(payload), qos, false, NULL);
		if (rc != FAKE_ACCEPTED)
			return rc;
	}
	return FAKE_ACCEPTED;
}

static void who_cannot_be_told_gets_no_puback(void **state)
{
	const char *const options[] = {"rate_messages", "10", NULL};
	const char *const with_id = "{\"id\":\"c-1\",\"body\":1}";
	struct mosquitto *c;
	struct node n;
	int i;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, options);
		c = node_client(&n, "alice", "a", 5);
		/* 2.1 can say that it is not for good. */
		for (i = 1; i <= 2; i++)
			assert_int_equal(
				over_the_rate(c, "x", i), newer ? FAKE_QUOTA : FAKE_DENIED);
		assert_int_equal(over_the_rate(c, "x", 0), FAKE_DENIED);
		assert_int_equal(publish(c, "im/u/nobody", "x"), newer ? FAKE_QUOTA : FAKE_DENIED);
		assert_int_equal(publish(c, "im/inbox/bob/ack", "x"), FAKE_DENIED);
		c = node_client(&n, "alice", "b", 4);
		assert_int_equal(over_the_rate(c, "x", 0), FAKE_DENIED);
		/* Neither its events nor a share of its acks tell it. */
		assert_true(fake_subscribe(c, "im/inbox/alice/event"));
		assert_true(fake_subscribe(c, "$share/g/im/inbox/alice/ack"));
		for (i = 1; i <= 2; i++) {
			assert_int_equal(over_the_rate(c, with_id, i), FAKE_CLOSED);
			assert_false(fake_connected(c));
			c = node_client(&n, "alice", "b", 4);
		}
		assert_true(fake_subscribe(c, "im/inbox/alice/#"));
		assert_int_equal(over_the_rate(c, with_id, 1), FAKE_DENIED);
		assert_true(fake_connected(c));
		/* It listens, but would not know which one. */
		assert_int_equal(over_the_rate(c, "x", 1), FAKE_CLOSED);
		c = node_client(&n, "alice", "b", 4);
		assert_true(fake_subscribe(c, "im/inbox/alice/#"));
		fake_unsubscribe(c, "im/inbox/alice/#");
		assert_int_equal(over_the_rate(c, with_id, 1), FAKE_CLOSED);
		/* Where sending again is no use, it is told, heard or not. */
		c = node_client(&n, "bob", "b2", 4);
		assert_int_equal(publish(c, "im/u/nobody", "x"), FAKE_DENIED);
		assert_true(fake_connected(c));
		node_stop(&n);
	}
}

static void refusals_are_bounded(void **state)
{
	struct mosquitto *alice;
	struct node n;
	int i, told = 0;

	(void)state;
	node_start(&n, false, NULL);
	alice = node_client(&n, "alice", "a", 5);
	assert_true(fake_subscribe(alice, "im/inbox/alice/ack"));
	for (i = 0; i < 20000; i++)
		assert_int_equal(publish(alice, "im/u/nobody", "x"), FAKE_DENIED);
	node_settle(&n);
	while (fake_received(alice))
		told++;
	assert_int_equal(told, IM_REFUSALS_PER_SECOND * 5);
	assert_int_equal(node_stat(&n, "refusals_kept"), 20000 - told);
	node_stop(&n);
}

static void requests_are_answered_where_they_ask(void **state)
{
	mosquitto_property *props = NULL;
	const struct node_record *r;
	const struct fake_message *m;
	struct mosquitto *bob;
	struct node n;
	static const char start[] = "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":-32602,";
	char corr[300];
	size_t i;
	const char *const elsewhere[] = {"im/inbox/alice/rpc/x", "im/u/bob", "x", "im/inbox/bob",
		"im/inbox/bob/#", "im/inbox/bob/+/x", "$im/down"};

	(void)state;
	node_start(&n, false, NULL);
	bob = node_client(&n, "bob", "b-cli", 5);
	assert_true(fake_subscribe(bob, "im/inbox/bob/#"));
	mosquitto_property_add_string(&props, MQTT_PROP_RESPONSE_TOPIC, "im/inbox/bob/my/replies");
	mosquitto_property_add_binary(&props, MQTT_PROP_CORRELATION_DATA, "C7", 2);
	assert_int_equal(fake_publish(bob, "im/rpc/conv.list", IM_STR("{}"), 1, false, props), 0);
	mosquitto_property_free_all(&props);
	node_settle(&n);
	r = node_find(&n, IM_UP_RPC, 0);
	assert_non_null(r);
	assert_string_equal(r->target, "conv.list");
	assert_string_equal(r->reply_topic, "im/inbox/bob/my/replies");
	assert_str(r->corr, "C7");
	assert_int_equal(r->flags, IM_UPF_V5);
	for (i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		mosquitto_property_add_string(&props, MQTT_PROP_RESPONSE_TOPIC, elsewhere[i]);
		mosquitto_property_add_binary(&props, MQTT_PROP_CORRELATION_DATA, "C8", 2);
		assert_int_equal(fake_publish(bob, "im/rpc",
					 IM_STR("{\"id\":5,\"method\":\"sync\"}"), 1, false, props),
			0);
		mosquitto_property_free_all(&props);
		node_settle(&n);
		m = fake_received(bob);
		assert_string_equal(m->topic, "im/inbox/bob/rpc/b-cli");
		assert_true(m->payload.n > sizeof(start) - 1);
		assert_memory_equal(m->payload.p, start, sizeof(start) - 1);
		assert_string_equal(m->props, "type=application/json;corr=C8;");
	}
	memset(corr, 'x', sizeof(corr));
	mosquitto_property_add_binary(&props, MQTT_PROP_CORRELATION_DATA, corr, sizeof(corr));
	assert_int_equal(fake_publish(bob, "im/rpc/sync", IM_STR("{}"), 1, false, props), 0);
	mosquitto_property_free_all(&props);
	node_settle(&n);
	received(bob, "im/inbox/bob/rpc/b-cli", "correlation data has 300 bytes");
	assert_int_equal(node_count(&n, IM_UP_RPC), 1);
	node_stop(&n);
}

/* A request of nonsense, which the plugin answers itself, and one that the bridge answers. */
static void asked_and_answered(struct node *n, const char *id, const char *topic)
{
	struct mosquitto *c = node_client(n, "bob", id, 4);
	const struct im_down_rec reply = {.type = IM_DOWN_REPLY,
		.user = IM_STR("bob"),
		.device = im_str(id),
		.payload = IM_STR("{}")};
	const struct fake_message *m;
	char large[1025];

	assert_true(fake_subscribe(c, topic));
	memset(large, ' ', sizeof(large));
	assert_int_equal(fake_publish(c, "im/rpc/sync", (struct im_str){large, sizeof(large)}, 1,
				 false, NULL),
		FAKE_ACCEPTED);
	node_settle(n);
	received(c, topic, "too large");
	assert_string_equal(node_find(n, IM_UP_OPEN, node_count(n, IM_UP_OPEN) - 1)->device, id);
	node_down(n, &reply, NULL, 0);
	node_settle(n);
	m = fake_received(c);
	assert_non_null(m);
	assert_string_equal(m->topic, topic);
	assert_str(m->payload, "{}");
	fake_logged("");
	assert_null(fake_connect(&(struct fake_spec){.id = id, .user = "alice", .password = "pw"}));
	assert_true(fake_logged(strrchr(topic, '/') + 1));
}

static void a_client_id_stands_encoded_in_topics_and_in_the_log(void **state)
{
	char longest[IM_DEVICE_MAX + 1], topic[512] = "im/inbox/bob/rpc/";
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, (const char *[]){"max_payload", "1024", NULL});
		asked_and_answered(&n, "b:c@d.e_f-g", "im/inbox/bob/rpc/b:c@d.e_f-g");
		asked_and_answered(
			&n, "Bob's 1/2 + #%", "im/inbox/bob/rpc/Bob%27s%201%2F2%20%2B%20%23%25");
		asked_and_answered(&n, "\xc3\x84rger", "im/inbox/bob/rpc/%C3%84rger");
		topic[sizeof("im/inbox/bob/rpc/") - 1] = '\0';
		for (size_t i = 0; i < IM_DEVICE_MAX; i++) {
			longest[i] = '#';
			strcat(topic, "%23");
		}
		longest[IM_DEVICE_MAX] = '\0';
		asked_and_answered(&n, longest, topic);
		node_stop(&n);
	}
}

static void the_senders_name_is_the_brokers(void **state)
{
	mosquitto_property *props = NULL;
	const struct node_record *r;
	struct mosquitto *alice;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	alice = node_client(&n, "alice", "a", 5);
	mosquitto_property_add_string_pair(&props, MQTT_PROP_USER_PROPERTY, "x", "y");
	mosquitto_property_add_string_pair(&props, MQTT_PROP_USER_PROPERTY, "id", "c-17");
	mosquitto_property_add_string_pair(&props, MQTT_PROP_USER_PROPERTY, "id", "c-18");
	assert_int_equal(fake_publish(alice, "im/u/bob", IM_STR("{\"from\":\"bob\",\"body\":1}"), 2,
				 true, props),
		FAKE_ACCEPTED);
	mosquitto_property_free_all(&props);
	node_settle(&n);
	r = node_find(&n, IM_UP_MSG_USER, 0);
	assert_string_equal(r->user, "alice");
	assert_string_equal(r->device, "a");
	assert_string_equal(r->target, "bob");
	assert_string_equal(r->id, "c-17");
	assert_int_equal(r->flags, IM_UPF_DURABLE | IM_UPF_V5);
	assert_int_equal(r->ts_ms, 1763650000000);
	assert_str(r->payload, "{\"from\":\"bob\",\"body\":1}");
	/* Neither the send topic nor the sink keeps anything. */
	assert_null(fake_retained("im/u/bob"));
	assert_null(fake_retained("$im/0"));
	node_stop(&n);
}

static void who_may_come_in(void **state)
{
	char longer[IM_DEVICE_MAX + 2];
	const struct fake_spec refused[] = {
		{.id = "x", .user = "alice", .password = "wrong"},
		{.id = "x", .user = "alice"},
		{.id = "x", .user = "nobody", .password = "pw"},
		{.id = "x", .password = "pw"},
		{.id = "x"},
		{.id = "x", .user = "al ice", .password = "pw"},
		{.id = "right\xe2\x80\xaeleft", .user = "alice", .password = "pw"},
		{.id = longer, .user = "alice", .password = "pw"},
		{.id = "line\nbreak", .user = "alice", .password = "pw"},
		{.id = "phone", .user = "bob", .password = "pw"},
		{.id = "bobs", .user = "alice", .password = "pw"},
		{.id = "im-bridge", .user = "im-bridge", .password = "pw"},
		{.id = "x", .user = "im-bridge", .address = "/run/link"},
		{.id = "x", .user = "alice", .address = "/run/link"},
		{.id = "$im/x", .user = "alice", .password = "pw"},
		{.id = "$im/x", .user = "alice", .password = "pw", .address = "/run/link"},
		{.id = "$im/", .password = "pw"},
	};
	const struct fake_spec by_the_links_socket = {
		.id = "x", .user = "carol", .password = "pw", .address = "/run/link"};
	struct node n;
	size_t i;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		node_sql(&n, "INSERT INTO device(device, user, created_ms, seen_ms) VALUES "
			     "('bobs', 2, 0, 0)");
		assert_non_null(node_client(&n, "alice", "phone", 4));
		assert_non_null(node_client(&n, "bob", "bobs", 4));
		fake_logged("");
		for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
			n.mono_us += 20000000;
			if (fake_connect(&refused[i]))
				fail_msg("case %zu came in", i);
			assert_int_equal(fake_auth_result(), MOSQ_ERR_AUTH);
			assert_true(fake_logged("login refused"));
		}
		node_settle(&n);
		assert_string_equal(node_life(&n, "phone"), "O");
		assert_string_equal(node_life(&n, "bobs"), "O");
		assert_int_equal(node_stat(&n, "sessions_online"), 2);
		/* A socket is no proof of anything, and no obstacle either. */
		assert_non_null(fake_connect(&by_the_links_socket));
		node_stop(&n);
	}
}

static void a_deleted_or_disabled_user_leaves(void **state)
{
	struct mosquitto *alice, *bob;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		alice = node_client(&n, "alice", "a", 4);
		bob = node_client(&n, "bob", "b", 4);
		node_sql(&n, "UPDATE user SET disabled = 1 WHERE uid = 'alice';"
			     "UPDATE user SET deleted = 1 WHERE uid = 'bob'");
		node_down(&n,
			&(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")},
			NULL, 0);
		/* Not from within the event, but at once without rights. */
		assert_true(fake_connected(alice));
		assert_int_equal(publish(alice, "im/u/carol", "x"), FAKE_DENIED);
		node_end(&n);
		assert_false(fake_connected(alice));
		assert_true(fake_connected(bob));
		node_down(&n,
			&(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("bob")},
			NULL, 0);
		node_end(&n);
		assert_false(fake_connected(bob));
		assert_null(node_client(&n, "alice", "a", 4));
		node_stop(&n);
	}
}

static void without_a_directory_everything_is_refused_and_said(void **state)
{
	struct mosquitto *alice;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	alice = node_client(&n, "alice", "a", 5);
	assert_true(fake_subscribe(alice, "im/inbox/alice/ack"));
	node_sql(&n, "ALTER TABLE user RENAME TO away");
	node_down(&n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")},
		NULL, 0);
	assert_int_equal(publish(alice, "im/u/carol", "x"), FAKE_DENIED);
	assert_true(fake_logged("directory unreadable"));
	node_settle(&n);
	received(alice, "im/inbox/alice/ack", "\"code\":-32009,");
	assert_null(node_client(&n, "carol", "c", 4));
	assert_true(fake_connected(alice));
	node_sql(&n, "ALTER TABLE away RENAME TO user");
	assert_int_equal(publish(alice, "im/u/carol", "x"), FAKE_ACCEPTED);
	node_stop(&n);
}

/* Nobody is told that he may not, when nobody knows. */
static void a_fault_is_no_lack_of_rights(void **state)
{
	static const struct im_down_rec root = {
		.type = IM_DOWN_FORGET_USER, .user = {"root", sizeof("root") - 1}};
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	c = node_client(&n, "root", "r", 5);
	assert_true(fake_subscribe(c, "im/inbox/root/ack"));
	node_settle(&n);
	node_sql(&n, "ALTER TABLE user RENAME TO away");
	node_down(&n, &root, NULL, 0);
	assert_int_equal(publish(c, IM_TOPIC_CONTROL, "{\"commands\":[]}"), FAKE_DENIED);
	node_settle(&n);
	received(c, "im/inbox/root/ack", "\"code\":-32009,");
	node_sql(&n, "ALTER TABLE away RENAME TO user");
	assert_int_equal(publish(c, IM_TOPIC_CONTROL, "{\"commands\":[]}"), FAKE_ACCEPTED);
	node_stop(&n);
}

static void what_may_not_be_heard_for_a_fault_is_said(void **state)
{
	static const char *const cases[][2] = {
		{"im/presence/bob", "user"}, {"im/room/hall", "grp"}, {"im/room/hall", "member"}};
	char sql[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mosquitto *c;
		struct node n;

		node_start(&n, false, NULL);
		c = node_client(&n, "alice", "a", 4);
		node_settle(&n);
		snprintf(sql, sizeof(sql), "ALTER TABLE %s RENAME TO away", cases[i][1]);
		node_sql(&n, sql);
		assert_false(fake_subscribe(c, cases[i][0]));
		assert_true(fake_logged("directory unreadable"));
		snprintf(sql, sizeof(sql), "ALTER TABLE away RENAME TO %s", cases[i][1]);
		node_sql(&n, sql);
		assert_true(fake_subscribe(c, cases[i][0]));
		node_stop(&n);
	}
}

static void other_brokers_bridges_stay_out(void **state)
{
	const char *const options[] = {"allow_topic", "plant/#", NULL};
	struct mosquitto *alice;
	struct node n;

	(void)state;
	node_start(&n, false, options);
	alice = node_client(&n, "alice", "a", 4);
	assert_true(fake_subscribe(alice, "plant/#"));
	assert_true(fake_subscribe(alice, "im/inbox/alice/#"));
	assert_int_equal(fake_bridged("plant/1", IM_STR("t")), FAKE_ACCEPTED);
	received(alice, "plant/1", "t");
	assert_int_equal(fake_bridged("im/u/alice", IM_STR("forged")), FAKE_DENIED);
	assert_int_equal(fake_bridged("im/inbox/alice/u/bob", IM_STR("forged")), FAKE_DENIED);
	assert_int_equal(fake_bridged("$im/down", IM_STR("forged")), FAKE_DENIED);
	node_settle(&n);
	assert_null(fake_received(alice));
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 0);
	/* Who wrote a retained message is asked without a connection. */
	assert_true(fake_retained_allowed("alice", "plant/1"));
	assert_false(fake_retained_allowed("alice", "im/u/bob"));
	assert_false(fake_retained_allowed("alice", "other"));
	assert_int_equal(node_stat(&n, "wills"), 0);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_publish_where),
		cmocka_unit_test(who_may_subscribe_to_what),
		cmocka_unit_test(a_filter_for_everything_sees_only_ones_own),
		cmocka_unit_test(presence_follows_the_policy),
		cmocka_unit_test(a_removed_member_gets_nothing_more),
		cmocka_unit_test(mutes_and_contacts_only),
		cmocka_unit_test(arrays_of_requests_are_counted),
		cmocka_unit_test(sizes_and_rates),
		cmocka_unit_test(reconnecting_fills_no_bucket),
		cmocka_unit_test(who_cannot_be_told_gets_no_puback),
		cmocka_unit_test(refusals_are_bounded),
		cmocka_unit_test(requests_are_answered_where_they_ask),
		cmocka_unit_test(the_senders_name_is_the_brokers),
		cmocka_unit_test(a_client_id_stands_encoded_in_topics_and_in_the_log),
		cmocka_unit_test(who_may_come_in),
		cmocka_unit_test(a_deleted_or_disabled_user_leaves),
		cmocka_unit_test(without_a_directory_everything_is_refused_and_said),
		cmocka_unit_test(a_fault_is_no_lack_of_rights),
		cmocka_unit_test(what_may_not_be_heard_for_a_fault_is_said),
		cmocka_unit_test(other_brokers_bridges_stay_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
