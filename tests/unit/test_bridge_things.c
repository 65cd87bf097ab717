/* SPDX-License-Identifier: BSD-3-Clause */
/* Device accounts, as the bridge has them: what their ids begin with, what becomes of an account
 * whose role changes, what goes to one device, who is disconnected, and what a plugin of the
 * version before is told. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_bind.h"
#include "bridge/directory/directory_user.h"

#define ROOT "dave"
#define FLEET 3 /* carol */

static void command_with(struct engine_fixture *f, const char *json, const char *absent)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"commands\":[%s]}", json);
	engine_add(f, (struct im_up_rec){.type = IM_UP_CONTROL,
			      .user = IM_STR(ROOT),
			      .device = IM_STR("desk"),
			      .target = im_str(absent),
			      .payload = im_str(text)});
	engine_send(f);
}

/* Is done. */
static void command(struct engine_fixture *f, const char *json)
{
	command_with(f, json, "");
	assert_told(f, "control desk {\"responses\":[{\"command\":");
	if (engine_told_part(f, "\"error\":"))
		fail_msg("%.*s", IM_ARGS(f->told));
}

static void refused(struct engine_fixture *f, const char *json, const char *why)
{
	command_with(f, json, "");
	assert_true(engine_told_part(f, "\"error\":"));
	if (!engine_told_part(f, why))
		fail_msg("%.*s", IM_ARGS(f->told));
}

#define ROLE(uid, role) \
	"{\"command\":\"setUserRole\",\"username\":\"" uid "\",\"role\":\"" role "\"}"
#define BIND(uid, pattern) \
	"{\"command\":\"setUserBind\",\"username\":\"" uid "\",\"pattern\":\"" pattern "\"}"

static int set_up_with(void **state, int (*begin)(void **state))
{
	struct engine_fixture *f;
	int rc = begin(state);

	if (rc)
		return rc;
	f = *state;
	assert_int_equal(directory_begin(f->rig.dir), IM_OK);
	assert_int_equal(directory_user_set_role(f->rig.dir, 4, IM_ROLE_ADMIN), IM_OK);
	assert_int_equal(directory_commit(f->rig.dir), IM_OK);
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, engine_set_up);
}

static int set_up_sqlite(void **state)
{
	return set_up_with(state, engine_set_up_sqlite);
}

/* carol is a fleet of veh-*. */
static void make_fleet(struct engine_fixture *f)
{
	command(f, ROLE("carol", "device"));
	command(f, BIND("carol", "veh-*"));
}

static void open_device(struct engine_fixture *f, const char *user, const char *device)
{
	engine_add_session(f, IM_UP_OPEN, user, device, IM_UPF_NEW_DEVICE);
	engine_send(f);
}

static bool has_row(struct engine_fixture *f, const char *device, uint64_t user)
{
	struct directory_device d;
	int rc = directory_device_get(f->rig.dir, im_str(device), &d);

	return rc == IM_OK && d.user == user;
}

static uint64_t owner(struct engine_fixture *f, const char *device)
{
	uint64_t user = 0;
	int rc = directory_bind_owner(f->rig.dir, im_str(device), &user);

	return rc == IM_E_NONE ? 0 : rc == IM_OK ? user : UINT64_MAX;
}

/* -- patterns -- */

static int bind(struct engine_fixture *f, uint64_t user, const char *prefix)
{
	int rc;

	assert_int_equal(directory_begin(f->rig.dir), IM_OK);
	rc = directory_bind_set(f->rig.dir, user, im_str(prefix));
	assert_int_equal(directory_commit(f->rig.dir), IM_OK);
	return rc;
}

static void a_pattern_is_one_accounts(void **state)
{
	static const char *const inside[] = {"veh-", "veh-1", "veh-\xc3\xbc", "veh-~"};
	static const char *const outside[] = {"veh", "Veh-1", "van-1", "veg-1", "vei-1", "a", "~"};
	struct engine_fixture *f = *state;
	char text[IM_DEVICE_MAX];
	struct im_str p;

	assert_int_equal(directory_bind_get(f->rig.dir, 1, text, &p), IM_E_NONE);
	assert_int_equal(bind(f, 1, "veh-"), IM_OK);
	assert_int_equal(directory_bind_get(f->rig.dir, 1, text, &p), IM_OK);
	assert_str(p, "veh-");
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		assert_int_equal(owner(f, inside[i]), 1);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_int_equal(owner(f, outside[i]), 0);
	/* Neither what it begins with, nor what begins so; and it is said whose. */
	assert_int_equal(bind(f, 2, "v"), IM_E_EXISTS);
	assert_non_null(strstr(directory_errmsg(f->rig.dir), "alice"));
	assert_int_equal(bind(f, 2, "veh-"), IM_E_EXISTS);
	assert_int_equal(bind(f, 2, "veh-10"), IM_E_EXISTS);
	assert_int_equal(bind(f, 2, "van-"), IM_OK);
	assert_int_equal(bind(f, 3, "vf"), IM_OK);
	assert_int_equal(owner(f, "van-1"), 2);
	assert_int_equal(owner(f, "vf1"), 3);
	/* One's own may become shorter or longer, and what it was is free. */
	assert_int_equal(bind(f, 1, "veh-1"), IM_OK);
	assert_int_equal(owner(f, "veh-2"), 0);
	assert_int_equal(bind(f, 1, "ve"), IM_OK);
	assert_int_equal(owner(f, "veh-2"), 1);
	assert_int_equal(directory_begin(f->rig.dir), IM_OK);
	assert_int_equal(directory_bind_remove(f->rig.dir, 1), IM_OK);
	assert_int_equal(directory_commit(f->rig.dir), IM_OK);
	assert_int_equal(owner(f, "veh-2"), 0);
	assert_int_equal(bind(f, 2, "veh-"), IM_OK);
}

static void a_pattern_takes_no_id_of_somebody_else(void **state)
{
	struct engine_fixture *f = *state;

	command(f, ROLE("carol", "device"));
	open_device(f, "bob", "veh-7");
	refused(f, BIND("carol", "veh-*"), "veh-7");
	assert_true(engine_told_part(f, "bob"));
	assert_int_equal(owner(f, "veh-8"), 0);
	/* Nor one that is forgotten, and whose session may be left at the broker. */
	engine_add_session(f, IM_UP_KEEP, "bob", "veh-7", 0);
	engine_send(f);
	engine_rpc(f, "bob", "device.remove", "{\"device\":\"veh-7\"}");
	assert_false(has_row(f, "veh-7", 2));
	refused(f, BIND("carol", "veh-*"), "veh-7");
	/* Its own are no obstacle. */
	open_device(f, "carol", "car-1");
	command(f, BIND("carol", "car-*"));
	assert_true(has_row(f, "car-1", FLEET));
	assert_int_equal(owner(f, "car-1"), FLEET);
	/* And what is taken back is the next one's. */
	command(f, BIND("carol", "none"));
	assert_told(f, "forget carol");
	assert_int_equal(owner(f, "car-2"), 0);
	open_device(f, "bob", "car-2");
	assert_not_told(f, "kick");
	assert_true(has_row(f, "car-2", 2));
}

static void an_id_that_begins_so_is_no_strangers(void **state)
{
	struct engine_fixture *f = *state;

	make_fleet(f);
	/* Its plugin has let it in from an older view. */
	open_device(f, "bob", "veh-1");
	assert_told(f, "kick bob/veh-1");
	assert_false(has_row(f, "veh-1", 2));
	/* The account's own need no row until they acknowledge something. */
	open_device(f, "carol", "veh-1");
	assert_not_told(f, "kick");
	assert_false(has_row(f, "veh-1", FLEET));
	engine_message(f, "alice", "carol/veh-1", "x");
	engine_add(f, (struct im_up_rec){.type = IM_UP_ACK,
			      .user = IM_STR("carol"),
			      .device = IM_STR("veh-1"),
			      .payload = IM_STR("1")});
	engine_send(f);
	engine_wait(f, 1000);
	engine_wait(f, 1000);
	assert_true(has_row(f, "veh-1", FLEET));
}

static void deleted_it_leaves_no_pattern(void **state)
{
	struct engine_fixture *f = *state;

	make_fleet(f);
	command(f, "{\"command\":\"deleteUser\",\"username\":\"carol\"}");
	assert_told(f, "kick carol");
	assert_int_equal(owner(f, "veh-1"), 0);
	command(f, ROLE("bob", "device"));
	command(f, BIND("bob", "veh-*"));
	/* Back again it has none, and may not have that one. */
	command(f, "{\"command\":\"restoreUser\",\"username\":\"carol\",\"role\":\"device\"}");
	refused(f, BIND("carol", "veh-*"), "bob");
	assert_int_equal(owner(f, "veh-1"), 2);
}

/* -- roles -- */

static bool marked(struct engine_fixture *f, const char *uid)
{
	struct directory_user u;

	assert_int_equal(directory_user_get(f->rig.dir, im_str(uid), &u), IM_OK);
	return u.online;
}

static void who_becomes_one_of_devices_has_no_presence(void **state)
{
	struct engine_fixture *f = *state;

	open_device(f, "carol", "phone");
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"online\"");
	assert_true(marked(f, "carol"));
	command(f, ROLE("carol", "device"));
	/* The plugin asks anew, ends what does not fit, and what was retained is taken back. */
	assert_told(f, "forget carol");
	engine_wait(f, 1000);
	assert_false(marked(f, "carol"));
	engine_add_session(f, IM_UP_CLOSE, "carol", "phone", 0);
	engine_send(f);
	assert_not_told(f, "topic+ presence/carol {");
	/* Neither its coming nor its going is told, one by one or in the plugin's own list. */
	open_device(f, "carol", "phone");
	assert_not_told(f, "topic");
	engine_sessions(f, (const char *const[]){"carol", "phone", "", "bob", "b", "", NULL});
	assert_not_told(f, "topic+ presence/carol");
	engine_add_session(f, IM_UP_CLOSE, "carol", "phone", 0);
	engine_send(f);
	assert_not_told(f, "topic");
	assert_false(marked(f, "carol"));
	/* Its device is the account's still. */
	assert_true(has_row(f, "phone", FLEET));
}

static void presence_is_taken_back_with_the_role(void **state)
{
	struct engine_fixture *f = *state;

	open_device(f, "carol", "phone");
	command_with(f, ROLE("carol", "device"), "");
	if (!engine_told_part(f, "topic+ presence/carol \n"))
		engine_wait(f, 1000);
	assert_true(engine_told_part(f, "topic+ presence/carol \n"));
}

static void who_becomes_a_person_again_has_presence_and_no_pattern(void **state)
{
	struct engine_fixture *f = *state;

	make_fleet(f);
	open_device(f, "carol", "veh-1");
	command(f, ROLE("carol", "user"));
	assert_told(f, "forget carol");
	assert_int_equal(owner(f, "veh-1"), 0);
	/* It was never told of, and is once it comes again. */
	engine_add_session(f, IM_UP_CLOSE, "carol", "veh-1", 0);
	engine_send(f);
	assert_false(marked(f, "carol"));
	open_device(f, "carol", "veh-1");
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"online\"");
	assert_true(has_row(f, "veh-1", FLEET));
	/* And hears of what is for one of its devices no more than others do. */
	engine_message(f, "alice", "carol/veh-1", "x");
	assert_not_told(f, "device");
	assert_true(engine_told_part(f, "the devices of device accounts alone"));
	refused(f, BIND("carol", "veh-*"), "no device account");
}

/* Everything that waits has reached the plugin. */
static void hand_over(struct engine_fixture *f)
{
	do
		engine_credit(f, 2);
	while (f->frames);
}

static void conversations_and_groups_stay_with_the_account(void **state)
{
	struct engine_fixture *f = *state;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	engine_message(f, "alice", "carol", "to a person");
	engine_message(f, "carol", "g/team", "from a person");
	make_fleet(f);
	hand_over(f);
	engine_message(f, "alice", "g/team", "to all");
	assert_told(f, "message alice/phone 3 text id= g/team: alice carol ");
	hand_over(f);
	engine_message(f, "carol", "g/team", "from one");
	assert_told(f, "message carol/phone 4 text id= g/team: alice carol ");
	assert_true(engine_told_part(f, "\"from_device\":\"phone\""));
	engine_rpc(f, "carol", "conv.history", "{\"conv\":\"u/alice\"}");
	assert_true(engine_told_part(f, "to a person"));
	hand_over(f);
	engine_rpc(f, "carol", "conv.history", "{\"conv\":\"g/team\"}");
	assert_true(engine_told_part(f, "from a person") && engine_told_part(f, "from one"));
	command(f, ROLE("carol", "user"));
	hand_over(f);
	engine_rpc(f, "carol", "conv.list", "{}");
	assert_true(engine_told_part(f, "\"conv\":\"u/alice\"") &&
		    engine_told_part(f, "\"conv\":\"g/team\""));
	hand_over(f);
	engine_message(f, "carol", "g/team", "a person again");
	assert_told(f, "message carol/phone 5 text id= g/team: alice carol ");
	assert_false(engine_told_part(f, "from_device"));
}

/* A bridge that has died between the change and what is told of it. */
static void after_a_restart_nothing_of_the_person_is_told(void **state)
{
	struct engine_fixture *f = *state;

	open_device(f, "carol", "phone");
	assert_true(marked(f, "carol"));
	assert_int_equal(directory_begin(f->rig.dir), IM_OK);
	assert_int_equal(directory_user_set_role(f->rig.dir, FLEET, IM_ROLE_DEVICE), IM_OK);
	assert_int_equal(directory_commit(f->rig.dir), IM_OK);
	engine_restart(f);
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_sessions(f, (const char *const[]){"carol", "phone", "", NULL});
	if (!engine_told_part(f, "topic+ presence/carol \n"))
		engine_wait(f, 1000);
	assert_true(engine_told_part(f, "topic+ presence/carol \n"));
	assert_false(engine_told_part(f, "topic+ presence/carol {"));
	assert_false(marked(f, "carol"));
}

/* -- one device -- */

static void a_message_to_one_goes_to_one(void **state)
{
	struct engine_fixture *f = *state;

	make_fleet(f);
	engine_message(f, "alice", "carol/veh-1", "{\"id\":\"c\",\"body\":\"unlock\"}");
	assert_told(f, "device veh-1 message alice/phone 1 text id=c carol=u/alice "
		       ",\"seq\":1,");
	assert_true(engine_told_part(f, "\"device\":\"veh-1\""));
	assert_int_equal(engine_count(f, "device "), 1);
	/* The sender's other devices get their copy. */
	assert_told(f, "message alice/phone 1 text id=c alice=u/carol ");
	assert_int_equal(engine_count(f, "message "), 1);
	assert_told(f, "inbox alice ack [{\"id\":\"c\",\"conv\":\"u/carol\",\"seq\":1,");
	/* To all of them it is as to anybody. */
	engine_message(f, "alice", "carol", "report");
	assert_not_told(f, "device ");
	assert_told(f, "message alice/phone 2 text id= carol=u/alice alice=u/carol ");
	/* What one sends is acknowledged to it. */
	engine_add(f, (struct im_up_rec){.type = IM_UP_MSG_USER,
			      .user = IM_STR("carol"),
			      .device = IM_STR("veh-1"),
			      .target = IM_STR("alice"),
			      .payload = IM_STR("{\"id\":\"1\",\"body\":\"done\"}")});
	engine_send(f);
	assert_told(f, "inbox carol veh-1/ack [{\"id\":\"1\",\"conv\":\"u/alice\",\"seq\":3,");
	assert_not_told(f, "inbox carol ack");
	/* Nothing behind what they begin with is one, too: it may connect so. */
	engine_message(f, "alice", "carol/veh-", "short");
	assert_told(f, "device veh- message alice/phone 4 ");
	engine_message(f, "alice", "carol/van-1", "{\"id\":\"w\",\"body\":\"x\"}");
	assert_not_told(f, "device ");
	assert_true(engine_told_part(f, "begin with \\\"veh-\\\""));
}

static void each_is_greeted_alone(void **state)
{
	struct engine_fixture *f = *state;

	make_fleet(f);
	engine_message(f, "alice", "carol/veh-1", "for the first");
	for (int i = 1; i <= 3; i++) {
		char device[16], line[96];

		engine_credit(f, 2);
		snprintf(device, sizeof(device), "veh-%d", i);
		engine_add_session(f, IM_UP_OPEN, "carol", device, IM_UPF_NEW_DEVICE);
		engine_add_session(f, IM_UP_SUB, "carol", device, 0);
		engine_send(f);
		snprintf(line, sizeof(line),
			"inbox carol event {\"event\":\"hello\",\"device\":\"%s\"", device);
		assert_int_equal(engine_count(f, "inbox carol event"), 1);
		assert_told(f, line);
		assert_not_told(f, "topic");
	}
}

/* -- who is disconnected -- */

#define KICK(uid, device) \
	"{\"command\":\"kickUser\",\"username\":\"" uid "\",\"device\":\"" device "\"}"

static void who_is_not_there_is_not_disconnected(void **state)
{
	struct engine_fixture *f = *state;

	make_fleet(f);
	command_with(f, KICK("carol", "veh-1"), "-");
	assert_told(f, "kick carol/veh-1");
	assert_false(engine_told_part(f, "\"error\""));
	command_with(f, KICK("carol", "veh-1"), "a");
	assert_not_told(f, "kick");
	assert_true(
		engine_told_part(f, "the device \\\"veh-1\\\" of \\\"carol\\\" is not connected"));
	command_with(f, KICK("carol", "van-1"), "-");
	assert_not_told(f, "kick");
	assert_true(engine_told_part(f, "is no device of"));
	/* Several at once, each for itself. */
	command_with(f, KICK("carol", "veh-1") "," KICK("carol", "veh-2"), "a-");
	assert_told(f, "kick carol/veh-2");
	assert_int_equal(engine_count(f, "kick"), 1);
	/* All: the order goes out, for whom nobody has heard of. */
	command_with(f, "{\"command\":\"kickUser\",\"username\":\"carol\"}", "a");
	assert_told(f, "kick carol");
	assert_true(engine_told_part(f, "no device of \\\"carol\\\" is connected"));
	/* A plugin of the version before says nothing. */
	command_with(f, KICK("carol", "veh-1"), "");
	assert_told(f, "kick carol/veh-1");
	/* Of a person presence knows better. */
	open_device(f, "bob", "phone");
	command_with(f, KICK("bob", "phone"), "a");
	assert_told(f, "kick bob/phone");
}

/* -- a plugin of the version before -- */

static void old_plugin(struct engine_fixture *f, const char *const *sessions)
{
	f->level = IM_PLUGIN_LEVEL_DEVICE - 1;
	engine_sessions(f, sessions);
}

static void an_old_plugin_gets_no_device_accounts(void **state)
{
	struct engine_fixture *f = *state;
	struct directory_user u;

	old_plugin(f, (const char *const[]){NULL});
	refused(f, ROLE("carol", "device"), "restart the broker first");
	refused(f, "{\"command\":\"createUser\",\"username\":\"f\",\"role\":\"device\"}",
		"restart the broker first");
	assert_int_equal(directory_user_get(f->rig.dir, IM_STR("carol"), &u), IM_OK);
	assert_int_equal(u.role, IM_ROLE_USER);
	assert_int_equal(directory_user_get(f->rig.dir, IM_STR("f"), &u), IM_E_NONE);
	command(f, ROLE("bob", "admin"));
	f->level = IM_PLUGIN_LEVEL;
	engine_sessions(f, (const char *const[]){NULL});
	make_fleet(f);
	/* The broker is started with the old one again: what there is can only be ended. */
	old_plugin(f, (const char *const[]){NULL});
	refused(f, BIND("carol", "van-*"), "restart the broker first");
	assert_int_equal(owner(f, "veh-1"), FLEET);
	command(f, BIND("carol", "none"));
	command(f, ROLE("carol", "user"));
}

static void an_old_plugins_device_accounts_are_disconnected(void **state)
{
	struct engine_fixture *f = *state;

	make_fleet(f);
	/* Those that are connected when the bridge comes. */
	old_plugin(f, (const char *const[]){"carol", "veh-1", "", "carol", "veh-2", "", "bob",
			      "phone", "", NULL});
	assert_told(f, "kick carol/veh-1");
	assert_told(f, "kick carol/veh-2");
	assert_int_equal(engine_count(f, "kick"), 2);
	/* And those that come; neither is a row left of them, nor are they told of. */
	open_device(f, "carol", "car-3");
	assert_told(f, "kick carol/car-3");
	assert_not_told(f, "topic");
	assert_false(has_row(f, "car-3", FLEET));
	open_device(f, "bob", "tablet");
	assert_not_told(f, "kick");
	/* What is for one of them is stored, and goes to none: it comes by sync. */
	engine_message(f, "alice", "carol/veh-1", "{\"id\":\"c\",\"body\":\"unlock\"}");
	assert_not_told(f, "device");
	assert_int_equal(engine_count(f, "message "), 1);
	assert_told(f, "message alice/phone 1 text id=c alice=u/carol ");
	assert_told(f, "inbox alice ack [{\"id\":\"c\",\"conv\":\"u/carol\",\"seq\":1,");
	/* With the new one they stay. */
	f->level = IM_PLUGIN_LEVEL;
	engine_sessions(f, (const char *const[]){"carol", "veh-1", "", NULL});
	assert_not_told(f, "kick");
	open_device(f, "carol", "veh-3");
	assert_not_told(f, "kick");
}

/* A plugin says in its answer to HELLO what it is; what it sends before says nothing. */
static void who_has_not_said_what_it_is_is_not_taken_for_old(void **state)
{
	struct engine_fixture *f = *state;

	make_fleet(f);
	engine_linked(f->rig.engine, f->peer, &f->now);
	open_device(f, "carol", "veh-1");
	assert_not_told(f, "kick");
}

static void it_is_logged_once(void **state)
{
	struct engine_fixture *f;
	const char *at;

	(void)state;
	engine_log_begin();
	set_up((void **)&f);
	make_fleet(f);
	old_plugin(f, (const char *const[]){"carol", "veh-1", "", "carol", "veh-2", "", NULL});
	open_device(f, "carol", "veh-3");
	engine_tear_down((void **)&f);
	at = strstr(engine_log_end(), "warning device_accounts_refused uid=carol plugin_level=3 ");
	assert_non_null(at);
	assert_non_null(strstr(at, "restart the broker"));
	assert_null(strstr(strchr(at, '\n'), "device_accounts_refused"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_pattern_is_one_accounts),
		CASE(a_pattern_takes_no_id_of_somebody_else),
		CASE(an_id_that_begins_so_is_no_strangers),
		CASE(deleted_it_leaves_no_pattern),
		CASE(who_becomes_one_of_devices_has_no_presence),
		CASE(presence_is_taken_back_with_the_role),
		CASE(who_becomes_a_person_again_has_presence_and_no_pattern),
		CASE(conversations_and_groups_stay_with_the_account),
		cmocka_unit_test_setup_teardown(after_a_restart_nothing_of_the_person_is_told,
			set_up_sqlite, engine_tear_down),
		CASE(a_message_to_one_goes_to_one),
		CASE(each_is_greeted_alone),
		CASE(who_is_not_there_is_not_disconnected),
		CASE(an_old_plugin_gets_no_device_accounts),
		CASE(an_old_plugins_device_accounts_are_disconnected),
		CASE(who_has_not_said_what_it_is_is_not_taken_for_old),
		cmocka_unit_test(it_is_logged_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
