/* SPDX-License-Identifier: BSD-3-Clause */
/* The node ends a session: the last event, to whom and why, what the session may do after it, and
 * when it is disconnected; in both broker generations. */
#include <stdio.h>

#include "common/wire.h"
#include "tests/unit/plugin_node.h"

#define INBOX "im/inbox/alice/#"

static void each(void (*test)(struct node *n))
{
	static const char *const options[] = {"allow_topic", "plant/#", NULL};

	node_each(test, options);
}

static struct mosquitto *come(struct node *n, const char *user, const char *id, int version)
{
	char filter[64];
	struct mosquitto *c = node_client(n, user, id, version);

	assert_non_null(c);
	snprintf(filter, sizeof(filter), "im/inbox/%s/#", user);
	assert_true(fake_subscribe(c, filter));
	node_settle(n);
	return c;
}

static void down(struct node *n, uint8_t type, const char *user, const char *device, unsigned why)
{
	const struct im_down_rec r = {.type = type,
		.flags = (uint8_t)why,
		.user = im_str(user),
		.device = im_str(device)};

	node_down(n, &r, NULL, 0);
}

/* All that the client has got on its inbox's events, at QoS 0, one after the other. */
static const char *heard(struct mosquitto *c)
{
	static char text[2048];
	const struct fake_message *m;
	size_t n = 0;

	text[0] = '\0';
	while ((m = fake_received(c))) {
		assert_string_equal(m->topic + strlen(m->topic) - 6, "/event");
		assert_int_equal(m->qos, strncmp(m->payload.p, "{\"event\":\"device\"", 17) == 0);
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "%s%.*s", n ? " " : "", IM_ARGS(m->payload));
	}
	return text;
}

static const char *last(const char *device, const char *reason, const char *retry)
{
	static char text[256];

	snprintf(text, sizeof(text),
		"{\"event\":\"session\",\"action\":\"end\",\"device\":\"%s\",\"reason\":\"%s\","
		"\"retry\":\"%s\"}",
		device, reason, retry);
	return text;
}

/* Told at once, without rights from there on, and gone a tenth of a second later. */
static void ends(struct node *n, struct mosquitto *c, const char *reason, const char *retry)
{
	fake_turn();
	assert_string_equal(heard(c), last("phone", reason, retry));
	assert_int_equal(fake_publish(c, "im/u/bob", IM_STR("x"), 0, false, NULL), FAKE_DENIED);
	assert_int_equal(fake_publish(c, "plant/1", IM_STR("x"), 0, false, NULL), FAKE_DENIED);
	assert_int_equal(fake_publish(c, "im/rpc/sync", IM_STR("{}"), 0, false, NULL), FAKE_DENIED);
	assert_false(fake_subscribe(c, INBOX));
	node_down(n,
		&(struct im_down_rec){
			.type = IM_DOWN_INBOX, .topic = IM_STR("event"), .payload = IM_STR("{}")},
		&(struct im_recipient){.uid = IM_STR("alice")}, 1);
	node_pass(n, 99);
	assert_true(fake_connected(c));
	assert_string_equal(heard(c), "");
	node_end(n);
	assert_false(fake_connected(c));
	assert_int_equal(node_count(n, IM_UP_MSG_USER) + node_count(n, IM_UP_RPC), 0);
}

static void others_hear_nothing_of_it(struct node *n)
{
	struct mosquitto *c = come(n, "alice", "phone", 4), *kept, *tablet;

	kept = fake_connect(&(struct fake_spec){
		.id = "kept", .user = "alice", .password = "pw", .persistent = true});
	assert_true(fake_subscribe(kept, INBOX));
	node_settle(n);
	fake_disconnect(kept, false);
	tablet = come(n, "alice", "tablet", 5);
	down(n, IM_DOWN_KICK_DEVICE, "alice", "phone", IM_END_REMOVED);
	node_end(n);
	assert_string_equal(heard(c), last("phone", "removed", "no"));
	assert_true(fake_connected(tablet));
	assert_string_equal(heard(tablet), "");
	/* Nothing of it waits for anybody; the device itself is greeted as ever. */
	kept = fake_connect(&(struct fake_spec){
		.id = "kept", .user = "alice", .password = "pw", .persistent = true});
	node_settle(n);
	assert_string_equal(heard(kept), "");
	c = come(n, "alice", "phone", 4);
	assert_string_equal(heard(c), "");
}

static void an_order_says_why(struct node *n)
{
	static const struct {
		uint8_t type, why;
		const char *reason, *retry;
	} orders[] = {
		{IM_DOWN_KICK_DEVICE, IM_END_KICKED, "kicked", "later"},
		{IM_DOWN_KICK_DEVICE, IM_END_REMOVED, "removed", "no"},
		/* From a bridge that knows of more. */
		{IM_DOWN_KICK_DEVICE, IM_ENDS, "kicked", "later"},
		{IM_DOWN_KICK_USER, IM_END_KICKED, "kicked", "later"},
		{IM_DOWN_KICK_USER, IM_END_DISABLED, "disabled", "no"},
		{IM_DOWN_KICK_USER, IM_END_DELETED, "deleted", "no"},
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct mosquitto *c = come(n, "alice", "phone", i % 2 ? 4 : 5);

		down(n, orders[i].type, "alice",
			orders[i].type == IM_DOWN_KICK_DEVICE ? "phone" : "", orders[i].why);
		ends(n, c, orders[i].reason, orders[i].retry);
	}
}

static void the_directory_says_why(struct node *n)
{
	static const char *const changes[][3] = {
		{"UPDATE user SET disabled = 1 WHERE uid = 'alice'", "disabled", "no"},
		{"UPDATE user SET disabled = 0, deleted = 1 WHERE uid = 'alice'", "deleted", "no"},
		/* An older database: the name is somebody else's. */
		{"UPDATE user SET deleted = 0, id = 99 WHERE uid = 'alice'", "deleted", "no"},
	};

	for (size_t i = 0; i < 3; i++) {
		struct mosquitto *c = come(n, "alice", "phone", 4);

		node_sql(n, changes[i][0]);
		down(n, IM_DOWN_FORGET_USER, "alice", "", 0);
		/* The bridge's order follows, and says nothing new. */
		if (i < 2)
			down(n, IM_DOWN_KICK_USER, "alice", "", IM_END_KICKED);
		ends(n, c, changes[i][1], changes[i][2]);
		node_sql(
			n, "UPDATE user SET disabled = 0, deleted = 0, id = 1 WHERE uid = 'alice'");
		down(n, IM_DOWN_FORGET_USER, "alice", "", 0);
	}
}

static void a_new_password(struct node *n)
{
	struct mosquitto *c = come(n, "alice", "phone", 4), *mine = come(n, "alice", "mine", 4);
	const struct im_down_rec r = {.type = IM_DOWN_CREDENTIAL,
		.user = IM_STR("alice"),
		.device = IM_STR("mine"),
		.epoch = INT64_MAX};

	node_sql(n, "UPDATE user SET password = NULL WHERE uid = 'alice'");
	/* Shown before it is told: nobody is ended for it yet. */
	down(n, IM_DOWN_FORGET_USER, "alice", "", 0);
	node_pass(n, 50);
	assert_string_equal(heard(c), "");
	assert_string_equal(heard(mine), "");
	assert_int_equal(fake_publish(mine, "plant/1", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
	node_down(n, &r, NULL, 0);
	ends(n, c, "password", "token");
	assert_true(fake_connected(mine));
	assert_int_equal(fake_publish(mine, "plant/1", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
}

static void a_new_password_that_nobody_tells(struct node *n)
{
	struct mosquitto *c = come(n, "alice", "phone", 4);

	node_sql(n, "UPDATE user SET password = NULL WHERE uid = 'alice'");
	down(n, IM_DOWN_FORGET_USER, "alice", "", 0);
	node_pass(n, 50);
	assert_string_equal(heard(c), "");
	node_end(n);
	ends(n, c, "password", "token");
}

static void a_place_for_another(struct node *n)
{
	struct mosquitto *c = come(n, "alice", "phone", 4), *next;
	char text[512];

	n->mono_us += 1000000;
	n->wall_ms += 1000;
	next = node_client(n, "alice", "tablet", 4);
	assert_non_null(next);
	fake_turn();
	/* That it makes room it hears as all do; and then its last event. */
	snprintf(text, sizeof(text),
		"{\"event\":\"device\",\"action\":\"replace\",\"device\":\"phone\",\"by\":"
		"\"tablet\"} %s",
		last("phone", "replaced", "no"));
	assert_string_equal(heard(c), text);
	node_end(n);
	assert_false(fake_connected(c));
	assert_true(fake_connected(next));
}

static void every_end_says_why(void **state)
{
	static const char *const one[] = {"max_devices", "1", "device_policy", "oldest", NULL};

	(void)state;
	each(an_order_says_why);
	each(the_directory_says_why);
	each(a_new_password);
	each(a_new_password_that_nobody_tells);
	node_each(a_place_for_another, one);
}

static void it_is_for_that_device_alone(void **state)
{
	(void)state;
	each(others_hear_nothing_of_it);
}

/* A PUBACK would say that the message is safe. */
static void what_it_sends_then(struct node *n)
{
	struct mosquitto *c = come(n, "alice", "phone", 4), *v5 = come(n, "alice", "five", 5);

	down(n, IM_DOWN_KICK_USER, "alice", "", IM_END_KICKED);
	fake_turn();
	assert_int_equal(fake_publish(c, "im/u/bob", IM_STR("x"), 1, false, NULL), FAKE_CLOSED);
	assert_int_equal(fake_publish(v5, "im/u/bob", IM_STR("x"), 1, false, NULL), FAKE_DENIED);
	assert_true(fake_connected(v5));
	/* Of whom nothing is taken any more, that makes no difference. */
	c = come(n, "bob", "bobs", 4);
	node_sql(n, "UPDATE user SET disabled = 1 WHERE uid = 'bob'");
	down(n, IM_DOWN_FORGET_USER, "bob", "", 0);
	assert_int_equal(fake_publish(c, "im/u/carol", IM_STR("x"), 1, false, NULL), FAKE_DENIED);
	assert_true(fake_connected(c));
	node_end(n);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 0);
}

static void what_is_sent_after_it_is_not_taken(void **state)
{
	(void)state;
	each(what_it_sends_then);
}

/* Who comes between the event and the kick is not meant. */
static void who_comes_meanwhile(struct node *n)
{
	struct mosquitto *c = come(n, "alice", "phone", 4), *other = come(n, "alice", "tablet", 4);
	struct mosquitto *again;

	down(n, IM_DOWN_KICK_USER, "alice", "", IM_END_KICKED);
	fake_turn();
	again = come(n, "alice", "phone", 4);
	assert_false(fake_connected(c));
	node_end(n);
	assert_false(fake_connected(other));
	assert_true(fake_connected(again));
	assert_int_equal(
		fake_publish(again, "im/u/bob", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
	/* Nor does the same device hear of the end of its former connection. */
	down(n, IM_DOWN_KICK_DEVICE, "alice", "phone", IM_END_KICKED);
	c = node_client(n, "alice", "phone", 4);
	assert_true(fake_subscribe(c, INBOX));
	node_end(n);
	assert_string_equal(heard(c), "");
	assert_true(fake_connected(c));
}

static void who_comes_meanwhile_stays(void **state)
{
	(void)state;
	each(who_comes_meanwhile);
}

/* Of a user with very many devices some hundred are told, and all go. */
static void very_many(struct node *n)
{
	enum { DEVICES = 300 };
	struct mosquitto *c[DEVICES];
	char id[16];
	int told = 0;

	for (int i = 0; i < DEVICES; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		c[i] = node_client(n, "alice", id, 4);
		assert_true(fake_subscribe(c[i], INBOX));
	}
	node_settle(n);
	down(n, IM_DOWN_KICK_USER, "alice", "", IM_END_KICKED);
	node_end(n);
	for (int i = 0; i < DEVICES; i++) {
		told += *heard(c[i]) != '\0';
		assert_false(fake_connected(c[i]));
	}
	assert_int_equal(told, 100);
	assert_int_equal(node_stat(n, "kicked") > 0, 1);
}

/* More than may wait go at once, untold. */
static void a_crowd(struct node *n)
{
	enum { USERS = 2100 };
	static struct mosquitto *c[USERS];
	char id[16], sql[256];
	int told = 0;

	node_sql(n, "BEGIN");
	for (int i = 0; i < USERS; i++) {
		snprintf(sql, sizeof(sql),
			"INSERT INTO user(uid, role, password, created_ms) SELECT 'u%d', 0, "
			"password, "
			"0 FROM user WHERE id = 1",
			i);
		node_sql(n, sql);
	}
	node_sql(n, "COMMIT");
	for (int i = 0; i < USERS; i++) {
		snprintf(id, sizeof(id), "u%d", i);
		c[i] = fake_connect(&(struct fake_spec){.id = id, .user = id, .identity = true});
		snprintf(sql, sizeof(sql), "im/inbox/%s/#", id);
		assert_true(fake_subscribe(c[i], sql));
	}
	node_settle(n);
	for (int i = 0; i < USERS; i++) {
		snprintf(id, sizeof(id), "u%d", i);
		down(n, IM_DOWN_KICK_USER, id, "", IM_END_KICKED);
	}
	fake_turn();
	for (int i = 0; i < USERS; i++) {
		told += *heard(c[i]) != '\0';
		assert_int_equal(fake_connected(c[i]), i < 2000);
	}
	assert_int_equal(told, 2000);
	node_end(n);
	for (int i = 0; i < USERS; i++)
		assert_false(fake_connected(c[i]));
}

static void telling_is_bounded(void **state)
{
	static const char *const any[] = {"max_devices", "0", "im_subscriptions", "10", NULL};

	(void)state;
	node_each(very_many, any);
	each(a_crowd);
}

/* A broker without WebSockets sleeps until it is asked not to. */
static void the_kick_is_waited_for(void **state)
{
	struct node n;

	(void)state;
	node_start(&n, true, NULL);
	(void)come(&n, "alice", "phone", 4);
	assert_int_equal(fake_next_tick(), 0);
	down(&n, IM_DOWN_KICK_DEVICE, "alice", "phone", IM_END_KICKED);
	fake_turn();
	assert_in_range(fake_next_tick(), 1, 100);
	node_end(&n);
	fake_turn();
	assert_int_equal(fake_next_tick(), 0);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_end_says_why),
		cmocka_unit_test(it_is_for_that_device_alone),
		cmocka_unit_test(what_is_sent_after_it_is_not_taken),
		cmocka_unit_test(who_comes_meanwhile_stays),
		cmocka_unit_test(telling_is_bounded),
		cmocka_unit_test(the_kick_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
