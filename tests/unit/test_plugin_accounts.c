/* SPDX-License-Identifier: BSD-3-Clause */
/* Every identity, however it came, is held against the directory on every topic, ordinary ones too:
 * who is unknown, disabled, deleted or has another one's client id gets nothing and is
 * disconnected, in both broker generations. */
#include <stdio.h>

#include "tests/unit/plugin_node.h"

static const char *const opened[] = {"allow_topic", "plant/#", "allow_topic", "home/%u/#", NULL};

enum how { PASSWORD, CERTIFICATE, PSK, HOWS };

static struct fake_spec spec(enum how how, const char *user, const char *id)
{
	return (struct fake_spec){.id = id,
		.user = user,
		.password = how == PASSWORD ? "pw" : NULL,
		.identity = how == CERTIFICATE,
		.psk = how == PSK};
}

static struct mosquitto *come(enum how how, const char *user, const char *id)
{
	const struct fake_spec s = spec(how, user, id);

	return fake_connect(&s);
}

static struct mosquitto *keep(enum how how, const char *user, const char *id)
{
	struct fake_spec s = spec(how, user, id);

	s.persistent = true;
	return fake_connect(&s);
}

static int publish(struct mosquitto *c, const char *topic)
{
	return fake_publish(c, topic, IM_STR("x"), 1, true, NULL);
}

static void tell(struct node *n, const char *user)
{
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = im_str(user)}, NULL,
		0);
}

static unsigned count(struct mosquitto *c, const char *topic)
{
	const struct fake_message *m;
	unsigned n = 0;

	while ((m = fake_received(c)))
		n += strcmp(m->topic, topic) == 0;
	return n;
}

static void each(void (*test)(struct node *n, enum how how), bool passwords)
{
	for (int newer = 0; newer < 2; newer++) {
		for (enum how how = passwords ? PASSWORD : CERTIFICATE; how < HOWS; how++) {
			struct node n;

			node_start(&n, newer, opened);
			test(&n, how);
			node_settle(&n);
			assert_int_equal(fake_offline_kicks(), 0);
			node_stop(&n);
		}
	}
}

static void may_do_what_is_open(struct node *n, enum how how)
{
	struct mosquitto *c = come(how, "alice", "a");
	struct mosquitto *b = node_client(n, "bob", "b", 4);

	assert_true(fake_subscribe(b, "plant/#"));
	assert_true(fake_subscribe(c, "home/alice/#"));
	assert_false(fake_subscribe(c, "home/bob/#"));
	assert_int_equal(publish(c, "plant/1"), FAKE_ACCEPTED);
	assert_int_equal(publish(c, "home/alice/1"), FAKE_ACCEPTED);
	assert_int_equal(publish(c, "home/bob/1"), FAKE_DENIED);
	assert_int_equal(count(b, "plant/1"), 1);
	assert_int_equal(count(c, "home/alice/1"), 1);
	assert_true(fake_connected(c));
	node_settle(n);
	/* Seen by an ordinary publish, its user is online. */
	assert_string_equal(node_life(n, "a"), "O");
}

static void somebody_may(void **state)
{
	(void)state;
	each(may_do_what_is_open, true);
}

/* Those who may have nothing, by what they do first. */
static void nobody_may(struct node *n, const char *user, const char *id, enum how how)
{
	static const char *const filters[] = {
		"plant/#", "$share/g/plant/#", "im/inbox/alice/#", "home/carol/#"};
	struct mosquitto *listener = node_client(n, "root", "listener", 4), *c;
	struct fake_spec will = spec(how, user, id);
	const unsigned ways = 3 + sizeof(filters) / sizeof(filters[0]);

	assert_true(fake_subscribe(listener, "plant/#"));
	for (unsigned way = 0; way < ways; way++) {
		node_settle(n);
		fake_logged("");
		n->mono_us += 20000000;
		c = come(how, user, id);
		assert_non_null(c);
		if (way == 0)
			assert_int_equal(publish(c, "plant/1"), FAKE_DENIED);
		else if (way == 1)
			assert_int_equal(publish(c, "im/u/bob"), FAKE_DENIED);
		else if (way == 2 && n->newer)
			; /* the connection itself is enough */
		else
			assert_false(fake_subscribe(c, filters[(way + 1) % 4]));
		assert_true(fake_logged("login refused"));
		/* Not from within the event. */
		assert_true(fake_connected(c));
		/* Where it cannot be told apart, the user's others are told first. */
		node_end(n);
		assert_false(fake_connected(c));
		node_settle(n);
		assert_string_equal(node_life(n, id), "");
	}
	will.will_topic = "plant/will";
	will.will = "w";
	fake_disconnect(fake_connect(&will), true);
	node_settle(n);
	assert_null(fake_received(listener));
	assert_null(fake_retained("plant/1"));
	assert_null(fake_retained("plant/will"));
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 0);
	fake_disconnect(listener, false);
}

static void unknown_and_gone(struct node *n, enum how how)
{
	node_sql(n,
		"UPDATE user SET disabled = 1 WHERE uid = 'alice';"
		"UPDATE user SET deleted = 1 WHERE uid = 'bob';"
		"INSERT INTO device(device, user, created_ms, seen_ms) VALUES ('carols', 3, 0, 0)");
	nobody_may(n, "nobody", "n", how);
	nobody_may(n, "alice", "a", how);
	nobody_may(n, "bob", "b", how);
	nobody_may(n, "root", "carols", how);
	nobody_may(n, "im-bridge", "x", how);
	nobody_may(n, "CN=carol,O=Example", "x", how);
	nobody_may(n, "carol", "$im/0123", how);
	nobody_may(n, "carol", "", how);
}

static void nobody_else_may(void **state)
{
	(void)state;
	each(unknown_and_gone, false);
}

/* ---- an account that is closed ---- */

static void a_live_one_ends(struct node *n, enum how how)
{
	static const char *const changes[] = {"UPDATE user SET disabled = 1 WHERE uid = 'alice'",
		"UPDATE user SET disabled = 0, deleted = 1 WHERE uid = 'alice'"};
	struct mosquitto *c, *b = node_client(n, "bob", "b", 4);

	assert_true(fake_subscribe(b, "plant/#"));
	for (size_t i = 0; i < 2; i++) {
		c = come(how, "alice", "a");
		assert_true(fake_subscribe(c, "plant/#"));
		assert_int_equal(publish(c, "plant/1"), FAKE_ACCEPTED);
		assert_int_equal(count(c, "plant/1"), 1);
		node_sql(n, changes[i]);
		tell(n, "alice");
		/* At once without rights, on all topics alike. */
		assert_int_equal(publish(c, "plant/1"), FAKE_DENIED);
		assert_int_equal(publish(b, "plant/2"), FAKE_ACCEPTED);
		assert_null(fake_received(c));
		assert_false(fake_subscribe(c, "plant/1"));
		assert_true(fake_connected(c));
		node_end(n);
		assert_false(fake_connected(c));
		assert_true(fake_connected(b));
		node_sql(n, "UPDATE user SET disabled = 0, deleted = 0 WHERE uid = 'alice'");
		tell(n, "alice");
		node_settle(n);
	}
}

/* What it is subscribed to was taken by the rights of before. */
static void another_role_ends_a_live_one(struct node *n, enum how how)
{
	static const int roles[] = {1, 0, 2, 1, 2, 0};
	struct mosquitto *c, *b = node_client(n, "bob", "b", 4);
	char sql[80];

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		c = come(how, "alice", "a");
		assert_true(fake_subscribe(c, "plant/#"));
		snprintf(sql, sizeof(sql), "UPDATE user SET role = %d WHERE uid = 'alice'",
			roles[i]);
		node_sql(n, sql);
		tell(n, "alice");
		node_end(n);
		assert_false(fake_connected(c));
		/* The same again is no change. */
		c = come(how, "alice", "a");
		assert_true(fake_subscribe(c, "plant/#"));
		tell(n, "alice");
		node_end(n);
		assert_true(fake_connected(c));
	}
	assert_true(fake_connected(b));
}

static void a_kept_one_hears_nothing(struct node *n, enum how how)
{
	struct mosquitto *c = keep(how, "alice", "a"), *b = node_client(n, "bob", "b", 4);

	assert_true(fake_subscribe(c, "plant/#"));
	assert_true(fake_subscribe(c, "im/inbox/alice/#"));
	node_settle(n);
	fake_disconnect(c, false);
	assert_int_equal(publish(b, "plant/queued"), FAKE_ACCEPTED);
	node_sql(n, "UPDATE user SET disabled = 1 WHERE uid = 'alice'");
	tell(n, "alice");
	assert_int_equal(publish(b, "plant/later"), FAKE_ACCEPTED);
	node_settle(n);
	/* What had been queued is asked about when the session is taken up again. */
	if (how != PASSWORD) {
		c = keep(how, "alice", "a");
		assert_non_null(c);
		assert_null(fake_received(c));
		node_end(n);
		assert_false(fake_connected(c));
		return;
	}
	assert_null(keep(how, "alice", "a"));
	node_sql(n, "UPDATE user SET disabled = 0 WHERE uid = 'alice'");
	tell(n, "alice");
	c = keep(how, "alice", "a");
	assert_non_null(c);
	/* From before, and nothing from while it was disabled. */
	assert_string_equal(fake_received(c)->topic, "plant/queued");
	assert_null(fake_received(c));
}

static void a_closed_account_stops_everywhere(void **state)
{
	(void)state;
	each(another_role_ends_a_live_one, true);
	each(a_live_one_ends, true);
	each(a_kept_one_hears_nothing, true);
}

/* Nobody says it: imctl has written it while no bridge was there. */
static void a_closed_account_stops_without_a_bridge(void **state)
{
	struct mosquitto *c[300], *silent;
	char name[32], sql[160];
	struct node n;
	int i, left;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, opened);
		for (i = 0; i < 300; i++) {
			snprintf(sql, sizeof(sql),
				"INSERT INTO user(uid, role, password, created_ms) SELECT 'u%d', "
				"0, "
				"password, 0 FROM user WHERE id = 1",
				i);
			node_sql(&n, sql);
		}
		node_settle(&n);
		for (i = 0; i < 300; i++) {
			snprintf(name, sizeof(name), "u%d", i);
			c[i] = node_client(&n, name, name, 4);
			assert_non_null(c[i]);
		}
		silent = node_client(&n, "alice", "silent", 4);
		fake_disconnect(n.bridge, true);
		node_pass(&n, 2000);
		node_sql(&n, "UPDATE user SET disabled = 1 WHERE uid IN ('alice', 'u299')");
		node_pass(&n, 1100);
		/* Who speaks is seen at once. */
		assert_int_equal(publish(c[299], "plant/1"), FAKE_DENIED);
		for (i = 0; i < 10; i++)
			node_pass(&n, 20);
		node_end(&n);
		assert_false(fake_connected(silent));
		assert_false(fake_connected(c[299]));
		for (left = i = 0; i < 300; i++)
			left += fake_connected(c[i]);
		assert_int_equal(left, 299);
		assert_int_equal(fake_offline_kicks(), 0);
		node_bridge(&n);
		node_stop(&n);
	}
}

/* ---- another one's client id ---- */

/* A certificate takes over the session of a device that is not its user's: nobody can prevent that
 * in 2.0, but nothing of what waits for the device is for it, and the device finds its session. */
static void takes_a_session(struct node *n, enum how how, bool speaks)
{
	struct mosquitto *b = node_client(n, "bob", "b", 4), *c, *own;

	node_sql(n,
		"INSERT INTO device(device, user, created_ms, seen_ms) VALUES ('phone', 1, 0, 0)");
	node_settle(n);
	c = keep(PASSWORD, "alice", "phone");
	assert_true(fake_subscribe(c, "im/inbox/alice/#"));
	assert_true(fake_subscribe(c, "plant/#"));
	node_settle(n);
	fake_disconnect(c, false);
	publish(b, "plant/secret");
	own = come(how, "carol", "carols");
	assert_true(fake_subscribe(own, "plant/#"));
	node_settle(n);
	c = keep(how, "carol", "phone");
	assert_non_null(c);
	if (speaks)
		assert_false(fake_subscribe(c, "plant/#"));
	publish(b, "plant/more");
	assert_null(fake_received(c));
	node_end(n);
	assert_false(fake_connected(c));
	/* Where it can be told apart, carol's own device goes on. */
	assert_int_equal(fake_connected(own), how == CERTIFICATE || n->newer);
	publish(b, "plant/afterwards");
	assert_null(fake_received(c));
	c = keep(PASSWORD, "alice", "phone");
	assert_non_null(c);
	assert_null(fake_received(c));
	publish(b, "plant/again");
	assert_int_equal(count(c, "plant/again"), 1);
	node_settle(n);
	assert_true(fake_connected(c));
}

static void takes_and_is_silent(struct node *n, enum how how)
{
	takes_a_session(n, how, false);
}

static void takes_and_speaks(struct node *n, enum how how)
{
	takes_a_session(n, how, true);
}

/* The device is back before TICK: it is not the one that is disconnected. */
static void the_owner_is_back_first(struct node *n, enum how how)
{
	struct mosquitto *thief, *c;

	node_sql(n,
		"INSERT INTO device(device, user, created_ms, seen_ms) VALUES ('phone', 1, 0, 0)");
	node_settle(n);
	assert_non_null(come(PASSWORD, "alice", "phone"));
	node_settle(n);
	thief = keep(how, "carol", "phone");
	assert_false(fake_subscribe(thief, "plant/#"));
	c = keep(PASSWORD, "alice", "phone");
	assert_non_null(c);
	node_settle(n);
	assert_true(fake_connected(c));
	assert_false(fake_connected(thief));
}

static void another_ones_client_id_gets_nothing(void **state)
{
	(void)state;
	each(takes_and_is_silent, false);
	each(takes_and_speaks, false);
	each(the_owner_is_back_first, false);
}

/* The broker frees a session that has expired without a word, and the next client gets its memory:
 * a certificate's first publish must not be taken for the will of whoever was there before. */
static void memory_has_no_name(struct node *n, enum how how)
{
	struct fake_spec s = spec(how, "carol", "c");
	struct mosquitto *b = node_client(n, "bob", "b", 4), *old;

	assert_true(fake_subscribe(b, "plant/#"));
	for (int who = 0; who < 3; who++) {
		old = keep(PASSWORD, "alice", "a");
		node_settle(n);
		fake_disconnect(old, true);
		node_settle(n);
		fake_expire(old);
		s.at = old;
		s.user = who == 0 ? "carol" : who == 1 ? "nobody" : "alice";
		s.id = who == 2 ? "a2" : "c";
		assert_non_null(fake_connect(&s));
		/* Alice's new device is alive, and is itself. */
		assert_int_equal(publish(old, "plant/1"), who == 1 ? FAKE_DENIED : FAKE_ACCEPTED);
		assert_int_equal(publish(old, "im/u/root"), who == 1 ? FAKE_DENIED : FAKE_ACCEPTED);
		assert_int_equal(count(b, "plant/1"), who != 1);
		node_settle(n);
		assert_int_equal(fake_connected(old), who != 1);
		assert_int_equal(node_count(n, IM_UP_MSG_USER), who != 1);
		if (who != 1) {
			const struct node_record *r = node_find(n, IM_UP_MSG_USER, 0);

			assert_string_equal(r->user, s.user);
			assert_string_equal(r->device, s.id);
			assert_int_equal(r->flags & IM_UPF_WILL, 0);
			fake_disconnect(old, false);
		}
		node_forget_records(n);
	}
}

static void memory_that_is_used_again_names_nobody(void **state)
{
	(void)state;
	each(memory_has_no_name, false);
}

/* ---- whom the broker asks about though nobody is there ---- */

static void an_author_is_judged_by_name(void **state)
{
	struct node n;

	(void)state;
	node_start(&n, false, opened);
	assert_true(fake_retained_allowed("alice", "plant/1"));
	assert_false(fake_retained_allowed("nobody", "plant/1"));
	assert_false(fake_retained_allowed("not a name", "plant/1"));
	assert_false(fake_retained_allowed(NULL, "plant/1"));
	assert_false(fake_retained_allowed("alice", "elsewhere"));
	assert_true(fake_retained_allowed("bob", "home/bob/1"));
	assert_false(fake_retained_allowed("alice", "home/bob/1"));
	node_sql(&n, "UPDATE user SET disabled = 1 WHERE uid = 'alice'");
	tell(&n, "alice");
	assert_false(fake_retained_allowed("alice", "plant/1"));
	node_stop(&n);
}

/* The will of one that never said a word comes long after it has gone. It is no sign of life:
 * nobody is online by it, and nobody is kicked. */
static void a_late_will_is_no_sign_of_life(struct node *n, enum how how)
{
	struct fake_spec s = spec(how, "carol", "c");
	struct mosquitto *b = node_client(n, "bob", "b", 4), *c;

	assert_true(fake_subscribe(b, "plant/#"));
	s.persistent = true;
	s.version = 5;
	s.will_delayed = true;
	s.will = "w";
	for (int theirs = 0; theirs < 2; theirs++) {
		s.will_topic = "plant/will";
		s.id = theirs ? "alices" : "c";
		node_sql(n, "INSERT OR IGNORE INTO device(device, user, created_ms, seen_ms) "
			    "VALUES ('alices', 1, 0, 0)");
		c = fake_connect(&s);
		if (theirs && n->newer)
			node_settle(n); /* it was shown by CONNECT, and is disconnected */
		else
			fake_disconnect(c, true);
		node_settle(n);
		fake_delayed_will(c);
		node_settle(n);
		assert_int_equal(count(b, "plant/will"), !theirs);
		assert_string_equal(node_life(n, s.id), theirs || !n->newer ? "" : "OC");
		assert_int_equal(node_stat(n, "sessions_online"), 1);
	}
}

static void wills_of_who_has_gone(void **state)
{
	(void)state;
	each(a_late_will_is_no_sign_of_life, false);
}

/* ---- what it costs ---- */

static void a_publish_or_a_delivery_costs_no_read(struct node *n, enum how how)
{
	struct mosquitto *a = come(how, "alice", "a"), *away = keep(how, "bob", "b"), *thief;
	uint64_t reads;
	int i;

	assert_true(fake_subscribe(a, "plant/#"));
	assert_true(fake_subscribe(away, "plant/#"));
	node_settle(n);
	fake_disconnect(away, false);
	node_sql(n,
		"INSERT INTO device(device, user, created_ms, seen_ms) VALUES ('roots', 4, 0, 0)");
	thief = keep(PASSWORD, "root", "roots");
	assert_true(fake_subscribe(thief, "plant/#"));
	node_settle(n);
	fake_disconnect(thief, false);
	thief = how == PASSWORD ? NULL : keep(how, "carol", "roots");
	assert_int_equal(publish(a, "plant/1"), FAKE_ACCEPTED);
	node_settle(n);
	reads = node_stat(n, "directory_reads");
	for (i = 0; i < 1000; i++) {
		assert_int_equal(publish(a, "plant/1"), FAKE_ACCEPTED);
		n->mono_us += 10;
	}
	assert_int_equal(node_stat(n, "directory_reads"), reads);
	assert_true(count(a, "plant/1") == 1001);
	assert_true(!thief || !fake_received(thief));
}

static void what_it_costs(void **state)
{
	(void)state;
	each(a_publish_or_a_delivery_costs_no_read, true);
}

/* Who is refused and goes on sending costs one look and one line. */
static void a_refused_client_costs_one_look(struct node *n, enum how how)
{
	struct mosquitto *c;
	uint64_t reads;
	int i;

	node_sql(n,
		"INSERT INTO device(device, user, created_ms, seen_ms) VALUES ('roots', 4, 0, 0)");
	assert_non_null(node_client(n, "carol", "own", 4));
	node_settle(n);
	c = come(how, "carol", "roots");
	assert_int_equal(publish(c, "plant/1"), FAKE_DENIED);
	reads = node_stat(n, "directory_reads");
	c = come(how, "carol", "roots");
	for (i = 0; i < 1000; i++)
		assert_int_equal(publish(c, "plant/1"), FAKE_DENIED);
	assert_true(node_stat(n, "directory_reads") <= reads + 2);
	assert_true(node_stat(n, "logins_refused") <= 2);
}

static void what_a_refused_one_costs(void **state)
{
	(void)state;
	each(a_refused_client_costs_one_look, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(somebody_may),
		cmocka_unit_test(nobody_else_may),
		cmocka_unit_test(a_closed_account_stops_everywhere),
		cmocka_unit_test(a_closed_account_stops_without_a_bridge),
		cmocka_unit_test(another_ones_client_id_gets_nothing),
		cmocka_unit_test(memory_that_is_used_again_names_nobody),
		cmocka_unit_test(an_author_is_judged_by_name),
		cmocka_unit_test(wills_of_who_has_gone),
		cmocka_unit_test(what_it_costs),
		cmocka_unit_test(what_a_refused_one_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
