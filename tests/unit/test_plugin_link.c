/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole plugin in the fake broker: batches and their commits, replay, a full spool, deliveries,
 * and frames that are none. */
#include <stdio.h>

#include "common/limits.h"
#include "plugin/plugin.h"
#include "tests/unit/plugin_node.h"

static const char *const no_limits[] = {
	"rate_messages", "0", "rate_bytes", "0", "max_devices", "0", NULL};

static int publish(struct mosquitto *c, const char *topic, const char *payload)
{
	return fake_publish(c, topic, im_str(payload), 1, false, NULL);
}

static void check_numbers(const struct node *n, uint64_t first)
{
	size_t i;

	for (i = 0; i < n->n_records; i++)
		assert_int_equal(n->records[i].recno, first + i);
}

/* A node with alice connected, whose bridge commits nothing from then on. */
static struct mosquitto *start_uncommitted(struct node *n, const char *const options[])
{
	struct mosquitto *c;

	node_start(n, false, options);
	c = node_client(n, "alice", "a", 4);
	node_settle(n);
	n->commit = false;
	return c;
}

/* ---- batches ---- */

static void one_alone_leaves_at_once_and_many_together(void **state)
{
	struct mosquitto *c;
	struct node n;
	int i;

	(void)state;
	c = start_uncommitted(&n, no_limits);
	n.batches = 0;
	for (i = 0; i < 100; i++)
		assert_int_equal(publish(c, "im/u/bob", "x"), FAKE_ACCEPTED);
	node_settle(&n);
	/* One is under way; what is so little leaves when that is committed. */
	assert_int_equal(n.batches, 1);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 1);
	node_committed(&n, n.epoch, n.last);
	node_settle(&n);
	assert_int_equal(n.batches, 2);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 100);
	check_numbers(&n, 1);
	node_committed(&n, n.epoch, n.last);
	assert_int_equal(node_stat(&n, "spool_bytes"), 0);
	assert_int_equal(node_stat(&n, "batches_out"), 0);
	node_stop(&n);
}

/* Publishes n messages of so many bytes; how many batches have left since the last time. */
static unsigned batches_of(struct node *n, struct mosquitto *c, int messages, size_t bytes)
{
	static char payload[64 * 1024];

	n->batches = 0;
	while (messages-- > 0)
		assert_int_equal(fake_publish(c, "im/u/bob", (struct im_str){payload, bytes}, 1,
					 false, NULL),
			FAKE_ACCEPTED);
	node_settle(n);
	return n->batches;
}

static void beside_another_only_a_large_one_leaves(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	c = start_uncommitted(&n, no_limits);
	assert_int_equal(batches_of(&n, c, 1, 1), 1);
	assert_int_equal(batches_of(&n, c, 255, 1), 0);
	assert_int_equal(batches_of(&n, c, 1, 1), 1);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 257);
	/* Two are the window. */
	assert_int_equal(batches_of(&n, c, 1000, 1), 0);
	node_committed(&n, n.epoch, n.last);
	node_settle(&n);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 1257);
	/* Large in bytes. */
	assert_int_equal(batches_of(&n, c, 1, 32 * 1024), 0);
	assert_int_equal(batches_of(&n, c, 1, 32 * 1024), 1);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 1259);
	check_numbers(&n, 1);
	node_stop(&n);
}

static void a_window_of_its_own(void **state)
{
	const char *const options[] = {
		"window", "5", "rate_messages", "0", "rate_bytes", "0", NULL};
	struct mosquitto *c;
	struct node n;

	(void)state;
	c = start_uncommitted(&n, options);
	assert_int_equal(batches_of(&n, c, 10, 64 * 1024), 5);
	node_stop(&n);
}

static void batches_are_bounded(void **state)
{
	static char payload[60000];
	struct mosquitto *c;
	struct node n;
	int i;

	(void)state;
	c = start_uncommitted(&n, no_limits);
	for (i = 0; i < 14; i++)
		assert_int_equal(fake_publish(c, "im/u/bob", (struct im_str){payload, 60000}, 1,
					 false, NULL),
			FAKE_ACCEPTED);
	node_settle(&n);
	n.batches = 0;
	node_forget_records(&n);
	/* Twelve are left: four fit a batch. */
	node_committed(&n, n.epoch, n.last);
	node_settle(&n);
	assert_int_equal(n.batches, 2);
	assert_int_equal(n.n_records, 8);
	node_stop(&n);
}

static void replays_from_the_first_uncommitted(void **state)
{
	struct mosquitto *c;
	struct node n;
	uint64_t epoch, first;
	int i;

	(void)state;
	c = start_uncommitted(&n, no_limits);
	for (i = 0; i < 10; i++)
		publish(c, "im/u/bob", "x");
	node_settle(&n);
	epoch = n.epoch;
	first = node_find(&n, IM_UP_MSG_USER, 0)->recno;
	/* The bridge goes: nothing is sent, everything kept. */
	fake_disconnect(n.bridge, true);
	publish(c, "im/u/bob", "y");
	node_settle(&n);
	assert_int_equal(n.batches, 2);
	node_forget_records(&n);
	node_bridge(&n);
	assert_int_equal(n.epoch, epoch);
	assert_int_equal(n.n_records, 11);
	check_numbers(&n, first);
	assert_int_equal(n.snapshots, 2);
	/* HELLO once more on the same connection: once more from there. */
	node_committed(&n, epoch, first + 4);
	node_forget_records(&n);
	node_hello(&n);
	check_numbers(&n, first + 5);
	assert_int_equal(n.n_records, 6);
	/* A commit of another epoch, one of the past, one of the future. */
	node_committed(&n, epoch + 1, n.last);
	node_committed(&n, epoch, 1);
	assert_int_equal(node_stat(&n, "spool_first"), first + 5);
	node_committed(&n, epoch, n.last + 1000);
	assert_true(fake_logged("older than the database"));
	assert_int_equal(node_stat(&n, "spool_bytes"), 0);
	n.commit = true;
	publish(c, "im/u/bob", "z");
	node_settle(&n);
	assert_true(n.last >= RING_JUMP);
	node_stop(&n);
}

static void a_restarted_broker_replays_what_counts(void **state)
{
	struct mosquitto *c;
	struct node n;
	size_t i, messages = 0, voids = 0;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, no_limits);
		n.commit = false;
		c = node_client(&n, "alice", "a", 5);
		fake_subscribe(c, "im/inbox/alice/#");
		for (i = 0; i < 5; i++) {
			publish(c, "im/u/bob", "message");
			publish(c, "im/rpc/sync", "{}");
			publish(c, "im/s/g/team", "typing");
		}
		node_settle(&n);
		node_crash(&n);
		node_forget_records(&n);
		assert_int_equal(node_load(&n, newer, no_limits), 0);
		n.commit = true;
		node_bridge(&n);
		check_numbers(&n, 1);
		assert_int_equal(n.n_records, 18);
		for (messages = voids = i = 0; i < n.n_records; i++) {
			messages += n.records[i].type == IM_UP_MSG_USER;
			voids += n.records[i].type == IM_UP_NONE;
		}
		assert_int_equal(messages, 5);
		assert_int_equal(voids, 11);
		assert_int_equal(node_count(&n, IM_UP_OPEN), 1);
		assert_int_equal(node_count(&n, IM_UP_KEEP), 1);
		assert_int_equal(node_stat(&n, "spool_bytes"), 0);
		/* No session is left of before. */
		assert_int_equal(n.n_snapshot, 0);
		node_stop(&n);
	}
}

static void asks_again_when_nothing_comes_back(void **state)
{
	struct mosquitto *c;
	struct node n;
	unsigned seen;

	(void)state;
	c = start_uncommitted(&n, NULL);
	publish(c, "im/u/bob", "x");
	node_settle(&n);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 1);
	node_pass(&n, 9000);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 1);
	node_pass(&n, 2000);
	assert_true(fake_logged("link stalled"));
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 2);
	/* A slow bridge is not buried. */
	seen = n.batches;
	for (int i = 0; i < 60; i++)
		node_pass(&n, 1000);
	assert_true(n.batches <= seen + 4);
	n.commit = true;
	node_pass(&n, 600000);
	assert_int_equal(node_stat(&n, "spool_bytes"), 0);
	node_stop(&n);
}

static void out_of_memory_loses_nothing(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	c = node_client(&n, "alice", "a", 4);
	node_settle(&n);
	fake_fail_publish(0);
	assert_int_equal(publish(c, "im/u/bob", "x"), FAKE_ACCEPTED);
	node_settle(&n);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 0);
	fake_fail_publish(-1);
	node_settle(&n);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 1);
	node_stop(&n);
}

/* ---- a full spool ---- */

static void fill(struct mosquitto *c)
{
	static char payload[60000];
	int n;

	for (n = 60000; n > 0; n /= 2) {
		while (fake_publish(c, "im/u/bob", (struct im_str){payload, (size_t)n}, 1, false,
			       NULL) == FAKE_ACCEPTED)
			;
	}
}

static void a_puback_never_lies(void **state)
{
	struct mosquitto *v5, *v4, *other;
	const struct fake_message *m;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		const int no = newer ? FAKE_QUOTA : FAKE_DENIED;

		node_start(&n, newer, no_limits);
		v5 = node_client(&n, "alice", "a5", 5);
		v4 = node_client(&n, "carol", "c4", 4);
		other = node_client(&n, "alice", "a", 4);
		assert_true(fake_subscribe(other, "im/inbox/alice/#"));
		node_settle(&n);
		n.commit = false;
		fill(v5);
		node_settle(&n);
		m = fake_received(other);
		assert_string_equal(m->topic, "im/inbox/alice/ack");
		assert_non_null(memmem(m->payload.p, m->payload.n, "\"code\":-32009,", 14));
		while (fake_received(other))
			;
		assert_int_equal(fake_publish(v5, "im/u/bob", IM_STR("x"), 1, false, NULL), no);
		assert_int_equal(fake_publish(v5, "im/u/bob", IM_STR("x"), 2, false, NULL), no);
		assert_int_equal(fake_publish(v5, "im/u/bob", IM_STR("x"), 0, false, NULL), no);
		assert_int_equal(
			fake_publish(v4, "im/u/bob", IM_STR("x"), 0, false, NULL), FAKE_DENIED);
		assert_true(fake_connected(v4));
		assert_int_equal(
			fake_publish(v4, "im/u/bob", IM_STR("x"), 1, false, NULL), FAKE_CLOSED);
		assert_false(fake_connected(v4));
		v4 = node_client(&n, "carol", "c4", 4);
		assert_non_null(v4);
		assert_int_equal(
			fake_publish(v4, "im/u/bob", IM_STR("x"), 2, false, NULL), FAKE_CLOSED);
		node_settle(&n);
		while (fake_received(other))
			;
		/* A request is answered. */
		assert_int_equal(publish(other, "im/rpc/sync", "{}"), FAKE_ACCEPTED);
		node_settle(&n);
		m = fake_received(other);
		assert_string_equal(m->topic, "im/inbox/alice/rpc/a");
		/* There is room again: everything goes on, and the sessions are told anew. */
		n.commit = true;
		n.snapshots = 0;
		node_committed(&n, n.epoch, n.last);
		node_settle(&n);
		assert_int_equal(n.snapshots, 1);
		assert_int_equal(publish(v5, "im/u/bob", "again"), FAKE_ACCEPTED);
		node_settle(&n);
		assert_int_equal(node_stat(&n, "spool_bytes"), 0);
		assert_int_equal(node_stat(&n, "qos0_dropped"), 2);
		assert_int_equal(node_stat(&n, "closed"), 2);
		node_stop(&n);
	}
}

static void a_new_device_waits_for_room(void **state)
{
	struct mosquitto *alice, *bob, *carol;
	size_t i, subs = 0;
	struct node n;

	(void)state;
	node_start(&n, false, no_limits);
	alice = node_client(&n, "alice", "a", 5);
	node_settle(&n);
	n.commit = false;
	fill(alice);
	while (publish(alice, "im/u/bob", "") == FAKE_ACCEPTED)
		;
	bob = node_client(&n, "bob", "b", 5);
	node_settle(&n);
	assert_int_equal(publish(bob, "im/u/alice", "x"), FAKE_DENIED);
	/* Its session might stay, and nobody would know of it. */
	assert_false(fake_subscribe(bob, "im/inbox/bob/#"));
	assert_true(fake_logged("no room to say"));
	carol = node_client(&n, "carol", "c", 4);
	assert_true(fake_subscribe(carol, "im/inbox/carol/#"));
	node_settle(&n);
	n.commit = true;
	node_committed(&n, n.epoch, n.last);
	node_settle(&n);
	assert_string_equal(node_life(&n, "b"), "O");
	/* The subscription is told, by a snapshot or by itself. */
	for (i = 0; i < n.n_snapshot; i++)
		subs += n.snapshot[i].type == IM_UP_SUB && !strcmp(n.snapshot[i].device, "c");
	assert_true(subs || strcmp(node_life(&n, "c"), "OS") == 0);
	assert_int_equal(publish(bob, "im/u/alice", "x"), FAKE_ACCEPTED);
	assert_true(fake_subscribe(bob, "im/inbox/bob/#"));
	node_stop(&n);
}

/* Nobody is left who could be told of a will, and a command is no publish that can be refused. */
static void what_finds_no_room_is_counted_or_answered(void **state)
{
	const struct fake_spec mortal = {.id = "m",
		.user = "bob",
		.password = "pw",
		.will_topic = "im/u/alice",
		.will = "gone"};
	struct mosquitto *alice, *root, *bob;
	const struct fake_message *m;
	struct node n;

	(void)state;
	node_start(&n, false, no_limits);
	alice = node_client(&n, "alice", "a", 5);
	root = node_client(&n, "root", "r", 5);
	bob = fake_connect(&mortal);
	assert_true(fake_subscribe(root, "$CONTROL/im/v1/response"));
	assert_true(fake_subscribe(bob, "im/inbox/bob/#"));
	node_settle(&n);
	n.commit = false;
	fill(alice);
	while (publish(alice, "im/u/bob", "") == FAKE_ACCEPTED)
		;
	assert_int_equal(publish(root, "$CONTROL/im/v1", "{\"commands\":[]}"), FAKE_ACCEPTED);
	fake_disconnect(bob, true);
	node_settle(&n);
	m = fake_received(root);
	assert_non_null(m);
	assert_non_null(memmem(m->payload.p, m->payload.n, "\"error\":\"busy", 13));
	assert_int_equal(node_stat(&n, "wills_lost"), 1);
	assert_int_equal(node_stat(&n, "wills"), 0);
	node_stop(&n);
}

/* ---- snapshots ---- */

static void a_snapshot_of_many_comes_in_parts(void **state)
{
	struct node n;
	char id[16];
	int i;

	(void)state;
	node_start(&n, false, no_limits);
	for (i = 0; i < 6000; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		assert_non_null(node_client(&n, "alice", id, 5));
	}
	node_settle(&n);
	n.snapshots = 0;
	node_hello(&n);
	assert_int_equal(n.snapshots, 1);
	assert_int_equal(n.n_snapshot, 6000);
	node_stop(&n);
}

/* ---- deliveries ---- */

static void deliver(struct node *n, const char *from, const char *device, const char *id,
	const struct im_recipient *to, uint32_t n_to)
{
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_MESSAGE,
			.recno = 42,
			.user = im_str(from),
			.device = im_str(device),
			.topic = IM_STR("g/team"),
			.id = im_str(id),
			.payload = IM_STR(",\"seq\":42,\"body\":\"hi\"}")},
		to, n_to);
	node_settle(n);
}

static void messages_reach_their_inboxes(void **state)
{
	const struct im_recipient both[] = {
		{.uid = IM_STR("alice")}, {.uid = IM_STR("bob"), .conv = IM_STR("u/alice")}};
	const struct fake_message *m;
	struct mosquitto *alice, *bob, *phone;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	alice = node_client(&n, "alice", "a", 4);
	bob = node_client(&n, "bob", "b", 5);
	assert_true(fake_subscribe(alice, "im/inbox/alice/#"));
	assert_true(fake_subscribe(bob, "im/inbox/bob/#"));
	deliver(&n, "alice", "a", "c-1", both, 2);
	m = fake_received(bob);
	assert_string_equal(m->topic, "im/inbox/bob/u/alice");
	assert_str(m->payload, "{\"conv\":\"u/alice\",\"seq\":42,\"body\":\"hi\"}");
	assert_int_equal(m->qos, 1);
	assert_string_equal(
		m->props, "type=application/json;conv=u/alice;seq=42;from=alice;id=c-1;");
	/* Her only device learns the seq from the ack ... */
	assert_null(fake_received(alice));
	/* ... but not without an id, nor from another device, nor when she has two. */
	deliver(&n, "alice", "a", "", both, 2);
	m = fake_received(alice);
	assert_string_equal(m->topic, "im/inbox/alice/g/team");
	assert_string_equal(m->props, "");
	deliver(&n, "alice", "other", "c-2", both, 2);
	assert_non_null(fake_received(alice));
	phone = node_client(&n, "alice", "phone", 4);
	assert_true(fake_subscribe(phone, "im/inbox/alice/#"));
	deliver(&n, "alice", "a", "c-3", both, 2);
	assert_non_null(fake_received(alice));
	assert_non_null(fake_received(phone));
	assert_int_equal(node_stat(&n, "self_copies"), 1);
	node_stop(&n);
}

static void the_other_down_records(void **state)
{
	const struct im_recipient alice_only = {.uid = IM_STR("alice")};
	const struct fake_message *m;
	struct mosquitto *alice, *a5;
	struct node n;

	(void)state;
	node_start(&n, true, NULL);
	alice = node_client(&n, "alice", "a", 4);
	a5 = node_client(&n, "alice", "a5", 5);
	assert_true(fake_subscribe(alice, "im/inbox/alice/#"));
	assert_true(fake_subscribe(alice, "im/presence/alice"));
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_INBOX,
			.flags = IM_DOWNF_QOS1,
			.topic = IM_STR("signal/bob"),
			.payload = IM_STR("typing")},
		&alice_only, 1);
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_TOPIC,
			.flags = IM_DOWNF_RETAIN,
			.topic = IM_STR("presence/alice"),
			.payload = IM_STR("online")},
		NULL, 0);
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_REPLY,
			.user = IM_STR("alice"),
			.device = IM_STR("a"),
			.payload = IM_STR("{}")},
		NULL, 0);
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_REPLY,
			.user = IM_STR("alice"),
			.device = IM_STR("a5"),
			.topic = IM_STR("im/inbox/alice/rr"),
			.corr = IM_STR("C"),
			.payload = IM_STR("{}")},
		NULL, 0);
	node_settle(&n);
	m = fake_received(alice);
	assert_string_equal(m->topic, "im/inbox/alice/signal/bob");
	assert_int_equal(m->qos, 1);
	m = fake_received(alice);
	assert_string_equal(m->topic, "im/presence/alice");
	assert_int_equal(m->qos, 0);
	assert_non_null(fake_retained("im/presence/alice"));
	m = fake_received(alice);
	assert_string_equal(m->topic, "im/inbox/alice/rpc/a");
	assert_string_equal(m->props, "");
	m = fake_received(alice);
	assert_string_equal(m->topic, "im/inbox/alice/rr");
	assert_string_equal(m->props, "type=application/json;corr=C;");
	/* Kicks: the device of this user alone, then all of them. */
	node_down(&n,
		&(struct im_down_rec){
			.type = IM_DOWN_KICK_DEVICE, .user = IM_STR("bob"), .device = IM_STR("a")},
		NULL, 0);
	node_down(&n, &(struct im_down_rec){.type = IM_DOWN_KICK_USER, .user = IM_STR("im-bridge")},
		NULL, 0);
	node_settle(&n);
	assert_true(fake_connected(alice) && fake_connected(n.bridge));
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_KICK_DEVICE,
			.user = IM_STR("alice"),
			.device = IM_STR("a")},
		NULL, 0);
	node_end(&n);
	assert_false(fake_connected(alice));
	assert_true(fake_connected(a5));
	node_down(&n, &(struct im_down_rec){.type = IM_DOWN_KICK_USER, .user = IM_STR("alice")},
		NULL, 0);
	node_end(&n);
	assert_false(fake_connected(a5));
	assert_int_equal(node_stat(&n, "kicked"), 2);
	node_stop(&n);
}

static void offline_sessions_are_never_kicked(void **state)
{
	const struct fake_spec s = {
		.id = "a", .user = "alice", .password = "pw", .persistent = true};
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		fake_disconnect(fake_connect(&s), true);
		node_settle(&n);
		node_down(&n,
			&(struct im_down_rec){.type = IM_DOWN_KICK_DEVICE,
				.user = IM_STR("alice"),
				.device = IM_STR("a")},
			NULL, 0);
		node_down(&n,
			&(struct im_down_rec){.type = IM_DOWN_KICK_USER, .user = IM_STR("alice")},
			NULL, 0);
		node_settle(&n);
		assert_int_equal(fake_offline_kicks(), 0);
		node_stop(&n);
	}
}

/* Alice is away with the client id when it is taken from her; the directory knows it no more. */
static void an_id_that_was_taken_from_its_user_is_the_next_ones(void **state)
{
	const struct fake_spec hers = {
		.id = "a", .user = "alice", .password = "pw", .persistent = true};
	const struct fake_spec his = {.id = "a", .user = "bob", .password = "pw"};
	const struct im_down_rec kick = {
		.type = IM_DOWN_KICK_DEVICE, .user = IM_STR("alice"), .device = IM_STR("a")};
	struct mosquitto *c;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, NULL);
		fake_disconnect(fake_connect(&hers), true);
		node_settle(&n);
		node_sql(&n,
			"INSERT OR REPLACE INTO device (device, user, created_ms, seen_ms, cursor)"
			" VALUES ('a', 1, 0, 0, 0)");
		assert_null(fake_connect(&his));
		node_sql(&n, "DELETE FROM device");
		node_down(&n, &kick, NULL, 0);
		node_settle(&n);
		c = fake_connect(&his);
		assert_non_null(c);
		assert_true(fake_connected(c));
		assert_int_equal(fake_offline_kicks(), 0);
		node_settle(&n);
		/* His now, and not to be taken by a kick of hers. */
		node_down(&n, &kick, NULL, 0);
		node_settle(&n);
		assert_true(fake_connected(c));
		assert_null(fake_connect(&hers));
		node_stop(&n);
	}
}

static void credits_are_returned_when_done(void **state)
{
	struct node n;
	struct im_buf b;
	int i;

	(void)state;
	node_start(&n, false, NULL);
	for (i = 0; i < 5; i++)
		node_down(&n, &(struct im_down_rec){.type = IM_DOWN_CREDIT}, NULL, 0);
	node_settle(&n);
	assert_int_equal(n.credits, 5);
	im_buf_init(&b, 0);
	im_frame_down_begin(&b);
	for (i = 0; i < 3; i++)
		im_down_rec_put(&b, &(struct im_down_rec){.type = IM_DOWN_CREDIT}, NULL, 0);
	node_frame(&n, im_buf_view(&b));
	im_buf_free(&b);
	node_settle(&n);
	assert_int_equal(n.credits, 8);
	node_stop(&n);
}

static void the_bridge_is_told_what_a_publish_may_hold(void **state)
{
	struct node n;

	(void)state;
	node_start(&n, false, (const char *[]){"max_payload", "1000", NULL});
	node_settle(&n);
	assert_non_null(n.stats);
	assert_non_null(strstr(n.stats, "\"max_payload\":1000,"));
	node_stop(&n);
}

static void a_hello_may_be_followed_by_what_is_stored(void **state)
{
	struct mosquitto *c;
	struct node n;
	struct im_buf b;
	uint64_t last;

	(void)state;
	c = start_uncommitted(&n, NULL);
	publish(c, "im/u/bob", "x");
	node_settle(&n);
	last = n.last;
	node_forget_records(&n);
	im_buf_init(&b, 0);
	im_frame_down_begin(&b);
	im_down_rec_put(&b, &(struct im_down_rec){.type = IM_DOWN_HELLO}, NULL, 0);
	im_down_rec_put(&b,
		&(struct im_down_rec){.type = IM_DOWN_COMMITTED, .epoch = n.epoch, .recno = last},
		NULL, 0);
	node_frame(&n, im_buf_view(&b));
	im_buf_free(&b);
	node_settle(&n);
	/* Nothing that is stored travels again. */
	assert_int_equal(n.n_records, 0);
	node_stop(&n);
}

static void what_was_never_sent_is_not_committed(void **state)
{
	const uint64_t none[] = {UINT64_MAX, UINT64_MAX - RING_JUMP, RING_RECNO_MAX + 1};
	struct mosquitto *c;
	struct node n;
	uint64_t first, recno;
	size_t i;

	(void)state;
	c = start_uncommitted(&n, no_limits);
	/* One leaves, and three wait for it. */
	for (i = 0; i < 4; i++)
		publish(c, "im/u/bob", "x");
	node_settle(&n);
	first = node_find(&n, IM_UP_MSG_USER, 0)->recno;
	assert_int_equal(n.last, first);
	for (recno = first + 1; recno < first + 6; recno++) {
		node_committed(&n, n.epoch, recno);
		assert_true(fake_logged("never sent"));
	}
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		node_committed(&n, n.epoch, none[i]);
	assert_int_equal(node_stat(&n, "spool_first"), first);
	assert_int_equal(node_stat(&n, "spool_next"), first + 4);
	/* What was sent still is. */
	n.commit = true;
	node_committed(&n, n.epoch, first);
	node_settle(&n);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 4);
	assert_int_equal(n.last, first + 3);
	assert_int_equal(node_stat(&n, "spool_bytes"), 0);
	/* Nothing waits now; numbers that are none stay ignored. */
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		node_committed(&n, n.epoch, none[i]);
	assert_int_equal(node_stat(&n, "spool_next"), first + 4);
	node_stop(&n);
}

static void malformed(struct node *n, const struct im_down_rec *r, const struct im_recipient *to)
{
	const uint64_t before = node_stat(n, "down_malformed");

	node_down(n, r, to, to ? 1 : 0);
	assert_int_equal(node_stat(n, "down_malformed"), before + 1);
}

static void malformed_frames_are_dropped(void **state)
{
	static const char *const bad[] = {"", "I", "IM\x01", "IM\x02\x10", "XX\x01\x10",
		"IM\x01\x01", "IM\x01\x10zzzz", "IM\x01\x10\xff\xff\xff\xff"};
	const struct im_recipient slash = {.uid = IM_STR("a/b"), .conv = IM_STR("u/x")};
	const struct im_recipient no_conv = {.uid = IM_STR("alice"), .conv = IM_STR("x/y")};
	struct node n;
	struct prng rnd = {11};
	char room[200];
	size_t i;

	(void)state;
	node_start(&n, false, NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		node_frame(&n, im_str(bad[i]));
	assert_int_equal(node_stat(&n, "down_malformed"), i);
	assert_true(fake_logged("down frame malformed bytes=0 at=0: "));
	malformed(&n, &(struct im_down_rec){.type = IM_DOWN_MESSAGE, .payload = IM_STR(",}")},
		&slash);
	malformed(&n, &(struct im_down_rec){.type = IM_DOWN_MESSAGE, .payload = IM_STR(",}")},
		&no_conv);
	malformed(&n, &(struct im_down_rec){.type = IM_DOWN_INBOX, .topic = IM_STR("ev+")}, &slash);
	malformed(&n, &(struct im_down_rec){.type = IM_DOWN_TOPIC, .topic = IM_STR("a/#")}, NULL);
	malformed(&n, &(struct im_down_rec){.type = IM_DOWN_TOPIC}, NULL);
	malformed(
		&n, &(struct im_down_rec){.type = IM_DOWN_REPLY, .topic = IM_STR("im/u/x")}, NULL);
	malformed(&n, &(struct im_down_rec){.type = IM_DOWN_REPLY, .topic = IM_STR("im/inbox/a/#")},
		NULL);
	malformed(&n, &(struct im_down_rec){.type = IM_DOWN_REPLY}, NULL);
	assert_true(fake_logged("down frame malformed"));
	for (i = 0; i < 3000; i++) {
		struct im_str s = prng_bytes(&rnd, room, prng_below(&rnd, sizeof(room)));

		if (s.n > 8)
			memcpy(room, "IM\x01\x10", 4);
		if (s.n > 8 && i % 2) {
			room[4] = (char)(s.n - 8);
			memset(room + 5, 0, 3);
			room[8] = (char)(1 + i % 14);
		}
		node_frame(&n, s);
		if (i % 100 == 0)
			node_settle(&n);
	}
	node_settle(&n);
	/* And it still works. */
	assert_int_equal(publish(node_client(&n, "alice", "a", 4), "im/u/bob", "x"), FAKE_ACCEPTED);
	node_stop(&n);
}

static void one_bridge_alone(void **state)
{
	const struct fake_spec second = {
		.id = "$im/another", .user = "im-bridge", .address = "/run/link"};
	const struct fake_spec again = {
		.id = "im-bridge", .user = "im-bridge", .address = "/run/link"};
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	assert_null(fake_connect(&second));
	assert_null(fake_connect(&again));
	assert_true(fake_connected(n.bridge));
	assert_false(fake_subscribe(n.bridge, "im/inbox/#"));
	assert_false(fake_subscribe(n.bridge, "$im/down"));
	assert_int_equal(publish(n.bridge, "im/u/bob", "x"), FAKE_DENIED);
	assert_int_equal(publish(n.bridge, "$im/up", "x"), FAKE_DENIED);
	fake_disconnect(n.bridge, true);
	assert_true(fake_logged("link lost"));
	node_bridge(&n);
	assert_int_equal(node_stat(&n, "sessions_online"), 0);
	node_stop(&n);
}

static void without_a_bridge_the_directory_is_watched(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	c = node_client(&n, "carol", "c", 5);
	assert_int_equal(publish(c, "im/g/team", "x"), FAKE_DENIED);
	fake_disconnect(n.bridge, true);
	node_pass(&n, 2000);
	node_sql(&n, "INSERT INTO member(grp, uid, user, joined_seq, joined_ms)"
		     " VALUES (1, 'carol', 3, 0, 0)");
	node_pass(&n, 2000);
	assert_int_equal(publish(c, "im/g/team", "x"), FAKE_ACCEPTED);
	node_stop(&n);
}

static void refuses_to_start(void **state)
{
	const char *const unknown[] = {"windw", "2", NULL};
	const char *const jwt[] = {"jwt_secret_file", "/nonexistent", NULL};
	const char *const elsewhere[] = {"data_dir", "/nonexistent", NULL};
	const struct {
		const char *const *options;
		const char *says;
	} cases[] = {{unknown, "window"}, {jwt, "/nonexistent"}, {elsewhere, "im-bridge"}};
	struct node n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		node_folder(&n);
		assert_int_not_equal(node_load(&n, false, cases[i].options), MOSQ_ERR_SUCCESS);
		assert_true(fake_logged(cases[i].says));
		fake_close();
		node_folder_remove(&n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_alone_leaves_at_once_and_many_together),
		cmocka_unit_test(beside_another_only_a_large_one_leaves),
		cmocka_unit_test(a_window_of_its_own),
		cmocka_unit_test(batches_are_bounded),
		cmocka_unit_test(replays_from_the_first_uncommitted),
		cmocka_unit_test(a_restarted_broker_replays_what_counts),
		cmocka_unit_test(asks_again_when_nothing_comes_back),
		cmocka_unit_test(out_of_memory_loses_nothing),
		cmocka_unit_test(a_puback_never_lies),
		cmocka_unit_test(a_new_device_waits_for_room),
		cmocka_unit_test(what_finds_no_room_is_counted_or_answered),
		cmocka_unit_test(a_snapshot_of_many_comes_in_parts),
		cmocka_unit_test(messages_reach_their_inboxes),
		cmocka_unit_test(the_other_down_records),
		cmocka_unit_test(offline_sessions_are_never_kicked),
		cmocka_unit_test(an_id_that_was_taken_from_its_user_is_the_next_ones),
		cmocka_unit_test(credits_are_returned_when_done),
		cmocka_unit_test(the_bridge_is_told_what_a_publish_may_hold),
		cmocka_unit_test(a_hello_may_be_followed_by_what_is_stored),
		cmocka_unit_test(what_was_never_sent_is_not_committed),
		cmocka_unit_test(malformed_frames_are_dropped),
		cmocka_unit_test(one_bridge_alone),
		cmocka_unit_test(without_a_bridge_the_directory_is_watched),
		cmocka_unit_test(refuses_to_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
