/* SPDX-License-Identifier: BSD-3-Clause */
/* MQTT 5 properties at the plugin: what of a send goes up, what is refused, and what comes down as
 * properties of a delivery. */
#include <stdio.h>

#include "common/limits.h"
#include "common/msgprops.h"
#include "tests/unit/plugin_node.h"

#define T0 1763650000000 /* the node's clock */

static mosquitto_property *props; /* of the next send */

static void user(const char *name, const char *value)
{
	mosquitto_property_add_string_pair(&props, MQTT_PROP_USER_PROPERTY, name, value);
}

static void response_topic(const char *topic)
{
	mosquitto_property_add_string(&props, MQTT_PROP_RESPONSE_TOPIC, topic);
}

static void content_type(const char *type)
{
	mosquitto_property_add_string(&props, MQTT_PROP_CONTENT_TYPE, type);
}

static void correlation(const void *p, size_t n)
{
	mosquitto_property_add_binary(&props, MQTT_PROP_CORRELATION_DATA, p, (uint16_t)n);
}

static void format(uint8_t f)
{
	mosquitto_property_add_byte(&props, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, f);
}

static int publish(struct node *n, struct mosquitto *c, const char *topic, struct im_str payload)
{
	int rc = fake_publish(c, topic, payload, 1, false, props);

	mosquitto_property_free_all(&props);
	node_settle(n);
	return rc;
}

static struct mosquitto *alice_of(struct node *n)
{
	struct mosquitto *alice = node_client(n, "alice", "a", 5);

	assert_true(fake_subscribe(alice, "im/inbox/alice/ack"));
	node_settle(n);
	return alice;
}

/* The next ack that alice gets holds this. */
static void refused(struct mosquitto *alice, const char *part)
{
	const struct fake_message *m = fake_received(alice);
	char *text;

	if (!m)
		fail_msg("nothing was refused; expected %s", part);
	assert_string_equal(m->topic, "im/inbox/alice/ack");
	text = strndup(m->payload.p, m->payload.n);
	if (!strstr(text, part))
		fail_msg("\"%s\" has no \"%s\"", text, part);
	free(text);
}

/* The newest message's properties; they borrow from its record. */
static struct im_props captured(struct node *n)
{
	size_t count = node_count(n, IM_UP_MSG_USER);
	struct im_props p;

	assert_true(count > 0);
	assert_int_equal(im_props_read(node_find(n, IM_UP_MSG_USER, count - 1)->corr, &p), IM_OK);
	return p;
}

static void send_all(struct node *n, struct mosquitto *alice)
{
	struct im_props p;

	user("b", "2");
	user("id", "c-1");
	user("a", "1");
	user("b", "");
	user("", "");
	user("ttl", "60");
	content_type("text/plain");
	format(1);
	response_topic("im/u/alice");
	correlation("\0\xff", 2);
	assert_int_equal(publish(n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
	p = captured(n);
	assert_string_equal(node_find(n, IM_UP_MSG_USER, 0)->id, "c-1");
	assert_int_equal(p.format, IM_FORMAT_TEXT);
	assert_int_equal(p.ttl_s, 60);
	assert_str(p.content_type, "text/plain");
	assert_str(p.response_topic, "im/u/alice");
	assert_str(p.corr, "\0\xff");
	assert_str(p.pairs, "b\0002\0a\0001\0b\0\0\0\0");
}

static void a_send_brings_its_properties(void **state)
{
	struct mosquitto *alice;
	struct node n;
	int newer;

	(void)state;
	for (newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		alice = alice_of(&n);
		send_all(&n, alice);
		/* Bytes need not be text when nobody says that they are. */
		format(0);
		assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("\xff")), FAKE_ACCEPTED);
		assert_int_equal(captured(&n).format, IM_FORMAT_BYTES);
		/* Nothing is nothing, as from a client without MQTT 5. */
		assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
		user("id", "");
		content_type("");
		response_topic("");
		assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
		assert_int_equal(node_find(&n, IM_UP_MSG_USER, 2)->corr.n, 0);
		assert_int_equal(node_find(&n, IM_UP_MSG_USER, 3)->corr.n, 0);
		assert_string_equal(node_find(&n, IM_UP_MSG_USER, 3)->id, "");
		assert_null(fake_received(alice));
		node_stop(&n);
	}
}

/* They come with every delivery, and an answer may well send them on. */
static void the_servers_own_names_are_left_out(void **state)
{
	struct mosquitto *alice;
	struct node n;
	int i;

	(void)state;
	node_start(&n, false, NULL);
	alice = alice_of(&n);
	for (i = 0; i < 4; i++) {
		user("conv", "u/root");
		user("from", "root");
		user("seq", "1");
		user("id", i ? "c-2" : "c-1");
	}
	user("x", "y");
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
	assert_str(captured(&n).pairs, "x\0y\0");
	assert_string_equal(node_find(&n, IM_UP_MSG_USER, 0)->id, "c-1");
	node_stop(&n);
}

static void fill(int count, size_t name_n, size_t value_n)
{
	char name[IM_PROPS_BYTES_MAX + 2], value[IM_PROPS_BYTES_MAX + 2];

	memset(name, 'n', name_n);
	memset(value, 'v', value_n);
	name[name_n] = value[value_n] = '\0';
	while (count--)
		user(name, value);
}

static void what_is_beyond_its_bound_is_refused(void **state)
{
	static char big[IM_PROPS_BYTES_MAX];
	struct mosquitto *alice;
	struct node n;
	int i;

	(void)state;
	node_start(&n, false, NULL);
	alice = alice_of(&n);
	memset(big, 'x', sizeof(big));
	/* At the bounds it passes. */
	fill(IM_PROPS_MAX, 64, 64);
	big[IM_CONTENT_TYPE_MAX] = '\0';
	content_type(big);
	correlation(big, IM_CORRELATION_MAX);
	user("id", "c-1");
	user("ttl", "31536000");
	user("from", "me");
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
	assert_int_equal(captured(&n).pairs.n, IM_PROPS_BYTES_MAX + 2 * IM_PROPS_MAX);
	assert_int_equal(captured(&n).content_type.n, IM_CONTENT_TYPE_MAX);
	assert_int_equal(captured(&n).ttl_s, IM_TTL_MAX_S);
	fill(1, 48, 2000);
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
	/* And one beyond. */
	fill(IM_PROPS_MAX + 1, 1, 1);
	user("id", "c-2");
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_DENIED);
	refused(alice, "[{\"id\":\"c-2\",\"conv\":\"u/bob\",\"error\":{\"code\":-32602,\"message\":"
		       "\"invalid parameters: at most 16 user properties are carried, of 2048 "
		       "bytes in all; what is longer goes into the body\"}}]");
	fill(1, 49, 2000);
	assert_int_equal(
		publish(&n, alice, "im/u/bob", IM_STR("{\"id\":\"e\",\"body\":1}")), FAKE_DENIED);
	refused(alice, "{\"id\":\"e\",\"conv\":\"u/bob\",\"error\":{\"code\":-32602,");
	big[IM_CONTENT_TYPE_MAX] = 'x';
	big[IM_CONTENT_TYPE_MAX + 1] = '\0';
	content_type(big);
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_DENIED);
	refused(alice, "the content type has 257 bytes, at most 256 are taken");
	correlation(big, IM_CORRELATION_MAX + 1);
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_DENIED);
	refused(alice, "correlation data has 257 bytes, at most 256 are taken");
	/* Those that are not carried are counted, too: nobody looks at thousands of them. */
	for (i = 0; i < 1000; i++)
		user("from", "me");
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_DENIED);
	refused(alice, "at most 16 user properties");
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 2);
	assert_int_equal(node_stat(&n, "refused"), 5);
	node_stop(&n);
}

static void a_ttl_is_a_number_of_seconds(void **state)
{
	static const char *const wrong[] = {"", "0", "-1", "+1", "1.5", "1e3", " 1", "1 ", "0x10",
		"31536001", "99999999999999999999", "4294967297", "soon"};
	struct mosquitto *alice;
	struct node n;
	size_t i;

	(void)state;
	node_start(&n, true, NULL);
	alice = alice_of(&n);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		user("ttl", wrong[i]);
		assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_DENIED);
		refused(alice,
			"the user property ttl must be given once, a decimal number from 1 to "
			"31536000, in seconds");
	}
	user("ttl", "5");
	user("ttl", "5");
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_DENIED);
	refused(alice, "given once");
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 0);
	node_stop(&n);
}

static void text_is_text(void **state)
{
	struct mosquitto *alice;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	alice = alice_of(&n);
	format(1);
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("\xc3\x28")), FAKE_DENIED);
	refused(alice, "the payload format indicator says UTF-8 text, which the payload is not");
	format(1);
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("")), FAKE_ACCEPTED);
	node_stop(&n);
}

struct answer {
	const char *to, *topic;
	bool taken;
};

static void where_an_answer_may_go(void **state)
{
	static const char *const options[] = {
		"allow_topic", "fleet/%u/#", "allow_topic", "open/+/x", NULL};
	static const struct answer answers[] = {
		{"im/u/bob", "im/u/alice", true},
		{"im/u/alice", "im/u/alice", true},
		{"im/g/team", "im/g/team", true},
		{"im/u/bob", "fleet/alice/answers/7", true},
		{"im/g/team", "open/anything/x", true},
		/* of another conversation */
		{"im/u/bob", "im/u/bob", false},
		{"im/u/bob", "im/u/carol", false},
		{"im/u/bob", "im/g/team", false},
		{"im/g/team", "im/u/alice", false},
		{"im/g/team", "im/g/hall", false},
		/* where nobody sends messages */
		{"im/u/bob", "im/inbox/alice/rpc/a", false},
		{"im/u/bob", "im/inbox/bob/rpc/b", false},
		{"im/u/bob", "im/s/u/alice", false},
		{"im/u/bob", "im/rpc/user.password", false},
		{"im/u/bob", "im/room/hall", false},
		{"im/u/bob", "im/u/alice/x", false},
		{"im/u/bob", "im", false},
		/* what bob may do and alice may not: he is not to be made to do it */
		{"im/u/bob", "fleet/bob/brake", false},
		{"im/u/bob", "closed/x", false},
		{"im/u/bob", "$im/down", false},
		{"im/u/bob", "$CONTROL/im/v1", false},
		{"im/u/bob", "$SYS/broker/uptime", false},
		/* what is no topic */
		{"im/u/bob", "fleet/alice/#", false},
		{"im/u/bob", "fleet/alice/+", false},
		{"im/u/bob", "open/+/x", false},
		{"im/u/bob", "+/x", false},
		{"im/u/bob", "/", false},
	};
	struct mosquitto *alice;
	struct node n;
	size_t i;

	(void)state;
	node_start(&n, false, options);
	alice = alice_of(&n);
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer *a = &answers[i];
		int rc;

		response_topic(a->topic);
		correlation("7", 1);
		rc = publish(&n, alice, a->to, IM_STR("?"));
		if (rc != (a->taken ? FAKE_ACCEPTED : FAKE_DENIED))
			fail_msg("%s with %s: %d", a->to, a->topic, rc);
		if (!a->taken)
			refused(alice, "\"code\":-32602,\"message\":\"invalid parameters: the "
				       "response topic of this message may be im/");
	}
	assert_null(fake_received(alice));
	assert_int_equal(node_count(&n, IM_UP_MSG_USER) + node_count(&n, IM_UP_MSG_GROUP), 5);
	node_stop(&n);
}

static void a_response_topic_has_a_length(void **state)
{
	static const char *const options[] = {"allow_topic", "open/#", NULL};
	char topic[IM_TOPIC_MAX + 2];
	struct mosquitto *alice;
	struct node n;

	(void)state;
	node_start(&n, false, options);
	alice = alice_of(&n);
	memset(topic, 'x', sizeof(topic));
	memcpy(topic, "open/", 5);
	topic[IM_TOPIC_MAX] = '\0';
	response_topic(topic);
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("?")), FAKE_ACCEPTED);
	assert_int_equal(captured(&n).response_topic.n, IM_TOPIC_MAX);
	topic[IM_TOPIC_MAX] = 'x';
	topic[IM_TOPIC_MAX + 1] = '\0';
	response_topic(topic);
	assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("?")), FAKE_DENIED);
	refused(alice, "may be im/u/alice, or a topic outside of im/ that is open to you");
	node_stop(&n);
}

/* They are bytes that the node carries, for each recipient. */
static void properties_count_for_the_rate(void **state)
{
	static const char *const options[] = {"rate_messages", "0", "rate_bytes", "1000", NULL};
	struct mosquitto *alice;
	struct node n;
	int newer;

	(void)state;
	for (newer = 0; newer < 2; newer++) {
		node_start(&n, newer, options);
		alice = alice_of(&n);
		fill(1, 100, 1890);
		assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
		fill(1, 100, 1890);
		assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
		fill(1, 100, 1890);
		user("id", "c-3");
		assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")),
			newer ? FAKE_QUOTA : FAKE_DENIED);
		refused(alice, "[{\"id\":\"c-3\",\"conv\":\"u/bob\",\"error\":{\"code\":-32008,");
		assert_int_equal(node_stat(&n, "rate_limited"), 1);
		node_pass(&n, 2500);
		fill(1, 100, 1890);
		assert_int_equal(publish(&n, alice, "im/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
		node_stop(&n);
	}
}

/* Signals carry none, and are refused for none. */
static void a_signals_properties_are_not_looked_at(void **state)
{
	struct mosquitto *alice;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	alice = alice_of(&n);
	fill(IM_PROPS_MAX + 1, 1, 1);
	response_topic("closed/x");
	user("id", "s-1");
	user("ttl", "x");
	assert_int_equal(publish(&n, alice, "im/s/u/bob", IM_STR("hi")), FAKE_ACCEPTED);
	assert_int_equal(node_find(&n, IM_UP_SIGNAL_USER, 0)->corr.n, 0);
	assert_string_equal(node_find(&n, IM_UP_SIGNAL_USER, 0)->id, "s-1");
	assert_null(fake_received(alice));
	node_stop(&n);
}

/* ---- down ---- */

struct receivers {
	struct mosquitto *bob, *root; /* MQTT 5, and 3.1.1 */
};

static void receive_all(struct node *n, struct receivers *r)
{
	node_start(n, false, NULL);
	r->bob = node_client(n, "bob", "b", 5);
	r->root = node_client(n, "root", "r", 4);
	assert_true(fake_subscribe(r->bob, "im/inbox/bob/#"));
	assert_true(fake_subscribe(r->bob, "im/room/hall"));
	assert_true(fake_subscribe(r->root, "im/inbox/root/#"));
}

static void deliver(struct node *n, uint64_t ends_ms, struct im_str corr)
{
	const struct im_recipient to[] = {{.uid = IM_STR("bob")}, {.uid = IM_STR("root")}};

	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_MESSAGE,
			.epoch = ends_ms,
			.recno = 42,
			.user = IM_STR("alice"),
			.topic = IM_STR("g/team"),
			.corr = corr,
			.payload = IM_STR(",\"seq\":42}")},
		to, 2);
	node_settle(n);
}

static void room_message(struct node *n, uint64_t ends_ms, struct im_str corr)
{
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_TOPIC,
			.flags = IM_DOWNF_QOS1,
			.epoch = ends_ms,
			.recno = 7,
			.user = IM_STR("alice"),
			.topic = IM_STR("room/hall"),
			.corr = corr,
			.id = IM_STR("c-1"),
			.payload = IM_STR("{}")},
		NULL, 0);
	node_settle(n);
}

static void assert_received(struct mosquitto *c, const char *want)
{
	const struct fake_message *m = fake_received(c);

	assert_non_null(m);
	assert_string_equal(m->props, want);
}

static struct im_str encoded(struct im_buf *b)
{
	im_buf_init(b, 0);
	im_props_put(b, &(struct im_props){.corr = IM_STR("17"),
				.response_topic = IM_STR("im/u/alice"),
				.pairs = IM_STR("k\0v\0k\0w\0\0\0")});
	return im_buf_view(b);
}

static void a_delivery_brings_them_to_mqtt_5(void **state)
{
	struct receivers r;
	struct im_buf b;
	struct node n;

	(void)state;
	receive_all(&n, &r);
	deliver(&n, 0, encoded(&b));
	assert_received(r.bob, "type=application/json;conv=g/team;seq=42;from=alice;"
			       "reply=im/u/alice;corr=17;k=v;k=w;=;");
	assert_received(r.root, "");
	room_message(&n, 0, im_buf_view(&b));
	assert_received(r.bob, "type=application/json;conv=g/hall;seq=7;from=alice;id=c-1;"
			       "reply=im/u/alice;corr=17;k=v;k=w;=;");
	/* A bridge of the version before says no more of a room's message than where it goes, and
	 * has the type of others where properties would be. */
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_TOPIC,
			.topic = IM_STR("room/hall"),
			.payload = IM_STR("{}")},
		NULL, 0);
	node_settle(&n);
	assert_received(r.bob, "");
	deliver(&n, 0, IM_STR("text"));
	assert_received(r.bob, "type=application/json;conv=g/team;seq=42;from=alice;");
	assert_received(r.root, "");
	assert_int_equal(node_stat(&n, "down_malformed"), 0);
	im_buf_free(&b);
	node_stop(&n);
}

struct expiry {
	int64_t now_ms, ends_ms;
	int want; /* 0: not delivered */
};

static void a_copy_ends_with_its_message(void **state)
{
	static const struct expiry cases[] = {
		{T0, T0 + 60000, 60},
		{T0 + 1, T0 + 60001, 60},
		/* Whole seconds of the clock: in its last one it is still there. */
		{T0 + 999, T0 + 1000, 1},
		{T0 + 999, T0 + 1999, 1},
		{T0 + 1, T0 + 2000, 2},
		/* 0 would be for ever. */
		{T0 + 1, T0 + 999, 1},
		{T0 + 1, T0 + 2, 1},
		{T0 + 2, T0 + 2, 0},
		{T0 + 2, T0 + 1, 0},
		{T0, INT64_MAX, -1},
	};
	struct receivers r;
	struct node n;
	char want5[128], want4[64];
	uint64_t expired = 0;
	size_t i;

	(void)state;
	receive_all(&n, &r);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct expiry *c = &cases[i];

		n.wall_ms = c->now_ms;
		deliver(&n, (uint64_t)c->ends_ms, (struct im_str){0});
		room_message(&n, (uint64_t)c->ends_ms, (struct im_str){0});
		if (!c->want) {
			assert_null(fake_received(r.bob));
			assert_null(fake_received(r.root));
			expired += 3;
			continue;
		}
		snprintf(want4, sizeof(want4), "expiry=%u;", (unsigned)c->want);
		snprintf(want5, sizeof(want5),
			"type=application/json;conv=g/team;seq=42;from=alice;%s", want4);
		assert_received(r.bob, want5);
		/* MQTT 3.1.1 is not told, but its copy waits no longer. */
		assert_received(r.root, want4);
		snprintf(want5, sizeof(want5),
			"type=application/json;conv=g/hall;seq=7;from=alice;id=c-1;%s", want4);
		assert_received(r.bob, want5);
	}
	assert_int_equal(node_stat(&n, "expired"), expired);
	assert_int_equal(node_stat(&n, "down_malformed"), 0);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_send_brings_its_properties),
		cmocka_unit_test(the_servers_own_names_are_left_out),
		cmocka_unit_test(what_is_beyond_its_bound_is_refused),
		cmocka_unit_test(a_ttl_is_a_number_of_seconds),
		cmocka_unit_test(text_is_text),
		cmocka_unit_test(where_an_answer_may_go),
		cmocka_unit_test(a_response_topic_has_a_length),
		cmocka_unit_test(properties_count_for_the_rate),
		cmocka_unit_test(a_signals_properties_are_not_looked_at),
		cmocka_unit_test(a_delivery_brings_them_to_mqtt_5),
		cmocka_unit_test(a_copy_ends_with_its_message),
	};

	return cmocka_run_group_tests_name("plugin_props", tests, NULL, NULL);
}
