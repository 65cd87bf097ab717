/* SPDX-License-Identifier: BSD-3-Clause */
/* One of several brokers under a bridge, in both broker generations: a device that has moved to
 * another one, and what it has left behind here. */
#include <stdio.h>

#include "common/wire.h"
#include "plugin/plugin.h"
#include "tests/lib/fake_internal.h"
#include "tests/unit/plugin_node.h"

#define INBOX "im/inbox/alice/#"
#define HERE 2
#define THERE 3
#define BELOW 1

static const char *const options[] = {"allow_topic", "plant/#", "kept_sessions", "3", "max_devices",
	"7", "device_policy", "oldest", NULL};

static void hello(struct node *n, uint64_t number, uint8_t flags)
{
	node_down(n,
		&(struct im_down_rec){
			.type = IM_DOWN_HELLO, .epoch = 1, .recno = number, .flags = flags},
		NULL, 0);
	node_settle(n);
}

static void each(void (*test)(struct node *n))
{
	for (int newer = 0; newer < 2; newer++) {
		struct node n;

		node_start(&n, newer, options);
		hello(&n, HERE, IM_DOWNF_SEVERAL);
		test(&n);
		node_settle(&n);
		assert_int_equal(fake_offline_kicks(), 0);
		node_stop(&n);
	}
}

/* Connected with a session that stays. */
static struct mosquitto *keep(struct node *n, const char *user, const char *id)
{
	const struct fake_spec s = {.id = id, .user = user, .password = "pw", .persistent = true};
	struct mosquitto *c = fake_connect(&s);
	char filter[64];

	assert_non_null(c);
	node_settle(n);
	snprintf(filter, sizeof(filter), "im/inbox/%s/#", user);
	assert_true(fake_subscribe(c, filter));
	node_settle(n);
	return c;
}

/* alice's phone has connected at the broker `number` at that time. */
static void moved(struct node *n, uint64_t number, int64_t at_ms, enum im_end why)
{
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_KICK_DEVICE,
			.flags = (uint8_t)why,
			.user = IM_STR("alice"),
			.device = IM_STR("phone"),
			.epoch = (uint64_t)at_ms,
			.recno = number},
		NULL, 0);
	fake_turn();
}

static const char *last(const char *reason, const char *retry)
{
	static char text[256];

	snprintf(text, sizeof(text),
		"{\"event\":\"session\",\"action\":\"end\",\"device\":\"phone\",\"reason\":\"%s\","
		"\"retry\":\"%s\"}",
		reason, retry);
	return text;
}

/* ---- the order ---- */

static void who_came_later_elsewhere(struct node *n)
{
	static const struct {
		enum im_end why;
		const char *reason, *retry;
	} ends[] = {
		{IM_END_MOVED, "moved", "no"},
		{IM_END_CONTESTED, "contested", "later"},
		{IM_END_LIMIT, "max_devices", "no"},
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct mosquitto *c = keep(n, "alice", "phone");
		int64_t since = n->wall_ms;

		/* It is here; it was there before; it is somebody else's. */
		moved(n, HERE, since + 1000, ends[i].why);
		moved(n, THERE, since - 1, ends[i].why);
		node_down(n,
			&(struct im_down_rec){.type = IM_DOWN_KICK_DEVICE,
				.flags = IM_END_MOVED,
				.user = IM_STR("bob"),
				.device = IM_STR("phone"),
				.epoch = (uint64_t)since,
				.recno = THERE},
			NULL, 0);
		node_end(n);
		assert_true(fake_connected(c));
		assert_string_equal(node_heard(c), "");
		/* Of two that come at one time the one at the greater number is the later one, in
		 * whichever order the bridge hears of them. */
		moved(n, BELOW, since, ends[i].why);
		node_end(n);
		assert_true(fake_connected(c));
		assert_string_equal(node_heard(c), "");
		moved(n, i == 2 ? 0 : THERE, since, ends[i].why);
		assert_string_equal(node_heard(c), last(ends[i].reason, ends[i].retry));
		node_end(n);
		assert_false(fake_connected(c));
		node_pass(n, 1000);
	}
}

static void an_order_by_time_and_number(void **state)
{
	(void)state;
	each(who_came_later_elsewhere);
}

/* ---- what is left here ---- */

static void leave(struct node *n, const char *id)
{
	fake_disconnect(keep(n, "alice", id), true);
	node_settle(n);
}

static void one_that_is_away(struct node *n)
{
	static const char *const others[] = {"a", "b", "c"};

	leave(n, "phone");
	node_event(n, "before");
	moved(n, THERE, n->wall_ms, IM_END_MOVED);
	node_event(n, "after");
	assert_string_equal(node_heard(fake_by_id("phone")), "before");
	/* Its place is another one's: three are kept for. */
	for (size_t i = 0; i < 3; i++)
		leave(n, others[i]);
	node_event(n, "more");
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(node_heard(fake_by_id(others[i])), "more");
	assert_string_equal(node_heard(fake_by_id("phone")), "");
}

/* Of one that is at none nothing is void. */
static void one_that_is_nowhere(struct node *n)
{
	leave(n, "phone");
	node_event(n, "before");
	moved(n, 0, n->wall_ms, IM_END_LIMIT);
	node_event(n, "after");
	assert_string_equal(node_heard(fake_by_id("phone")), "before after");
}

static void one_that_is_told_to_go(struct node *n)
{
	struct mosquitto *c = keep(n, "alice", "phone");

	moved(n, THERE, n->wall_ms, IM_END_MOVED);
	node_end(n);
	assert_false(fake_connected(c));
	node_heard(c);
	node_event(n, "after");
	assert_string_equal(node_heard(c), "");
}

static void what_was_left_is_void(void **state)
{
	(void)state;
	each(one_that_is_away);
	each(one_that_is_nowhere);
	each(one_that_is_told_to_go);
}

/* ---- what the directory says ---- */

/* As the bridge writes it. */
static void home(struct node *n, unsigned number)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "UPDATE device SET broker = %u WHERE device = 'phone'", number);
	node_sql(n, sql);
}

static void tell(struct node *n, const char *user)
{
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = im_str(user)}, NULL,
		0);
	node_settle(n);
}

/* What waits for the phone was handed to it, and it stays. */
static void comes_back_to(struct node *n, const char *waited)
{
	struct mosquitto *c = fake_connect(&(struct fake_spec){
		.id = "phone", .user = "alice", .password = "pw", .persistent = true});

	assert_non_null(c);
	node_settle(n);
	assert_string_equal(node_heard(c), waited);
	node_end(n);
	assert_true(fake_connected(c));
	node_event(n, "live");
	assert_string_equal(node_heard(c), "live");
}

/* Nothing of it was, and the broker counts that: it comes twice. */
static void comes_back_void(struct node *n)
{
	size_t before = node_count(n, IM_UP_OPEN);
	struct mosquitto *c = fake_connect(&(struct fake_spec){
		.id = "phone", .user = "alice", .password = "pw", .persistent = true});

	assert_non_null(c);
	node_settle(n);
	assert_false(fake_connected(c));
	assert_string_equal(node_heard(c), "");
	assert_int_equal(node_count(n, IM_UP_OPEN), before);
	comes_back_to(n, "");
	assert_int_equal(node_count(n, IM_UP_OPEN), before + 1);
}

static void comes_back_from_there(struct node *n)
{
	for (int i = 0; i < 2; i++) {
		leave(n, "phone");
		node_event(n, "waits");
		moved(n, THERE, n->wall_ms, IM_END_MOVED);
		comes_back_void(n);
		/* At home again, what waits is for it. */
		home(n, HERE);
		moved(n, HERE, n->wall_ms, IM_END_MOVED);
		fake_disconnect(fake_by_id("phone"), true);
		node_event(n, "at home");
		comes_back_to(n, "at home");
		fake_disconnect(fake_by_id("phone"), true);
		node_pass(n, 1000);
	}
}

/* It goes for good before the bridge has heard that it was here; its home is not written either, as
 * it is not of a device account's that begin alike. */
static void comes_back_and_goes(struct node *n)
{
	struct mosquitto *c;

	leave(n, "phone");
	node_event(n, "waits");
	moved(n, THERE, n->wall_ms, IM_END_MOVED);
	c = fake_connect(&(struct fake_spec){
		.id = "phone", .user = "alice", .password = "pw", .persistent = true});
	node_settle(n);
	assert_false(fake_connected(c));
	node_event(n, "is not kept");
	assert_string_equal(node_heard(c), "");
}

static void of_which_nobody_has_told(struct node *n)
{
	leave(n, "phone");
	node_event(n, "waits");
	home(n, THERE);
	/* Something else is new: what is known of her stays known. */
	tell(n, "bob");
	node_event(n, "waits");
	tell(n, "alice");
	node_event(n, "is not kept");
	assert_string_equal(node_heard(fake_by_id("phone")), "waits waits");
	node_event(n, "is not kept");
	comes_back_to(n, "");
}

static void met_after_a_restart(struct node *n)
{
	static const struct fake_spec phone = {.id = "phone", .user = "alice"};

	node_sql(n, "INSERT INTO device(device, user, created_ms, seen_ms, broker) VALUES"
		    " ('phone', 1, 0, 0, 3), ('tablet', 1, 0, 0, 2), ('old', 1, 0, 0, 0)");
	fake_restored(&phone, INBOX);
	fake_restored(&(struct fake_spec){.id = "tablet", .user = "alice"}, INBOX);
	fake_restored(&(struct fake_spec){.id = "old", .user = "alice"}, INBOX);
	node_event(n, "one");
	assert_string_equal(node_heard(fake_by_id("phone")), "");
	assert_string_equal(node_heard(fake_by_id("tablet")), "one");
	assert_string_equal(node_heard(fake_by_id("old")), "one");
	/* It was away before it moved. */
	home(n, HERE);
	moved(n, HERE, n->wall_ms, IM_END_MOVED);
	node_event(n, "two");
	assert_string_equal(node_heard(fake_by_id("phone")), "two");
	home(n, THERE);
	moved(n, THERE, n->wall_ms, IM_END_MOVED);
	node_event(n, "three");
	assert_string_equal(node_heard(fake_by_id("phone")), "");
}

/* The broker has kept what the plugin has never seen. */
static void comes_back_after_a_restart(struct node *n)
{
	struct mosquitto *c;

	node_sql(n, "INSERT INTO device(device, user, created_ms, seen_ms, kept_ms, broker) VALUES"
		    " ('phone', 1, 0, 0, 1, 3)");
	c = fake_restored(&(struct fake_spec){.id = "phone", .user = "alice"}, INBOX);
	fake_route_to("phone", &(struct fake_message){.topic = (char *)"im/inbox/alice/event",
				       .payload = IM_STR("waits"),
				       .qos = 1});
	assert_non_null(c);
	comes_back_void(n);
}

/* The bridge is late: the directory says where the device was before it came here. */
static void before_the_bridge_knows(struct node *n)
{
	leave(n, "phone");
	home(n, THERE);
	moved(n, THERE, n->wall_ms, IM_END_MOVED);
	n->commit = false;
	comes_back_to(n, "");
	fake_disconnect(fake_by_id("phone"), true);
	tell(n, "alice");
	node_event(n, "at home");
	comes_back_to(n, "at home");
	fake_disconnect(fake_by_id("phone"), true);
	node_event(n, "at home");
	/* Then it has heard, and others were first. */
	n->commit = true;
	node_committed(n, n->epoch, n->last);
	tell(n, "alice");
	comes_back_void(n);
}

/* Its messages may be many: it would get none any more. */
static void more_than_there_are_places(struct node *n)
{
	leave(n, "phone");
	for (int i = 0; i < FAKE_PLACES + 1; i++)
		node_event(n, "waits");
	moved(n, THERE, n->wall_ms, IM_END_MOVED);
	comes_back_void(n);
}

static void leave_thing(struct node *n)
{
	struct mosquitto *c = fake_connect(&(struct fake_spec){
		.id = "phone", .user = "alice", .password = "pw", .persistent = true});

	assert_non_null(c);
	node_settle(n);
	assert_true(fake_subscribe(c, "im/inbox/alice/phone/#"));
	node_settle(n);
	fake_disconnect(c, true);
	node_settle(n);
	fake_route_to("phone", &(struct fake_message){.topic = (char *)"im/inbox/alice/phone/event",
				       .payload = IM_STR("waits"),
				       .qos = 1});
}

static uint32_t places(void)
{
	const struct plugin *p = fake_userdata();

	return clients_user(p->clients, IM_STR("alice"))->n_stays;
}

static void one_of_a_device_account(struct node *n)
{
	const struct fake_spec phone = {
		.id = "phone", .user = "alice", .password = "pw", .persistent = true};

	node_sql(n, "UPDATE user SET role = 2 WHERE uid = 'alice'");
	tell(n, "alice");
	for (int i = 0; i < 2; i++) {
		struct mosquitto *c = fake_connect(&phone);

		assert_true(fake_subscribe(c, "im/inbox/alice/phone/#"));
		node_settle(n);
		assert_int_equal(places(), 1);
		if (i)
			fake_disconnect(c, true);
		moved(n, THERE, n->wall_ms, IM_END_MOVED);
		node_end(n);
		assert_false(fake_connected(c));
		assert_int_equal(places(), 0);
		node_pass(n, 1000);
	}
}

/* One whose client id is a device account's by what it begins with: it has a home as others do. */
static void one_of_a_pattern(struct node *n)
{
	struct mosquitto *c;

	node_sql(n, "UPDATE user SET role = 2 WHERE uid = 'alice';"
		    "INSERT INTO device_bind (user, prefix) VALUES (1, 'ph')");
	tell(n, "alice");
	leave_thing(n);
	node_sql(n, "INSERT INTO device(device, user, created_ms, seen_ms, kept_ms, broker) VALUES"
		    " ('phone', 1, 0, 0, 1, 3)");
	tell(n, "alice");
	c = fake_connect(&(struct fake_spec){
		.id = "phone", .user = "alice", .password = "pw", .persistent = true});
	node_settle(n);
	assert_false(fake_connected(c));
	assert_string_equal(node_heard(c), "");
}

/* While the bridge is away: by what it had written, with this path of its own. */
static void known_by(struct node *n, const char *path)
{
	static const struct fake_spec phone = {
		.id = "phone", .user = "alice", .password = "pw", .persistent = true};
	struct mosquitto *c;
	char sql[256];

	snprintf(sql, sizeof(sql), "INSERT INTO broker VALUES (2, '%s'), (3, '/run/other')", path);
	node_sql(n, sql);
	node_sql(n, "INSERT INTO device(device, user, created_ms, seen_ms, kept_ms, broker) VALUES"
		    " ('phone', 1, 0, 0, 1, 3)");
	node_unload(n);
	assert_int_equal(node_load(n, n->newer, options), MOSQ_ERR_SUCCESS);
	fake_restored(&phone, INBOX);
	fake_route_to("phone", &(struct fake_message){.topic = (char *)"im/inbox/alice/event",
				       .payload = IM_STR("waits"),
				       .qos = 1});
	c = fake_connect(&phone);
	node_settle(n);
	assert_false(fake_connected(c));
	c = fake_connect(&phone);
	node_settle(n);
	assert_true(fake_connected(c));
	assert_string_equal(node_heard(c), "");
}

static void known_at_the_start(struct node *n)
{
	known_by(n, "/run/link");
}

/* As /var/run is another name of /run. */
static void known_by_another_name(struct node *n)
{
	known_by(n, "/run/../run/link");
}

static void void_by_the_directory(void **state)
{
	(void)state;
	each(comes_back_from_there);
	each(comes_back_and_goes);
	each(of_which_nobody_has_told);
	each(met_after_a_restart);
	each(comes_back_after_a_restart);
	each(before_the_bridge_knows);
	each(more_than_there_are_places);
	each(one_of_a_device_account);
	each(one_of_a_pattern);
	each(known_at_the_start);
	each(known_by_another_name);
}

/* ---- one broker ---- */

/* Whatever the directory says: the configuration may have had others once, and the bridge may be of
 * the version before. */
static void nothing_is_void(struct node *n)
{
	leave(n, "phone");
	home(n, THERE);
	tell(n, "alice");
	node_event(n, "waits");
	comes_back_to(n, "waits");
	fake_disconnect(fake_by_id("phone"), true);
	node_event(n, "waits");
	comes_back_to(n, "waits");
}

static void the_only_one(struct node *n)
{
	hello(n, HERE, 0);
	nothing_is_void(n);
}

static void a_bridge_of_level_4(struct node *n)
{
	hello(n, 0, 0);
	nothing_is_void(n);
	hello(n, 0, IM_DOWNF_SEVERAL);
	nothing_is_void(n);
}

static void one_broker_is_as_ever(void **state)
{
	(void)state;
	each(the_only_one);
	each(a_bridge_of_level_4);
}

/* ---- what the plugin says ---- */

static const char *target(const struct node *n, size_t i)
{
	const struct node_record *r = node_find(n, IM_UP_OPEN, i);

	assert_non_null(r);
	assert_int_equal(!!(r->flags & IM_UPF_OLDEST), r->target[0] != '\0');
	return r->target;
}

static void how_many_devices(struct node *n)
{
	assert_int_equal(n->level, IM_PLUGIN_LEVEL);
	node_sql(n, "UPDATE user SET max_devices = 2 WHERE uid = 'bob';"
		    "UPDATE user SET max_devices = 0 WHERE uid = 'carol';"
		    "UPDATE user SET role = 2 WHERE uid = 'root'");
	assert_non_null(node_client(n, "alice", "a", 4));
	assert_non_null(node_client(n, "bob", "b", 5));
	assert_non_null(node_client(n, "carol", "c", 4));
	assert_non_null(node_client(n, "root", "thing", 4));
	node_settle(n);
	assert_string_equal(target(n, 0), "7");
	assert_string_equal(target(n, 1), "2");
	assert_string_equal(target(n, 2), "");
	assert_string_equal(target(n, 3), "");
	/* Once: a snapshot asks the directory for none of those whom it has. */
	hello(n, HERE, IM_DOWNF_SEVERAL);
	assert_int_equal(n->n_snapshot, 4);
	for (size_t i = 0; i < n->n_snapshot; i++) {
		assert_string_equal(n->snapshot[i].target, "");
		assert_int_equal(n->snapshot[i].flags & IM_UPF_OLDEST, 0);
	}
	/* One broker counts by itself. */
	hello(n, HERE, 0);
	node_forget_records(n);
	assert_non_null(node_client(n, "alice", "another", 4));
	node_settle(n);
	assert_string_equal(target(n, 0), "");
}

static bool is_written(const struct node *n, const char *device)
{
	for (size_t i = 0; i < n->n_snapshot; i++) {
		const struct node_record *r = &n->snapshot[i];

		if (r->type == IM_UP_OPEN && strcmp(r->device, device) == 0)
			return r->flags & IM_UPF_WRITTEN;
	}
	fail_msg("no session of %s", device);
	return false;
}

/* Where it is not, the bridge cannot say that it was taken away. */
static void whose_id_is_committed(struct node *n)
{
	static const char made_up[] = "auto-01234567-89AB-CDEF-0123-456789ABCDEF";
	struct mosquitto *c;

	n->commit = false;
	assert_non_null(node_client(n, "alice", "a", 4));
	c = node_client(n, "bob", made_up, 5);
	assert_non_null(c);
	node_settle(n);
	hello(n, HERE, IM_DOWNF_SEVERAL);
	assert_false(is_written(n, "a"));
	assert_false(is_written(n, made_up));
	n->commit = true;
	node_committed(n, n->epoch, n->last);
	hello(n, HERE, IM_DOWNF_SEVERAL);
	assert_true(is_written(n, "a"));
	assert_false(is_written(n, made_up));
	/* One that the broker has made up, when it is to stay. */
	n->commit = false;
	assert_true(fake_subscribe(c, "im/inbox/bob/#"));
	node_settle(n);
	hello(n, HERE, IM_DOWNF_SEVERAL);
	assert_false(is_written(n, made_up));
	n->commit = true;
	node_committed(n, n->epoch, n->last);
	hello(n, HERE, IM_DOWNF_SEVERAL);
	assert_true(is_written(n, made_up));
}

static void whose_a_client_id_is(void **state)
{
	(void)state;
	each(whose_id_is_committed);
}

static void who_counts_over_all(void **state)
{
	(void)state;
	each(how_many_devices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_order_by_time_and_number),
		cmocka_unit_test(what_was_left_is_void),
		cmocka_unit_test(void_by_the_directory),
		cmocka_unit_test(one_broker_is_as_ever),
		cmocka_unit_test(who_counts_over_all),
		cmocka_unit_test(whose_a_client_id_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
