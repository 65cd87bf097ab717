/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device is told so that it knows that it has missed nothing. */
#include "tests/unit/plugin_node.h"

#include <stdio.h>

#include "common/wire.h"

#define INBOX "im/inbox/alice/#"

static uint64_t frames; /* of the link's */

static void step(struct im_buf *b, uint8_t flags, uint64_t position)
{
	struct im_down_rec r = {
		.type = IM_DOWN_STEP, .flags = flags, .epoch = position, .recno = ++frames};

	im_down_rec_put(b, &r, NULL, 0);
}

static void message(struct im_buf *b, const char *uid, const char *device, const char *id)
{
	struct im_down_rec r = {.type = IM_DOWN_MESSAGE,
		.user = IM_STR("bob"),
		.device = im_str(device),
		.id = im_str(id),
		.topic = IM_STR("u/bob"),
		.payload = IM_STR(",\"seq\":1}")};
	struct im_recipient to = {.uid = im_str(uid)};

	im_down_rec_put(b, &r, &to, 1);
}

static void event(struct im_buf *b, uint8_t flags)
{
	struct im_down_rec r = {.type = IM_DOWN_INBOX,
		.flags = flags,
		.topic = IM_STR("event"),
		.payload = IM_STR("{\"event\":\"user\"}")};
	struct im_recipient to = {.uid = IM_STR("alice")};

	im_down_rec_put(b, &r, &to, 1);
}

static void greet(struct im_buf *b, const char *device, uint64_t ask)
{
	char text[160];
	struct im_down_rec r = {.type = IM_DOWN_INBOX,
		.recno = ask,
		.device = im_str(device),
		.topic = IM_STR("event")};
	struct im_recipient to = {.uid = IM_STR("alice")};

	snprintf(text, sizeof(text), IM_HELLO_BEGIN "\"%s\",\"cursor\":\"9\"" IM_HELLO_NOT_BEHIND,
		device);
	r.payload = im_str(text);
	im_down_rec_put(b, &r, &to, 1);
}

static void begin(struct im_buf *b)
{
	im_buf_init(b, 0);
	im_frame_down_begin(b);
}

static void send(struct node *n, struct im_buf *b)
{
	node_frame(n, im_buf_view(b));
	im_buf_free(b);
	node_settle(n);
}

#define assert_heard(c, text) assert_string_equal(node_heard(c), text)

static uint64_t last_ask(const struct node *n, const char *device)
{
	const struct node_record *r;
	uint64_t ask = 0;

	for (size_t i = 0; (r = node_find(n, IM_UP_SUB, i)); i++)
		if (strcmp(r->device, device) == 0)
			ask = strtoull(r->target, NULL, 10);
	return ask;
}

static struct mosquitto *listening(struct node *n, const char *device)
{
	struct mosquitto *c = node_client(n, "alice", device, 4);

	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	return c;
}

static void counts(struct node *n)
{
	struct mosquitto *c = listening(n, "a");
	struct im_buf b;

	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	event(&b, IM_DOWNF_KEPT);
	event(&b, 0); /* live */
	message(&b, "bob", "", "");
	message(&b, "alice", "", "");
	send(n, &b);
	/* The link's beginning has left a number out. */
	assert_heard(c, "{\"conv\":\"u/bob\",\"n\":2,\"seq\":1} {\"n\":3,\"event\":\"user\"} "
			"{\"event\":\"user\"} {\"conv\":\"u/bob\",\"n\":4,\"seq\":1}");
	begin(&b);
	step(&b, 0, 1040);
	message(&b, "alice", "", "");
	event(&b, IM_DOWNF_KEPT);
	send(n, &b);
	assert_heard(c, "{\"conv\":\"u/bob\",\"n\":5,\"safe\":\"1040\",\"seq\":1} "
			"{\"n\":6,\"safe\":\"1040\",\"event\":\"user\"}");
}

/* Of a bridge of the version before, or while it does not know what this plugin understands. */
static void unknown(struct node *n)
{
	struct mosquitto *c = listening(n, "a");
	struct im_buf b;

	begin(&b);
	message(&b, "alice", "", "");
	event(&b, IM_DOWNF_KEPT);
	greet(&b, "a", last_ask(n, "a"));
	send(n, &b);
	assert_heard(c, "{\"conv\":\"u/bob\",\"seq\":1} {\"event\":\"user\"} "
			"{\"event\":\"hello\",\"device\":\"a\",\"cursor\":\"9\",\"behind\":true}");
	/* They were counted all the same. */
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	send(n, &b);
	assert_heard(c, "{\"conv\":\"u/bob\",\"n\":4,\"seq\":1}");
}

static void left_out(struct node *n)
{
	struct mosquitto *c = listening(n, "a");
	struct im_buf b;

	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	send(n, &b);
	begin(&b);
	step(&b, IM_DOWNF_ALL | IM_DOWNF_GAP, 0);
	message(&b, "alice", "", "");
	send(n, &b);
	frames++; /* one is lost */
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	send(n, &b);
	/* Given out again: its number is lower, and no frame was lost. */
	frames -= 2;
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	send(n, &b);
	frames += 1;
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	send(n, &b);
	node_hello(n);
	node_settle(n);
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	send(n, &b);
	assert_heard(c,
		"{\"conv\":\"u/bob\",\"n\":2,\"seq\":1} {\"conv\":\"u/bob\",\"n\":4,\"seq\":1} "
		"{\"conv\":\"u/bob\",\"n\":6,\"seq\":1} {\"conv\":\"u/bob\",\"n\":7,\"seq\":1} "
		"{\"conv\":\"u/bob\",\"n\":8,\"seq\":1} {\"conv\":\"u/bob\",\"n\":10,\"seq\":1}");
}

/* The sender's only device gets no copy, and misses none. */
static void own_copy(struct node *n)
{
	struct mosquitto *c = node_client(n, "bob", "b", 4);
	struct im_buf b;

	assert_true(fake_subscribe(c, "im/inbox/bob/#"));
	node_settle(n);
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "bob", "", "");
	message(&b, "bob", "b", "id");
	message(&b, "bob", "", "");
	send(n, &b);
	assert_heard(
		c, "{\"conv\":\"u/bob\",\"n\":2,\"seq\":1} {\"conv\":\"u/bob\",\"n\":3,\"seq\":1}");
}

/* n and the end of what the client has heard, a hello. */
static void assert_hello(struct mosquitto *c, bool behind, unsigned long long number)
{
	const char *text = node_heard(c);
	char want[120];

	snprintf(want, sizeof(want), "\"behind\":%s,\"n\":%llu,\"epoch\":\"",
		behind ? "true" : "false", number);
	if (!strstr(text, want))
		fail_msg("%s is not in %s", want, text);
}

static void greeted(struct node *n)
{
	struct mosquitto *c = listening(n, "a");
	struct im_buf b;

	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	greet(&b, "a", last_ask(n, "a"));
	send(n, &b);
	assert_hello(c, false, 1);
	/* The same answer once more says nothing of what was asked since. */
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	greet(&b, "a", last_ask(n, "a"));
	send(n, &b);
	assert_hello(c, true, 1);
	/* What came in between may be newer than what was compared. */
	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	greet(&b, "a", last_ask(n, "a"));
	send(n, &b);
	assert_hello(c, true, 2);
	/* An answer to the connection before. */
	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	greet(&b, "a", last_ask(n, "a"));
	fake_disconnect(c, true);
	node_settle(n);
	c = listening(n, "a");
	send(n, &b);
	assert_heard(c, "");
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	greet(&b, "a", last_ask(n, "a"));
	send(n, &b);
	assert_hello(c, false, 2);
}

static void several(struct node *n)
{
	struct mosquitto *c = node_client(n, "alice", "a", 4);

	assert_true(fake_subscribe(c, "im/inbox/alice/event"));
	assert_true(fake_subscribe(c, INBOX));
	assert_true(fake_subscribe(c, "im/inbox/alice/+"));
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OS");
	/* An answer that never comes is not waited for. */
	node_pass(n, 6000);
	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSS");
}

static struct mosquitto *persistent(const char *device)
{
	const struct fake_spec s = {
		.id = device, .user = "alice", .password = "pw", .persistent = true};

	return fake_connect(&s);
}

static void resumed(struct node *n)
{
	struct mosquitto *c = persistent("a");
	struct im_buf b;

	node_settle(n);
	assert_string_equal(node_life(n, "a"), "O"); /* a new session */
	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	fake_disconnect(c, true);
	node_settle(n);
	c = persistent("a");
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSCOS");
	/* It subscribes all the same: one greeting, before it has come and after. */
	assert_true(fake_subscribe(c, INBOX));
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	greet(&b, "a", last_ask(n, "a"));
	send(n, &b);
	assert_hello(c, false, 1);
	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSCOS");
	node_pass(n, 11000);
	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSCOSS");
	/* Of ordinary topics alone nobody is greeted. */
	c = persistent("o");
	assert_true(fake_subscribe(c, INBOX));
	fake_unsubscribe(c, INBOX);
	node_settle(n);
	fake_disconnect(c, true);
	c = persistent("o");
	node_settle(n);
	assert_string_equal(node_life(n, "o"), "OSCO");
}

/* A user without sessions is forgotten, and his numbers do not begin anew. */
static void never_back(struct node *n)
{
	struct mosquitto *c = listening(n, "a");
	struct im_buf b;

	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	for (int i = 0; i < 5; i++)
		message(&b, "alice", "", "");
	send(n, &b);
	fake_disconnect(c, true);
	node_pass(n, 11000);
	node_pass(n, 11000);
	c = listening(n, "a");
	begin(&b);
	step(&b, IM_DOWNF_ALL, 0);
	message(&b, "alice", "", "");
	send(n, &b);
	assert_heard(c, "{\"conv\":\"u/bob\",\"n\":7,\"seq\":1}");
}

/* -- im/ack -- */

static void acknowledges(struct node *n)
{
	struct mosquitto *c = listening(n, "a");
	const struct node_record *r;

	for (int qos = 0; qos < 2; qos++)
		assert_int_equal(
			fake_publish(c, "im/ack", IM_STR("1042"), qos, true, NULL), FAKE_ACCEPTED);
	node_pass(n, 100);
	assert_int_equal(node_count(n, IM_UP_ACK), 2);
	r = node_find(n, IM_UP_ACK, 0);
	assert_string_equal(r->user, "alice");
	assert_string_equal(r->device, "a");
	assert_str(r->payload, "1042");
	assert_int_equal(r->flags & IM_UPF_DURABLE, 0);
	assert_heard(c, "");
	assert_null(fake_retained("im/ack"));
	assert_false(fake_subscribe(c, "im/ack"));
	assert_int_equal(fake_publish(c, "im/ack", IM_STR("soon"), 1, false, NULL), FAKE_ACCEPTED);
	node_pass(n, 100);
	assert_int_equal(node_count(n, IM_UP_ACK), 2);
	assert_non_null(strstr(node_heard(c),
		"[{\"id\":null,\"conv\":null,\"error\":{\"code\":-32602,\"message\":\"invalid "
		"parameters: the payload is no cursor;"));
}

/* It is not urgent: many make one batch. And it holds nothing up. */
static void in_company(struct node *n)
{
	struct mosquitto *c = listening(n, "a");
	unsigned before = n->batches;

	for (int i = 0; i < 20; i++)
		fake_publish(c, "im/ack", IM_STR("1"), 0, false, NULL);
	node_settle(n);
	assert_int_equal(n->batches, before);
	node_pass(n, 60);
	assert_int_equal(n->batches, before + 1);
	assert_int_equal(node_count(n, IM_UP_ACK), 20);
	fake_publish(c, "im/ack", IM_STR("2"), 0, false, NULL);
	fake_publish(c, "im/u/bob", IM_STR("x"), 1, false, NULL);
	node_settle(n);
	assert_int_equal(node_count(n, IM_UP_ACK), 21);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 1);
}

static void a_will_acknowledges_nothing(struct node *n)
{
	const struct fake_spec s = {.id = "a",
		.user = "alice",
		.password = "pw",
		.will_topic = "im/ack",
		.will = "1042"};
	struct mosquitto *c = fake_connect(&s);

	node_settle(n);
	fake_disconnect(c, true);
	node_pass(n, 100);
	assert_int_equal(node_count(n, IM_UP_ACK), 0);
	assert_null(fake_retained("im/ack"));
}

#define BOTH(fn)                            \
	static void test_##fn(void **state) \
	{                                   \
		(void)state;                \
		node_each(fn, NULL);        \
	}

BOTH(counts)
BOTH(unknown)
BOTH(left_out)
BOTH(own_copy)
BOTH(greeted)
BOTH(several)
BOTH(resumed)
BOTH(never_back)
BOTH(acknowledges)
BOTH(in_company)
BOTH(a_will_acknowledges_nothing)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_own_copy),
		cmocka_unit_test(test_greeted),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_never_back),
		cmocka_unit_test(test_acknowledges),
		cmocka_unit_test(test_in_company),
		cmocka_unit_test(test_a_will_acknowledges_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
