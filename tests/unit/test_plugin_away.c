/* SPDX-License-Identifier: BSD-3-Clause */
/* What waits for sessions that are away, in both broker generations: for whom, and for how many. */
#include <stdio.h>

#include "tests/lib/fake_internal.h"
#include "tests/unit/plugin_node.h"

#define INBOX "im/inbox/alice/#"

static const char *const options[] = {"allow_topic", "plant/#", "kept_sessions", "3", NULL};

static void each(void (*test)(struct node *n))
{
	node_each(test, options);
}

static struct mosquitto *keep_v(const char *user, const char *id, int version)
{
	return fake_connect(&(struct fake_spec){
		.id = id, .user = user, .password = "pw", .version = version, .persistent = true});
}

static struct mosquitto *keep(const char *user, const char *id)
{
	return keep_v(user, id, 4);
}

static void deliver(struct node *n, const char *user, const char *payload)
{
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_INBOX,
			.topic = IM_STR("event"),
			.payload = im_str(payload)},
		&(struct im_recipient){.uid = im_str(user)}, 1);
	node_settle(n);
}

static void tell(struct node *n, const char *user)
{
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = im_str(user)}, NULL,
		0);
	node_settle(n);
}

/* As an older bridge did: the user goes, his devices with him, and the name is given again. */
static void give_name_again(struct node *n)
{
	node_sql(n, "UPDATE user SET deleted = 1, disabled = 1 WHERE id = 1;"
		    "DELETE FROM device WHERE user = 1;"
		    "INSERT INTO user(id, uid, password, created_ms)"
		    " SELECT 9, 'alice', password, 0 FROM user WHERE id = 2");
	tell(n, "alice");
}

/* ---- whose ---- */

static void a_name_given_again(struct node *n)
{
	struct mosquitto *c = keep("alice", "phone"), *next;

	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	fake_disconnect(c, true);
	deliver(n, "alice", "old");
	give_name_again(n);
	/* For the new one; the session that is away is not his. */
	deliver(n, "alice", "new");
	next = keep("alice", "phone");
	assert_non_null(next);
	node_settle(n);
	assert_string_equal(node_heard(next), "");
	/* From now on it is, and what comes is for him. */
	deliver(n, "alice", "now");
	assert_string_equal(node_heard(next), "now");
	fake_disconnect(next, true);
	deliver(n, "alice", "later");
	next = keep("alice", "phone");
	node_settle(n);
	assert_string_equal(node_heard(next), "later");
}

static void one_that_goes_on(struct node *n)
{
	struct mosquitto *c = keep("alice", "phone");

	assert_true(fake_subscribe(c, INBOX));
	assert_true(fake_subscribe(c, "plant/#"));
	node_settle(n);
	/* Nobody has said that he was deleted before somebody else got the name. */
	node_sql(n, "UPDATE user SET id = 99 WHERE id = 1");
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")},
		NULL, 0);
	node_down(n,
		&(struct im_down_rec){
			.type = IM_DOWN_INBOX, .topic = IM_STR("event"), .payload = IM_STR("new")},
		&(struct im_recipient){.uid = IM_STR("alice")}, 1);
	assert_int_equal(fake_publish(c, "plant/1", IM_STR("x"), 1, false, NULL), FAKE_DENIED);
	assert_int_equal(fake_publish(c, "im/u/bob", IM_STR("x"), 1, false, NULL), FAKE_DENIED);
	assert_false(fake_subscribe(c, "plant/1"));
	node_end(n);
	assert_false(fake_connected(c));
	assert_string_equal(node_heard(c), "{\"event\":\"session\",\"action\":\"end\",\"device\":"
					   "\"phone\",\"reason\":\"deleted\",\"retry\":\"no\"}");
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 0);
}

static void a_will_of_who_had_the_name(struct node *n)
{
	struct mosquitto *c = fake_connect(&(struct fake_spec){.id = "w",
		.user = "alice",
		.password = "pw",
		.will_topic = "im/u/bob",
		.will = "bye"});

	node_settle(n);
	node_sql(n, "UPDATE user SET id = 99 WHERE id = 1");
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")},
		NULL, 0);
	fake_disconnect(c, true);
	node_settle(n);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 0);
}

static void over_a_restart(struct node *n)
{
	struct mosquitto *mine, *former, *unknown, *c;

	node_sql(n, "INSERT INTO device(device, user, created_ms, seen_ms) VALUES"
		    " ('mine', 1, 0, 0), ('former', 7, 0, 0), ('bobs', 2, 0, 0)");
	mine = fake_restored(
		&(struct fake_spec){.id = "mine", .user = "alice", .password = "pw"}, INBOX);
	former = fake_restored(&(struct fake_spec){.id = "former", .user = "alice"}, INBOX);
	unknown = fake_restored(
		&(struct fake_spec){.id = "unknown", .user = "alice", .password = "pw"}, INBOX);
	deliver(n, "alice", "one");
	deliver(n, "alice", "two");
	assert_string_equal(node_heard(former), "");
	assert_string_equal(node_heard(unknown), "");
	c = keep("alice", "mine");
	node_settle(n);
	assert_string_equal(node_heard(c), "one two");
	assert_string_equal(node_heard(mine), "");
	/* Nobody's client id: whoever comes with it gets nothing that is older. */
	fake_route(&(struct fake_message){
		.topic = (char *)"im/inbox/alice/x", .payload = IM_STR("none")});
	c = keep("alice", "unknown");
	node_settle(n);
	deliver(n, "alice", "three");
	assert_string_equal(node_heard(c), "three");
	fake_disconnect(c, true);
	deliver(n, "alice", "four");
	assert_string_equal(node_heard(c), "four");
	assert_null(keep("alice", "former"));
	assert_null(keep("bob", "former"));
	assert_int_equal(fake_offline_kicks(), 0);
}

static void a_session_belongs_to_a_number(void **state)
{
	(void)state;
	each(a_name_given_again);
	each(one_that_goes_on);
	each(a_will_of_who_had_the_name);
	each(over_a_restart);
}

/* What is asked of the database for many deliveries to many that are away. */
static void what_it_costs(void **state)
{
	struct node n;
	char id[16], sql[128];
	uint64_t reads;
	int i;

	(void)state;
	node_start(&n, false, options);
	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		snprintf(sql, sizeof(sql),
			"INSERT INTO device(device, user, created_ms, seen_ms)"
			" VALUES ('%s', 1, 0, 0)",
			id);
		node_sql(&n, sql);
		fake_restored(&(struct fake_spec){.id = id, .user = "alice"}, INBOX);
	}
	reads = node_stat(&n, "directory_reads");
	for (i = 0; i < 10; i++)
		deliver(&n, "alice", "x");
	assert_in_range(node_stat(&n, "directory_reads"), reads + 100, reads + 110);
	/* Something else is new in the directory: nothing is read again of her. */
	tell(&n, "bob");
	reads = node_stat(&n, "directory_reads");
	deliver(&n, "alice", "x");
	assert_in_range(node_stat(&n, "directory_reads"), reads, reads + 3);
	node_stop(&n);
}

/* ---- how many ---- */

static struct mosquitto *leave_one(struct node *n, const char *id)
{
	struct mosquitto *c = keep("alice", id);

	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	fake_disconnect(c, true);
	node_settle(n);
	return c;
}

static void those_that_left_last(struct node *n)
{
	struct mosquitto *c[5];
	char id[8];
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		c[i] = leave_one(n, id);
	}
	deliver(n, "alice", "one");
	for (i = 0; i < 5; i++)
		assert_string_equal(node_heard(c[i]), i < 2 ? "" : "one");
	/* One comes back, and leaves again: it is among them. */
	keep("alice", "d0");
	node_settle(n);
	deliver(n, "alice", "two");
	for (i = 1; i < 5; i++)
		assert_string_equal(node_heard(c[i]), i < 2 ? "" : "two");
	fake_disconnect(fake_by_id("d0"), true);
	node_settle(n);
	node_heard(fake_by_id("d0"));
	deliver(n, "alice", "three");
	assert_string_equal(node_heard(fake_by_id("d0")), "three");
	assert_string_equal(node_heard(c[1]), "");
	assert_string_equal(node_heard(c[2]), "");
	assert_string_equal(node_heard(c[3]), "three");
	assert_string_equal(node_heard(c[4]), "three");
	assert_int_equal(fake_offline_kicks(), 0);
}

/* MQTT 5 in 2.0: those that are gone take no place. */
static void those_that_are_gone(struct node *n)
{
	struct mosquitto *phone = leave_one(n, "phone"), *tab;
	char id[8];
	int i;

	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "tab%d", i);
		tab = node_client(n, "alice", id, 5);
		assert_true(fake_subscribe(tab, INBOX));
		node_settle(n);
		fake_disconnect(tab, false);
		node_settle(n);
	}
	deliver(n, "alice", "one");
	assert_string_equal(node_heard(phone), "one");
}

static void with_mqtt_5(struct node *n)
{
	struct mosquitto *c[5];
	char id[8];
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		c[i] = keep_v("alice", id, 5);
		assert_true(fake_subscribe(c[i], INBOX));
		node_settle(n);
		fake_disconnect(c[i], true);
		node_settle(n);
	}
	deliver(n, "alice", "one");
	for (i = 0; i < 5; i++)
		(void)node_heard(c[i]);
	/* 2.0 knows of them from the first on. */
	deliver(n, "alice", "two");
	for (i = 0; i < 5; i++)
		assert_string_equal(node_heard(c[i]), i < 2 ? "" : "two");
}

static void met_after_a_restart(struct node *n)
{
	struct mosquitto *c[5], *left;
	char id[8], sql[128];
	int i;

	for (i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		snprintf(sql, sizeof(sql),
			"INSERT INTO device(device, user, created_ms, seen_ms)"
			" VALUES ('%s', 1, 0, 0)",
			id);
		node_sql(n, sql);
		c[i] = fake_restored(&(struct fake_spec){.id = id, .user = "alice"}, INBOX);
	}
	deliver(n, "alice", "one");
	for (i = 0; i < 5; i++)
		assert_string_equal(node_heard(c[i]), i < 3 ? "one" : "");
	/* One that leaves after the restart has left later. */
	left = leave_one(n, "phone");
	deliver(n, "alice", "two");
	assert_string_equal(node_heard(left), "two");
	assert_string_equal(node_heard(c[0]), "");
	assert_string_equal(node_heard(c[1]), "two");
	assert_string_equal(node_heard(c[2]), "two");
}

static size_t greetings(const struct node *n, const char *id)
{
	const struct node_record *r;
	size_t i, all = 0;

	for (i = 0; (r = node_find(n, IM_UP_SUB, i)); i++)
		all += strcmp(r->device, id) == 0;
	return all;
}

/* As the bridge does with one that is unseen for longest. */
static void forget(struct node *n, const char *id)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		"INSERT INTO device_mark(device, user, kept_ms) VALUES ('%s', 1, 1);"
		"DELETE FROM device WHERE device = '%s'",
		id, id);
	node_sql(n, sql);
	tell(n, "alice");
}

/* They subscribe to nothing, since the broker says that the session is there. */
static void whoever_goes_on_is_greeted(struct node *n)
{
	char id[8];
	int i;

	for (i = 0; i < 6; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		leave_one(n, id);
	}
	deliver(n, "alice", "one");
	forget(n, "d5");
	deliver(n, "alice", "two");
	forget(n, "d4");
	for (i = 0; i < 6; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		assert_int_equal(greetings(n, id), 1);
		assert_non_null(keep("alice", id));
		node_settle(n);
		assert_int_equal(greetings(n, id), 2);
		fake_disconnect(fake_by_id(id), true);
		node_settle(n);
		/* Once for each time. */
		keep("alice", id);
		node_settle(n);
		assert_int_equal(greetings(n, id), 3);
	}
}

/* Whose a client id is cannot be read for a while: what is for it then is missed and made up for,
 * and what comes after that waits for it. */
static void a_fault_is_not_remembered(struct node *n)
{
	struct mosquitto *c = leave_one(n, "d0");
	const struct {
		const char *broken, *mended;
	} faults[] = {
		{"ALTER TABLE user RENAME TO away", "ALTER TABLE away RENAME TO user"},
		{"ALTER TABLE device RENAME TO away", "ALTER TABLE away RENAME TO device"},
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		node_sql(n, faults[i].broken);
		tell(n, "alice");
		deliver(n, "alice", "missed");
		assert_string_equal(node_heard(c), "");
		assert_true(fake_logged("directory unreadable"));
		node_sql(n, faults[i].mended);
		deliver(n, "alice", "waits");
		assert_string_equal(node_heard(c), "waits");
	}
	keep("alice", "d0");
	node_settle(n);
	assert_int_equal(greetings(n, "d0"), 2);
}

static void a_few_are_kept(void **state)
{
	(void)state;
	each(whoever_goes_on_is_greeted);
	each(a_fault_is_not_remembered);
	each(those_that_left_last);
	each(those_that_are_gone);
	each(with_mqtt_5);
	each(met_after_a_restart);
}

/* ---- hello ---- */

/* As the bridge answers what the device has asked last. */
static void hello(struct node *n, const char *device, const char *payload)
{
	const struct node_record *r;
	uint64_t ask = 0;

	for (size_t i = 0; (r = node_find(n, IM_UP_SUB, i)); i++)
		if (strcmp(r->device, device) == 0)
			ask = strtoull(r->target, NULL, 10);
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_INBOX,
			.recno = ask,
			.device = im_str(device),
			.topic = IM_STR("event"),
			.payload = im_str(payload)},
		&(struct im_recipient){.uid = IM_STR("alice")}, 1);
	node_settle(n);
}

static void greeted_by_name(struct node *n)
{
	struct mosquitto *one = keep("alice", "d"), *two = keep("alice", "d2"),
			 *away = leave_one(n, "away");

	assert_true(fake_subscribe(one, INBOX));
	assert_true(fake_subscribe(two, INBOX));
	node_settle(n);
	hello(n, "d", "{\"event\":\"hello\",\"device\":\"d\",\"cursor\":\"1\"}");
	hello(n, "d2", "{\"event\":\"hello\",\"device\":\"d2\",\"cursor\":\"1\"}");
	deliver(n, "alice", "{\"event\":\"hello\",\"device\":\"d");
	deliver(n, "alice", "{\"event\":\"hello\",\"device\":");
	deliver(n, "alice", "{\"event\":\"device\",\"device\":\"d\"}");
	assert_string_equal(node_heard(one),
		"{\"event\":\"hello\",\"device\":\"d\",\"cursor\":\"1\"}"
		" {\"event\":\"hello\",\"device\": {\"event\":\"device\",\"device\":\"d\"}");
	assert_string_equal(node_heard(two),
		"{\"event\":\"hello\",\"device\":\"d2\",\"cursor\":\"1\"}"
		" {\"event\":\"hello\",\"device\": {\"event\":\"device\",\"device\":\"d\"}");
	assert_string_equal(node_heard(away),
		"{\"event\":\"hello\",\"device\": {\"event\":\"device\",\"device\":\"d\"}");
	/* One that was for an earlier connection is nobody's. */
	hello(n, "away", "{\"event\":\"hello\",\"device\":\"away\",\"cursor\":\"2\"}");
	assert_string_equal(node_heard(away), "");
	away = keep("alice", "away");
	deliver(n, "alice", "{\"event\":\"hello\",\"device\":\"away\",\"cursor\":\"2\"}");
	assert_string_equal(node_heard(away), "");
	hello(n, "away", "{\"event\":\"hello\",\"device\":\"away\",\"cursor\":\"3\"}");
	assert_string_equal(
		node_heard(away), "{\"event\":\"hello\",\"device\":\"away\",\"cursor\":\"3\"}");
}

static void hello_is_for_the_one_it_names(void **state)
{
	(void)state;
	each(greeted_by_name);
}

/* ---- new devices ---- */

static const char *const two_a_day[] = {
	"allow_topic", "plant/#", "new_devices_per_day", "2", "auth_threads", "0", NULL};

static bool comes_to_stay(struct node *n, const char *id, int version)
{
	struct mosquitto *c = keep_v("alice", id, version);
	bool taken;

	assert_non_null(c);
	taken = fake_subscribe(c, "plant/#");
	node_settle(n);
	fake_disconnect(c, false);
	node_settle(n);
	return taken;
}

static void new_devices_of_a_day(struct node *n)
{
	struct mosquitto *c;

	assert_true(comes_to_stay(n, "one", 4));
	/* What leaves nothing, or never subscribes, does not count. */
	c = node_client(n, "alice", "clean", 4);
	assert_true(fake_subscribe(c, "plant/#"));
	fake_disconnect(c, false);
	fake_disconnect(node_client(n, "alice", "pub", 5), false);
	node_settle(n);
	assert_true(comes_to_stay(n, "two", 5));
	assert_false(comes_to_stay(n, "tr\xc3\xa9s 3", 4));
	assert_true(fake_logged("client=tr%C3%A9s%203 filter=plant/#: within 24 hours"));
	assert_false(comes_to_stay(n, "tr\xc3\xa9s 3", 5));
	/* Those that are known are not kept out, nor are others' or clean ones. */
	assert_true(comes_to_stay(n, "one", 4));
	assert_true(comes_to_stay(n, "two", 5));
	c = node_client(n, "alice", "clean", 4);
	assert_true(fake_subscribe(c, "plant/#"));
	c = fake_connect(&(struct fake_spec){
		.id = "bobs", .user = "bob", .password = "pw", .persistent = true});
	assert_true(fake_subscribe(c, "plant/#"));
	/* Forgotten ones count. */
	node_sql(n, "INSERT INTO device_mark(device, user, kept_ms) SELECT device, user, kept_ms"
		    " FROM device WHERE device = 'one'; DELETE FROM device WHERE device = 'one'");
	node_pass(n, 11000);
	assert_false(comes_to_stay(n, "four", 4));
	/* The next day. */
	node_pass(n, 86400000);
	assert_true(comes_to_stay(n, "four", 4));
	assert_int_equal(node_count(n, IM_UP_KEEP), 4);
}

/* What the directory has already, of which the bridge has not said so yet, counts once; it is under
 * the number of this broker. */
static void one_new_device_counts_once(void **state)
{
	static const unsigned numbers[] = {1, 2, 8};
	char sql[400], mark[16] = "";
	struct mosquitto *c;
	struct node n;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		node_start(&n, true, two_a_day);
		node_down(&n,
			&(struct im_down_rec){.type = IM_DOWN_HELLO,
				.flags = IM_DOWNF_SEVERAL,
				.epoch = 1,
				.recno = numbers[i]},
			NULL, 0);
		node_settle(&n);
		n.commit = false;
		c = keep_v("alice", "one", 4);
		assert_true(fake_subscribe(c, "plant/#"));
		node_settle(&n);
		if (numbers[i] > 1)
			snprintf(mark, sizeof(mark), ".%u", numbers[i] - 1);
		snprintf(sql, sizeof(sql),
			"INSERT INTO device(device, user, created_ms, seen_ms, cursor, kept_ms)"
			" VALUES ('one', 1, %lld, 1, 0, %lld);"
			"INSERT OR REPLACE INTO meta VALUES ('link_epoch%s', %lld),"
			" ('link_recno%s', %llu)",
			(long long)n.wall_ms, (long long)n.wall_ms, mark, (long long)n.epoch, mark,
			(unsigned long long)n.last + 10);
		node_sql(&n, sql);
		c = keep_v("alice", "two", 4);
		assert_true(fake_subscribe(c, "plant/#"));
		node_stop(&n);
	}
}

/* ---- devices of a device account ---- */

static struct mosquitto *thing(const char *id, int version, bool persistent)
{
	struct mosquitto *c = fake_connect(&(struct fake_spec){.id = id,
		.user = "carol",
		.password = "pw",
		.version = version,
		.persistent = persistent});

	assert_non_null(c);
	return c;
}

/* With a client id of its own it comes, listens and goes. */
static bool thing_stays(struct node *n, const char *id, int version)
{
	struct mosquitto *c = thing(id, version, true);
	char own[64];
	bool taken;

	snprintf(own, sizeof(own), "im/inbox/carol/%s/#", id);
	taken = fake_subscribe(c, own);
	node_settle(n);
	fake_disconnect(c, true);
	node_settle(n);
	return taken;
}

static void things_that_stay(struct node *n)
{
	struct mosquitto *c;

	assert_true(thing_stays(n, "d1", 4));
	assert_true(thing_stays(n, "d2", 5));
	assert_true(thing_stays(n, "d3", 4));
	assert_false(thing_stays(n, "d4", 4));
	assert_true(fake_logged("client=d4 filter=im/inbox/carol/d4/#: as many client ids of the "
				"device account have subscribed"));
	assert_false(thing_stays(n, "d4", 5));
	/* Those that have a place keep it, whatever connection they come with. */
	assert_true(thing_stays(n, "d1", 4));
	assert_true(thing_stays(n, "d2", 5));
	c = thing("d2", 5, true);
	assert_true(fake_subscribe(thing("d2", 5, true), "im/inbox/carol/d2/u/#"));
	assert_false(fake_connected(c));
	assert_false(thing_stays(n, "d4", 4));
	/* What leaves nothing needs none, and does not give one away. */
	c = thing("d4", 4, false);
	assert_true(fake_subscribe(c, "im/inbox/carol/d4/#"));
	fake_disconnect(c, false);
	node_settle(n);
	assert_false(thing_stays(n, "d4", 4));
	/* d1 comes for the last time, and leaves nothing. */
	fake_disconnect(thing("d1", 4, false), false);
	node_settle(n);
	assert_true(thing_stays(n, "d4", 4));
	assert_false(thing_stays(n, "d1", 4));
}

/* 32 for each of three, which one alone may have. */
static void levels_of_things(struct node *n)
{
	struct mosquitto *one = thing("d1", 4, true), *two = thing("d2", 4, true);
	char filter[64];

	for (int i = 0; i < 9; i++) {
		snprintf(filter, sizeof(filter), "plant/%d/a/b/c/d/e/f/g/h", i);
		assert_true(fake_subscribe(one, filter));
	}
	assert_false(fake_subscribe(two, "plant/a/b/c/d/e/f"));
	assert_true(fake_logged("32 levels for each of account_devices"));
	assert_int_equal(node_stat(n, "subscribes_denied"), 1);
	fake_unsubscribe(one, "plant/0/a/b/c/d/e/f/g/h");
	assert_true(fake_subscribe(two, "plant/a/b/c/d/e/f"));
}

static void a_device_account_has_bounds(void **state)
{
	static const char *const options_of[] = {
		"allow_topic", "plant/#", "account_devices", "3", "auth_threads", "0", NULL};

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		for (int i = 0; i < 2; i++) {
			struct node n;

			node_folder(&n);
			node_sql(&n, "UPDATE user SET role = 2 WHERE uid = 'carol'");
			assert_int_equal(node_load(&n, newer, options_of), 0);
			node_bridge(&n);
			(i ? levels_of_things : things_that_stay)(&n);
			node_stop(&n);
		}
	}
}

static void that_cannot_be_counted(struct node *n)
{
	struct mosquitto *c = keep("alice", "one");

	node_settle(n);
	node_sql(n, "ALTER TABLE device RENAME TO away");
	assert_false(fake_subscribe(c, "plant/#"));
	assert_true(fake_logged("client=one filter=plant/#: directory.db cannot be read"));
	assert_false(fake_logged("within 24 hours"));
	node_sql(n, "ALTER TABLE away RENAME TO device");
	assert_true(fake_subscribe(c, "plant/#"));
}

static const struct node_record *last_open(const struct node *n)
{
	size_t all = node_count(n, IM_UP_OPEN);

	return all ? node_find(n, IM_UP_OPEN, all - 1) : NULL;
}

/* The end of its last connection, of which nothing was left, may be on its way: what the bridge
 * forgets with that it is told again. */
static void what_was_counted_is_said_with_it(struct node *n)
{
	struct mosquitto *c;

	assert_true(comes_to_stay(n, "one", 4));
	assert_int_equal(last_open(n)->flags & IM_UPF_KEPT, 0);
	n->commit = false;
	c = node_client(n, "alice", "one", 4);
	node_settle(n);
	fake_disconnect(c, false);
	node_settle(n);
	assert_true(comes_to_stay(n, "one", 4));
	assert_int_equal(last_open(n)->flags & IM_UPF_KEPT, IM_UPF_KEPT);
	assert_int_equal(last_open(n)->flags & IM_UPF_NEW_DEVICE, 0);
	assert_int_equal(node_count(n, IM_UP_KEEP), 1);
}

/* Not written yet: the bridge is away, and the broker is restarted. */
static void on_their_way(struct node *n)
{
	n->commit = false;
	assert_true(comes_to_stay(n, "one", 4));
	assert_true(comes_to_stay(n, "two", 4));
	assert_false(comes_to_stay(n, "three", 4));
	node_pass(n, 11000);
	assert_false(comes_to_stay(n, "three", 4));
	node_crash(n);
	node_forget_records(n);
	assert_int_equal(node_load(n, n->newer, two_a_day), 0);
	assert_false(comes_to_stay(n, "three", 4));
	n->commit = true;
	node_bridge(n);
	node_pass(n, 11000);
	assert_false(comes_to_stay(n, "three", 4));
	assert_true(comes_to_stay(n, "one", 4));
	assert_int_equal(node_count(n, IM_UP_KEEP), 2);
}

/* An id that the broker made up, of a client that asks for a session: it can come back to it. */
static void made_up_ids(struct node *n)
{
	static const char *const ids[] = {"auto-01234567-89AB-CDEF-0123-456789ABCDEF",
		"auto-11234567-89AB-CDEF-0123-456789ABCDEF",
		"auto-21234567-89AB-CDEF-0123-456789ABCDEF"};
	struct mosquitto *c;

	for (int i = 0; i < 3; i++) {
		c = node_client(n, "alice", ids[i], 5);
		assert_int_equal(fake_subscribe(c, "plant/#"), i < 2);
		node_settle(n);
		assert_null(keep_v("bob", ids[i], 5));
	}
	/* 2.1 says that nothing is left. */
	for (int i = 0; i < 2; i++)
		fake_disconnect(fake_by_id(ids[i]), false);
	node_pass(n, 11000);
	assert_int_equal(comes_to_stay(n, "tab", 5), n->newer);
}

static void under_a_mark(struct node *n)
{
	struct mosquitto *c = leave_one(n, "phone");

	node_sql(n, "INSERT INTO device_mark(device, user, kept_ms) VALUES ('phone', 1, 1);"
		    "DELETE FROM device WHERE device = 'phone'");
	tell(n, "alice");
	deliver(n, "alice", "denied");
	assert_string_equal(node_heard(c), "");
	assert_null(keep("bob", "phone"));
	/* Hers still; what waited before is not. */
	fake_route(&(struct fake_message){
		.topic = (char *)"im/inbox/alice/x", .payload = IM_STR("denied")});
	c = keep("alice", "phone");
	assert_non_null(c);
	node_settle(n);
	assert_string_equal(node_heard(c), "");
	deliver(n, "alice", "heard");
	assert_string_equal(node_heard(c), "heard");
	assert_true(node_find(n, IM_UP_OPEN, 1)->flags & IM_UPF_NEW_DEVICE);
}

static void devices_that_come_to_stay_are_counted(void **state)
{
	(void)state;
	node_each(new_devices_of_a_day, two_a_day);
	node_each(that_cannot_be_counted, two_a_day);
	node_each(what_was_counted_is_said_with_it, two_a_day);
	node_each(on_their_way, two_a_day);
	node_each(made_up_ids, two_a_day);
}

static void a_mark_keeps_the_client_id(void **state)
{
	(void)state;
	each(under_a_mark);
}

static const struct node_record *close_of(const struct node *n, const char *device)
{
	const struct node_record *r;

	for (size_t i = 0; (r = node_find(n, IM_UP_CLOSE, i)); i++) {
		if (strcmp(r->device, device) == 0)
			return r;
	}
	fail_msg("%s was not closed", device);
	return NULL;
}

static void what_an_end_says(struct node *n)
{
	static const struct {
		const char *id;
		int version;
		bool persistent, gone, gone_newer;
	} cases[] = {
		{"clean", 4, false, true, true},
		{"stays", 4, true, false, false},
		{"clean5", 5, false, false, true},
		{"stays5", 5, true, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mosquitto *c = fake_connect(&(struct fake_spec){.id = cases[i].id,
			.user = "alice",
			.password = "pw",
			.version = cases[i].version,
			.persistent = cases[i].persistent});

		node_settle(n);
		fake_disconnect(c, false);
		node_settle(n);
		assert_int_equal(close_of(n, cases[i].id)->flags & IM_UPF_GONE ? 1 : 0,
			n->newer ? cases[i].gone_newer : cases[i].gone);
	}
}

static void the_bridge_hears_what_is_left(void **state)
{
	(void)state;
	each(what_an_end_says);
}

/* The broker has forgotten them, too. */
static void sessions_expire_here_as_there(void **state)
{
	struct node n;

	(void)state;
	node_start(&n, false, options);
	leave_one(&n, "phone");
	assert_int_equal(node_stat(&n, "sessions_offline"), 1);
	node_pass(&n, 13 * INT64_C(86400000));
	assert_int_equal(node_stat(&n, "sessions_offline"), 1);
	node_pass(&n, 2 * INT64_C(86400000));
	assert_int_equal(node_stat(&n, "sessions_offline"), 0);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_belongs_to_a_number),
		cmocka_unit_test(what_it_costs),
		cmocka_unit_test(a_few_are_kept),
		cmocka_unit_test(hello_is_for_the_one_it_names),
		cmocka_unit_test(devices_that_come_to_stay_are_counted),
		cmocka_unit_test(one_new_device_counts_once),
		cmocka_unit_test(a_mark_keeps_the_client_id),
		cmocka_unit_test(the_bridge_hears_what_is_left),
		cmocka_unit_test(a_device_account_has_bounds),
		cmocka_unit_test(sessions_expire_here_as_there),
	};

	return cmocka_run_group_tests_name("plugin_away", tests, NULL, NULL);
}
