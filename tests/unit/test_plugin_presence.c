/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole plugin in the fake broker: what the bridge is told of connections, wills, client ids
 * and users, in both broker generations. O: opened, S: subscribed to its inbox, C: closed. */
#include <jwt.h>
#include <stdio.h>

#include "plugin/plugin.h"
#include "tests/unit/plugin_node.h"

static struct mosquitto *persistent(const char *user, const char *id)
{
	const struct fake_spec s = {.id = id, .user = user, .password = "pw", .persistent = true};

	return fake_connect(&s);
}

/* Comes, is seen, and goes; nothing of the session stays. */
static void visit(struct node *n, const char *user, const char *id)
{
	struct mosquitto *c = node_client(n, user, id, 4);

	assert_non_null(c);
	node_settle(n);
	fake_disconnect(c, false);
	node_settle(n);
}

static void plain(struct node *n)
{
	struct mosquitto *c = node_client(n, "alice", "a", 4);

	/* Where there is an event for it, at once; else in the same turn of the loop. */
	fake_turn();
	assert_string_equal(node_life(n, "a"), "O");
	assert_true(fake_subscribe(c, "im/inbox/alice/#"));
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OS");
	fake_disconnect(c, false);
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSC");
	assert_string_equal(node_find(n, IM_UP_CLOSE, 0)->target, n->newer ? "0" : "-1");
}

static void before_its_messages(struct node *n)
{
	struct mosquitto *c = node_client(n, "alice", "a", 4);

	assert_int_equal(fake_publish(c, "im/u/bob", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(n);
	assert_int_equal(node_find(n, IM_UP_OPEN, 0)->recno, 1);
	assert_int_equal(node_find(n, IM_UP_MSG_USER, 0)->recno, 2);
}

static void takeover(struct node *n)
{
	struct mosquitto *c, *d;

	c = node_client(n, "alice", "a", 4);
	fake_turn();
	d = node_client(n, "alice", "a", 4);
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OO");
	assert_false(fake_connected(c));
	assert_true(fake_connected(d));
	assert_int_equal(node_stat(n, "sessions_online"), 1);
}

static void failed_logins(struct node *n)
{
	const struct fake_spec wrong = {.id = "a", .user = "alice", .password = "no"};
	int i;

	node_client(n, "alice", "a", 4);
	for (i = 0; i < 20; i++)
		assert_null(fake_connect(&wrong));
	assert_null(node_client(n, "bob", "a", 4));
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "O");
	assert_int_equal(node_stat(n, "sessions_online"), 1);
}

static void comes_back(struct node *n)
{
	struct mosquitto *c = persistent("alice", "a");

	assert_true(fake_subscribe(c, "im/inbox/alice/#"));
	fake_disconnect(c, true);
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSC");
	c = persistent("alice", "a");
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSCOS");
	c = persistent("alice", "a");
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSCOSOS");
	assert_int_equal(node_stat(n, "sessions_online"), 1);
	assert_int_equal(node_stat(n, "sessions_offline"), 0);
	/* Its subscription lives on, and it may read. */
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_INBOX, .topic = IM_STR("event")},
		&(struct im_recipient){.uid = IM_STR("alice")}, 1);
	node_settle(n);
	assert_non_null(fake_received(c));
}

static void reload(struct node *n)
{
	const struct fake_spec ws = {
		.id = "w", .user = "alice", .password = "pw", .websocket = true};
	const struct fake_spec tls = {.id = "t", .user = "carol", .identity = true};
	struct mosquitto *a = node_client(n, "alice", "a", 5), *off = persistent("alice", "off");
	struct mosquitto *w = fake_connect(&ws), *t = fake_connect(&tls);
	struct mosquitto *bob = node_client(n, "bob", "b", 4);
	size_t before;
	int i;

	fake_publish(t, "im/u/bob", IM_STR("x"), 1, false, NULL);
	fake_subscribe(w, "im/inbox/alice/#");
	fake_disconnect(off, true);
	node_settle(n);
	before = n->n_records;
	for (i = 0; i < 3; i++) {
		fake_reload();
		node_settle(n);
	}
	assert_int_equal(n->n_records, before);
	assert_true(fake_connected(a) && fake_connected(w) && fake_connected(t));
	assert_true(fake_connected(n->bridge));
	assert_int_equal(fake_offline_kicks(), 0);
	/* A client that comes in right after is not taken for an old one. */
	assert_null(
		fake_connect(&(struct fake_spec){.id = "a2", .user = "alice", .password = "x"}));
	/* Changed rights count now: bob's password is another one. */
	node_sql(n, "UPDATE user SET password = NULL WHERE uid = 'bob'");
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("bob")},
		NULL, 0);
	fake_reload();
	assert_true(fake_connected(bob));
	node_end(n);
	assert_false(fake_connected(bob));
	assert_true(fake_connected(a));
	assert_int_equal(node_stat(n, "sessions_online"), 3);
}

static void identity(struct node *n)
{
	const struct fake_spec alice = {.id = "a", .user = "alice", .identity = true};
	const struct fake_spec nobody = {.id = "n", .user = "nobody", .identity = true};
	const struct fake_spec bridge = {.id = "f", .user = "im-bridge", .identity = true};
	const struct fake_spec thief = {.id = "phone", .user = "bob", .identity = true};
	struct mosquitto *c = fake_connect(&alice);

	assert_true(fake_subscribe(c, "im/inbox/alice/#"));
	assert_int_equal(fake_publish(c, "im/u/bob", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OS");
	assert_string_equal(node_find(n, IM_UP_MSG_USER, 0)->user, "alice");
	fake_disconnect(c, true);
	node_settle(n);
	assert_string_equal(node_life(n, "a"), "OSC");
	c = fake_connect(&nobody);
	assert_false(fake_subscribe(c, "im/inbox/nobody/#"));
	assert_int_equal(fake_publish(c, "im/u/bob", IM_STR("x"), 1, false, NULL), FAKE_DENIED);
	c = fake_connect(&bridge);
	assert_false(fake_subscribe(c, "$im/up"));
	assert_int_equal(fake_publish(c, "$im/down", IM_STR("x"), 1, false, NULL), FAKE_DENIED);
	node_client(n, "alice", "phone", 4);
	node_settle(n);
	c = fake_connect(&thief);
	assert_int_equal(fake_publish(c, "im/u/carol", IM_STR("x"), 1, false, NULL), FAKE_DENIED);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 1);
}

static void silent_identity(struct node *n)
{
	const struct fake_spec s = {.id = "s",
		.user = "alice",
		.identity = true,
		.will_topic = "im/u/bob",
		.will = "gone"};

	fake_disconnect(fake_connect(&s), true);
	node_settle(n);
	/* 2.0 never saw it alive: its will is sent, and it is not announced by it. */
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 1);
	assert_int_equal(node_find(n, IM_UP_MSG_USER, 0)->flags, IM_UPF_DURABLE | IM_UPF_WILL);
	assert_string_equal(node_life(n, "s"), n->newer ? "OC" : "");
	assert_int_equal(node_stat(n, "sessions_online"), 0);
	assert_non_null(node_client(n, "bob", "s2", 4));
}

static void sessions_are_announced(void **state)
{
	(void)state;
	node_each(plain, NULL);
	node_each(before_its_messages, NULL);
	node_each(takeover, NULL);
	node_each(failed_logins, NULL);
	node_each(comes_back, NULL);
	node_each(reload, NULL);
	node_each(identity, NULL);
	node_each(silent_identity, NULL);
}

/* ---- wills ---- */

static struct mosquitto *with_will(
	const char *user, const char *id, const char *topic, bool keep, bool delayed)
{
	const struct fake_spec s = {
		.id = id,
		.user = user,
		.password = "pw",
		.version = delayed ? 5 : 4,
		.persistent = keep,
		.will_topic = topic,
		.will = "gone",
		.will_delayed = delayed,
	};

	return fake_connect(&s);
}

static void wills(struct node *n)
{
	static const char *const forbidden[] = {"im/g/team", "im/u/nobody", "im/inbox/bob/ack",
		"$im/down", "$CONTROL/im/v1", "im/rpc/sync", "elsewhere"};
	struct mosquitto *c;
	size_t i;

	fake_disconnect(with_will("alice", "a", "im/u/bob", false, false), true);
	node_settle(n);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 1);
	assert_int_equal(node_find(n, IM_UP_MSG_USER, 0)->flags, IM_UPF_DURABLE | IM_UPF_WILL);
	assert_null(fake_retained("im/u/bob"));
	/* A clean end has none. */
	fake_disconnect(with_will("alice", "a", "im/u/bob", false, false), false);
	node_settle(n);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 1);
	/* Taken over, first without and then with another will. */
	with_will("alice", "a", "im/g/team", false, false);
	fake_turn();
	c = node_client(n, "alice", "a", 4);
	node_settle(n);
	assert_int_equal(node_count(n, IM_UP_MSG_GROUP), 1);
	assert_int_equal(fake_publish(c, "im/g/team", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(n);
	assert_int_equal(node_find(n, IM_UP_MSG_GROUP, 1)->flags, IM_UPF_DURABLE);
	/* Delayed. */
	c = with_will("alice", "d", "im/u/bob", true, true);
	fake_disconnect(c, true);
	node_pass(n, 5000);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 1);
	fake_delayed_will(c);
	node_settle(n);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 2);
	/* What may not be sent may not be willed. */
	for (i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		fake_disconnect(with_will("carol", "c", forbidden[i], false, false), true);
		node_settle(n);
		assert_null(fake_retained(forbidden[i]));
	}
	assert_int_equal(node_stat(n, "wills"), 3);
	assert_int_equal(node_count(n, IM_UP_RPC), 0);
	assert_int_equal(node_count(n, IM_UP_CONTROL), 0);
}

static void wills_are_messages(void **state)
{
	(void)state;
	node_each(wills, NULL);
}

static void the_brokers_end_sends_wills_too(void **state)
{
	const char *const options[] = {"allow_topic", "plant/#", NULL};
	struct mosquitto *c;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, options);
		with_will("alice", "a", "im/u/bob", false, false);
		with_will("bob", "b", "im/g/team", true, true);
		with_will("carol", "c", "im/g/team", false, false);
		c = with_will("alice", "d", "plant/1", false, false);
		/* A publish is none, even if it is the last thing that happens. */
		assert_int_equal(
			fake_publish(c, "im/u/carol", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
		node_settle(&n);
		assert_int_equal(
			fake_publish(c, "im/u/carol", IM_STR("y"), 1, false, NULL), FAKE_ACCEPTED);
		node_unload(&n);
		node_forget_records(&n);
		assert_int_equal(node_load(&n, newer, options), 0);
		node_bridge(&n);
		assert_int_equal(node_count(&n, IM_UP_MSG_USER), 2);
		assert_str(node_find(&n, IM_UP_MSG_USER, 0)->payload, "y");
		assert_int_equal(
			node_find(&n, IM_UP_MSG_USER, 1)->flags, IM_UPF_DURABLE | IM_UPF_WILL);
		assert_int_equal(node_count(&n, IM_UP_MSG_GROUP), 1);
		assert_string_equal(node_find(&n, IM_UP_MSG_GROUP, 0)->user, "bob");
		node_stop(&n);
	}
}

/* ---- client ids ---- */

static void client_ids_belong_to_their_user(void **state)
{
	const struct node_record *r;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	n.commit = false;
	visit(&n, "alice", "phone");
	r = node_find(&n, IM_UP_OPEN, 0);
	assert_int_equal(r->flags, IM_UPF_NEW_DEVICE | IM_UPF_DURABLE);
	/* Bound in memory until it is written, over a broker crash too. */
	assert_null(node_client(&n, "bob", "phone", 4));
	node_crash(&n);
	node_forget_records(&n);
	assert_int_equal(node_load(&n, false, NULL), 0);
	assert_null(node_client(&n, "bob", "phone", 4));
	node_bridge(&n);
	assert_int_equal(node_find(&n, IM_UP_OPEN, 0)->flags, IM_UPF_NEW_DEVICE | IM_UPF_DURABLE);
	/* Written, the row decides; and when it is gone, the id is free. */
	node_sql(&n,
		"INSERT INTO device(device, user, created_ms, seen_ms) VALUES ('phone', 1, 0, 0)");
	node_committed(&n, n.epoch, n.last);
	n.commit = true;
	assert_null(node_client(&n, "bob", "phone", 4));
	visit(&n, "alice", "phone");
	assert_int_equal(node_find(&n, IM_UP_OPEN, 1)->flags, 0);
	node_sql(&n, "DELETE FROM device");
	assert_non_null(node_client(&n, "bob", "phone", 4));
	node_stop(&n);
}

static void a_device_that_was_removed_is_bound_when_it_comes_back_to_its_session(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	c = persistent("alice", "phone");
	node_settle(&n);
	assert_int_equal(node_find(&n, IM_UP_OPEN, 0)->flags, IM_UPF_NEW_DEVICE | IM_UPF_DURABLE);
	node_sql(&n, "INSERT OR REPLACE INTO device(device, user, created_ms, seen_ms) VALUES "
		     "('phone', 1, 0, 0)");
	fake_disconnect(c, true);
	node_settle(&n);
	node_sql(&n, "DELETE FROM device;"
		     "INSERT INTO device_mark (device, user, kept_ms) VALUES ('phone', 1, 1)");
	/* What waits in the session is hers. */
	assert_null(node_client(&n, "bob", "phone", 4));
	persistent("alice", "phone");
	node_settle(&n);
	assert_int_equal(node_find(&n, IM_UP_OPEN, 1)->flags,
		IM_UPF_NEW_DEVICE | IM_UPF_DURABLE | IM_UPF_KEPT);
	node_stop(&n);
}

static void ids_that_the_broker_made_up_are_not_bound(void **state)
{
	const char *const made_up = "auto-0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9";
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	c = node_client(&n, "alice", made_up, 4);
	node_settle(&n);
	assert_int_equal(node_find(&n, IM_UP_OPEN, 0)->flags, 0);
	/* Nobody takes over the session all the same. */
	assert_null(node_client(&n, "bob", made_up, 4));
	fake_disconnect(c, true);
	node_settle(&n);
	visit(&n, "bob", made_up);
	persistent("bob", "auto-0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F0");
	node_client(&n, "bob", "auto-0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8Fx", 4);
	node_settle(&n);
	assert_int_equal(node_find(&n, IM_UP_OPEN, 2)->flags, IM_UPF_NEW_DEVICE | IM_UPF_DURABLE);
	assert_int_equal(node_find(&n, IM_UP_OPEN, 3)->flags, IM_UPF_NEW_DEVICE | IM_UPF_DURABLE);
	node_stop(&n);
}

/* ---- tokens ---- */

#define SECRET "0123456789abcdef0123456789abcdef"

static char *token_for(const char *uid, int64_t exp)
{
	char *text;
	jwt_t *j;

	assert_int_equal(jwt_new(&j), 0);
	jwt_add_grant(j, "sub", uid);
	jwt_add_grant_int(j, "exp", (long)exp);
	jwt_set_alg(j, JWT_ALG_HS256, (const unsigned char *)SECRET, sizeof(SECRET) - 1);
	text = jwt_encode_str(j);
	jwt_free(j);
	return text;
}

static void token_users_are_created_and_leave_in_time(void **state)
{
	char path[128];
	const char *options[] = {"jwt_secret_file", path, "jwt_auto_create", "true", NULL};
	char *token = token_for("dave", 1763650100);
	const struct fake_spec dave = {.id = "d", .user = "dave", .password = token};
	const struct fake_spec dave2 = {.id = "d2", .user = "dave", .password = token};
	struct mosquitto *c, *alice;
	struct node n;
	FILE *f;

	(void)state;
	node_folder(&n);
	snprintf(path, sizeof(path), "%s/secret", n.dir);
	f = fopen(path, "w");
	fputs(SECRET, f);
	fclose(f);
	assert_int_equal(node_load(&n, false, options), 0);
	node_bridge(&n);
	c = fake_connect(&dave);
	alice = node_client(&n, "alice", "a", 4);
	assert_non_null(c);
	assert_int_equal(fake_publish(c, "im/u/alice", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
	assert_int_equal(
		fake_publish(alice, "im/u/dave", IM_STR("x"), 1, false, NULL), FAKE_ACCEPTED);
	assert_true(fake_subscribe(c, "im/inbox/dave/#"));
	node_settle(&n);
	assert_int_equal(node_find(&n, IM_UP_OPEN, 0)->flags,
		IM_UPF_NEW_USER | IM_UPF_NEW_DEVICE | IM_UPF_DURABLE);
	/* A second device of the user still says so: the bridge has not written him. */
	fake_connect(&dave2);
	node_sql(&n, "INSERT INTO user(uid, created_ms) VALUES ('dave', 0)");
	node_down(&n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("dave")},
		NULL, 0);
	node_settle(&n);
	assert_true(fake_connected(c));
	node_pass(&n, 99000);
	assert_true(fake_connected(c));
	node_pass(&n, 1000);
	assert_true(fake_connected(c));
	node_end(&n);
	assert_false(fake_connected(c));
	assert_true(fake_connected(alice));
	assert_null(fake_connect(&dave));
	assert_string_equal(node_life(&n, "d"), "OSC");
	free(token);
	node_stop(&n);
}

/* ---- control ---- */

static void control_is_for_admins(void **state)
{
	const struct node_record *r;
	const struct fake_message *m;
	struct mosquitto *root, *alice;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	root = node_client(&n, "root", "cli", 5);
	alice = node_client(&n, "alice", "a", 5);
	assert_int_equal(
		fake_publish(root, "$CONTROL/im/v1", IM_STR("{\"commands\":[]}"), 1, false, NULL),
		FAKE_ACCEPTED);
	assert_int_equal(
		fake_publish(alice, "$CONTROL/im/v1", IM_STR("{}"), 1, false, NULL), FAKE_DENIED);
	node_settle(&n);
	assert_int_equal(node_count(&n, IM_UP_CONTROL), 1);
	r = node_find(&n, IM_UP_CONTROL, 0);
	assert_string_equal(r->user, "root");
	assert_string_equal(r->device, "cli");
	assert_str(r->payload, "{\"commands\":[]}");
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_CONTROL,
			.device = IM_STR("cli"),
			.payload = IM_STR("{\"responses\":[]}")},
		NULL, 0);
	node_down(&n,
		&(struct im_down_rec){.type = IM_DOWN_CONTROL,
			.device = IM_STR("nowhere"),
			.payload = IM_STR("x")},
		NULL, 0);
	node_settle(&n);
	m = fake_received(root);
	assert_string_equal(m->topic, "$CONTROL/im/v1/response");
	assert_str(m->payload, "{\"responses\":[]}");
	assert_int_equal(node_stat(&n, "replies"), 1);
	node_stop(&n);
}

static void without_a_tick_nobody_comes_in(void **state)
{
	struct node n;

	(void)state;
	node_folder(&n);
	assert_int_equal(node_load(&n, false, NULL), 0);
	assert_non_null(node_client(&n, "alice", "a", 4));
	n.mono_us += 6000000;
	assert_null(node_client(&n, "alice", "b", 4));
	assert_true(fake_logged("per_listener_settings"));
	/* And a reload opens no door. */
	fake_reload();
	assert_null(
		fake_connect(&(struct fake_spec){.id = "x", .user = "alice", .password = "no"}));
	node_settle(&n);
	assert_non_null(node_client(&n, "alice", "b", 4));
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_announced),
		cmocka_unit_test(wills_are_messages),
		cmocka_unit_test(the_brokers_end_sends_wills_too),
		cmocka_unit_test(client_ids_belong_to_their_user),
		cmocka_unit_test(
			a_device_that_was_removed_is_bound_when_it_comes_back_to_its_session),
		cmocka_unit_test(ids_that_the_broker_made_up_are_not_bound),
		cmocka_unit_test(token_users_are_created_and_leave_in_time),
		cmocka_unit_test(control_is_for_admins),
		cmocka_unit_test(without_a_tick_nobody_comes_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
