/* SPDX-License-Identifier: BSD-3-Clause */
/* Rights on ordinary topics in the whole plugin, in both broker generations: the file, its roles,
 * what SIGHUP changes, what is said of what is refused, and the command that explains it. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"
#include "tests/unit/plugin_node.h"

#define NOBODY 65534

static char path[128];

static void write_rules(const struct node *n, const char *text)
{
	FILE *f;

	snprintf(path, sizeof(path), "%s/acl", n->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int load(struct node *n, bool newer, const char *text)
{
	const char *const options[] = {
		"acl_file", path, "allow_topic", "open/#", "rate_messages", "0", NULL};

	node_folder(n);
	write_rules(n, text);
	return node_load(n, newer, options);
}

static void start(struct node *n, bool newer, const char *text)
{
	assert_int_equal(load(n, newer, text), MOSQ_ERR_SUCCESS);
	node_bridge(n);
}

static bool may_publish(struct mosquitto *c, const char *topic)
{
	return fake_publish(c, topic, IM_STR("x"), 1, false, NULL) == FAKE_ACCEPTED;
}

/* Whether what somebody who may publishes there reaches the client. */
static bool hears(struct node *n, struct mosquitto *from, struct mosquitto *c, const char *topic)
{
	const struct fake_message *m;

	while (fake_received(c))
		;
	assert_true(may_publish(from, topic));
	node_settle(n);
	m = fake_received(c);
	return m && strcmp(m->topic, topic) == 0;
}

static void both(void (*test)(struct node *n, bool newer))
{
	for (int newer = 0; newer < 2; newer++) {
		struct node n;

		test(&n, newer);
		node_stop(&n);
	}
}

static void rights(struct node *n, bool newer)
{
	struct mosquitto *alice, *bob, *carol, *root;

	start(n, newer,
		"user alice\n"
		"topic readwrite #\n"
		"topic deny secret/#\n"
		"user bob\n"
		"topic read plant/#\n"
		"role admin\n"
		"topic read plant/#\n"
		"role user\n"
		"topic write hall/+\n"
		"role device\n"
		"topic plant/#\n"
		"pattern dev/%u/%c/#\n");
	alice = node_client(n, "alice", "a", 5);
	bob = node_client(n, "bob", "b", 5);
	carol = node_client(n, "carol", "c", 5);
	root = node_client(n, "root", "r", 5);
	assert_true(may_publish(alice, "plant/1"));
	assert_false(may_publish(alice, "secret/1"));
	assert_false(may_publish(alice, "secret"));
	assert_false(may_publish(bob, "plant/1"));
	assert_true(may_publish(bob, "hall/1"));
	assert_false(may_publish(bob, "hall/1/2"));
	assert_true(may_publish(bob, "open/1"));
	assert_false(may_publish(root, "hall/1"));
	/* IM's topics are none of the file's business, nor are the broker's. */
	assert_false(may_publish(alice, "im/inbox/bob/u/alice"));
	assert_false(may_publish(alice, "im/room/hall"));
	assert_false(may_publish(alice, "$im/down"));
	assert_false(may_publish(alice, "$CONTROL/im/v1"));
	assert_false(may_publish(alice, "$SYS/x"));
	assert_false(fake_subscribe(alice, "im/inbox/bob/#"));
	assert_false(fake_subscribe(alice, "$im/#"));
	assert_false(fake_subscribe(alice, "$SYS/#"));
	assert_true(fake_subscribe(alice, "#"));
	assert_true(fake_subscribe(bob, "plant/+"));
	assert_false(fake_subscribe(bob, "#"));
	assert_false(fake_subscribe(bob, "+/1"));
	assert_false(fake_subscribe(bob, "hall/1"));
	assert_false(fake_subscribe(carol, "plant/#"));
	assert_true(fake_subscribe(root, "plant/1"));
	assert_true(fake_subscribe(root, "$SYS/#"));
	assert_true(hears(n, alice, bob, "plant/1"));
	assert_true(hears(n, alice, root, "plant/1"));
	assert_true(hears(n, bob, alice, "hall/1"));
	/* A device's account: its own branch by name and client id. */
	node_sql(n, "UPDATE user SET role = 2 WHERE uid = 'carol'");
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("carol")},
		NULL, 0);
	node_settle(n); /* which ends what was a person's */
	carol = node_client(n, "carol", "c", 5);
	assert_true(may_publish(carol, "dev/carol/c/t"));
	assert_false(may_publish(carol, "dev/carol/d/t"));
	assert_false(may_publish(carol, "hall/1"));
	assert_true(fake_subscribe(carol, "plant/#"));
	assert_true(hears(n, alice, carol, "plant/1"));
	/* Client ids that would fill in more than a level. */
	assert_false(may_publish(node_client(n, "carol", "c/d", 5), "dev/carol/c/d"));
	assert_false(may_publish(node_client(n, "carol", "+", 5), "dev/carol/x/d"));
	assert_true(fake_retained_allowed("alice", "plant/1"));
	assert_false(fake_retained_allowed("bob", "plant/1"));
	assert_true(fake_retained_allowed("carol", "dev/carol/stored/1"));
	assert_false(fake_retained_allowed("carol", "dev/carol/c/1"));
}

static void the_file_says_who_may_what(void **state)
{
	(void)state;
	both(rights);
}

static void reload(struct node *n, bool newer)
{
	const struct fake_spec away = {
		.id = "away", .user = "bob", .password = "pw", .persistent = true};
	struct mosquitto *alice, *bob, *kept;

	start(n, newer, "user alice\ntopic plant/#\nuser bob\ntopic read plant/#\n");
	alice = node_client(n, "alice", "a", 5);
	bob = node_client(n, "bob", "b", 5);
	kept = fake_connect(&away);
	assert_true(fake_subscribe(kept, "plant/#"));
	assert_true(fake_subscribe(bob, "plant/#"));
	assert_true(hears(n, alice, bob, "plant/1"));
	fake_disconnect(kept, false);
	node_settle(n);
	write_rules(n, "user alice\ntopic plant/#\nuser bob\ntopic read plant/2\n");
	fake_reload();
	assert_true(fake_logged("rights on ordinary topics read again rules=2"));
	assert_false(hears(n, alice, bob, "plant/1"));
	assert_true(hears(n, alice, bob, "plant/2"));
	assert_false(fake_subscribe(bob, "plant/1"));
	/* For the one that is away is kept what it may still read. */
	kept = fake_connect(&away);
	node_settle(n);
	assert_string_equal(fake_received(kept)->topic, "plant/2");
	assert_null(fake_received(kept));
	/* One that is wrong, or cannot be read, changes nothing and is said. */
	write_rules(n, "user alice\n\ntopic reed plant/#\n");
	fake_reload();
	assert_true(fake_logged("rights on ordinary topics kept as they were: "));
	assert_true(hears(n, alice, bob, "plant/2"));
	fake_reload();
	assert_true(fake_logged("/acl:3: \"reed\" is no access: give read, write, readwrite or "
				"deny before a filter"));
	assert_int_equal(chmod(path, 0), 0);
	assert_true(geteuid() != 0 || seteuid(NOBODY) == 0);
	fake_reload();
	assert_true(getuid() != 0 || seteuid(0) == 0);
	assert_true(fake_logged("/acl cannot be read by the broker's user: Permission denied; let "
				"it (chgrp mosquitto, chmod 640, and x on the folders)"));
	assert_int_equal(unlink(path), 0);
	fake_reload();
	assert_true(fake_logged("/acl cannot be read: No such file or directory"));
	assert_true(hears(n, alice, bob, "plant/2"));
	/* Nor does one that is no file, which nobody waits for, or is about to be written. */
	assert_int_equal(mkfifo(path, 0600), 0);
	fake_reload();
	assert_true(fake_logged("/acl cannot be read: it is a pipe, a socket or a device; name a "
				"regular file"));
	assert_true(hears(n, alice, bob, "plant/2"));
	assert_int_equal(unlink(path), 0);
	write_rules(n, " \n");
	fake_reload();
	assert_true(fake_logged("/acl is empty: write the file beside and rename it, or, if no "
				"rule is meant, a line `# none` into it"));
	assert_true(hears(n, alice, bob, "plant/2"));
	write_rules(n, "# none\n");
	fake_reload();
	assert_false(may_publish(alice, "plant/2"));
	assert_true(may_publish(alice, "open/2"));
	/* Where none were, none are missed. */
	write_rules(n, "");
	fake_reload();
	assert_true(fake_logged("rights on ordinary topics read again rules=0"));
	assert_true(may_publish(alice, "open/2"));
}

static void sighup_changes_them_at_once(void **state)
{
	(void)state;
	both(reload);
}

static void a_wrong_file_keeps_the_broker_from_starting(void **state)
{
	struct node n;

	(void)state;
	assert_int_not_equal(load(&n, false, "# rights\nuser alice\ntopic a/#/b\n"), 0);
	assert_true(fake_logged("/acl:3: \"a/#/b\" is no topic filter"));
	fake_close();
	node_folder_remove(&n);
	assert_int_not_equal(load(&n, true, "usr alice\n"), 0);
	assert_true(fake_logged("plugin not loaded: /"));
	fake_close();
	node_folder_remove(&n);
	assert_int_equal(load(&n, true, "topic read a\n"), 0);
	assert_true(fake_logged("/acl:1: `topic` before any `user` or `role` line"));
	node_stop(&n);
}

static void denials(struct node *n, bool newer)
{
	struct mosquitto *c;

	start(n, newer, "user alice\ntopic read plant/#\ntopic deny plant/x\n");
	c = fake_connect(&(struct fake_spec){
		.id = "my tab", .user = "alice", .password = "pw", .version = 5});
	assert_false(may_publish(c, "plant/a b\n"));
	assert_true(fake_logged("publish refused user=alice client=my%20tab topic=plant/a%20b%0A: "
				"no rule of the acl_file or allow_topic opens it"));
	assert_false(may_publish(c, "plant/x"));
	assert_true(fake_logged("/acl:3: topic deny plant/x"));
	assert_false(may_publish(c, "im/room/hall"));
	assert_true(fake_logged("publish refused user=alice client=my%20tab topic=im/room/hall: "
				"nothing can be published here"));
	assert_false(fake_subscribe(c, "sec%ret/+/#"));
	assert_true(fake_logged("subscription refused user=alice client=my%20tab "
				"filter=sec%25ret/+/#: no rule of the acl_file or allow_topic "
				"opens it"));
	assert_false(fake_subscribe(c, "+/x"));
	assert_true(fake_logged("filter=+/x: it would take in IM's own topics"));
	assert_false(fake_subscribe(c, "im/inbox/bob/#"));
	assert_true(fake_logged("filter=im/inbox/bob/#: another user's inbox, or what is another "
				"device's of a device account"));
	assert_false(fake_subscribe(c, "$share/g/$SYS/#"));
	assert_true(
		fake_logged("filter=$share/g/$SYS/#: topics that begin with $ cannot be shared"));
	/* Ten lines of a kind in ten seconds. */
	for (int i = 0; i < 100; i++) {
		assert_false(may_publish(c, "plant/x"));
		assert_false(fake_subscribe(c, "nowhere"));
	}
	assert_true(fake_logged("plant/x"));
	assert_false(may_publish(c, "plant/x"));
	assert_false(fake_subscribe(c, "nowhere"));
	assert_false(fake_logged("refused"));
	node_pass(n, 10001);
	assert_false(may_publish(c, "plant/x"));
	assert_true(fake_logged("publishes refused: 9"));
	/* A client id that is none is shown as it was, and cut. */
	{
		char id[200];

		memset(id, 'i', sizeof(id));
		memcpy(id, "a\n\x1b[1m", 6);
		id[199] = '\0';
		assert_null(fake_connect(&(struct fake_spec){
			.id = id, .user = "alice", .password = "pw", .version = 5}));
		assert_true(fake_logged("client=a%0A%1B%5B1mi"));
	}
}

static void what_is_denied_leaves_a_line(void **state)
{
	(void)state;
	both(denials);
}

/* ---- explain ---- */

static const char *asked(struct node *n, struct mosquitto *root, const char *rest)
{
	char text[512];

	while (fake_received(root))
		;
	snprintf(text, sizeof(text),
		"{\"commands\":[{\"command\":\"explain\",\"correlationData\":\"7\",%s}]}", rest);
	assert_int_equal(
		fake_publish(root, "$CONTROL/im/v1", im_str(text), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(n);
	return node_heard(root);
}

static void explained(struct node *n, struct mosquitto *root, const char *user, const char *access,
	const char *topic, const char *device, const char *want)
{
	char rest[256], more[64] = "", answer[640];
	const char *got;

	if (device)
		snprintf(more, sizeof(more), ",\"device\":\"%s\"", device);
	snprintf(rest, sizeof(rest), "\"username\":\"%s\",\"access\":\"%s\",\"topic\":\"%s\"%s",
		user, access, topic, more);
	got = asked(n, root, rest);
	snprintf(answer, sizeof(answer),
		"{\"responses\":[{\"command\":\"explain\",\"correlationData\":\"7\",\"data\":{%s}}]"
		"}",
		want);
	if (strcmp(got, answer) != 0)
		fail_msg("%s %s %s: %s\nnot %s", user, access, topic, got, answer);
}

#define YES(by) "\"allowed\":true,\"by\":\"" by "\""
#define NO(by) "\"allowed\":false,\"by\":\"" by "\""

static void explanations(struct node *n, bool newer)
{
	static const struct {
		const char *user, *access, *topic, *device, *want;
	} cases[] = {
		{"alice", "publish", "im/u/bob", NULL,
			YES("IM: the recipient takes messages from anyone")},
		{"alice", "publish", "im/u/alice", NULL, YES("IM: to oneself")},
		{"carol", "publish", "im/u/bob", NULL,
			NO("IM: the recipient takes no messages from you")},
		{"alice", "publish", "im/u/nobody", NULL,
			NO("IM: there is no user of this name; check it")},
		{"alice", "publish", "im/g/team", NULL, YES("IM: member of the group")},
		{"carol", "publish", "im/g/team", NULL,
			NO("IM: there is no group of this name; check it")},
		{"carol", "publish", "im/s/g/hall", NULL,
			NO("IM: members alone write to a group; call group.join or ask to be "
			   "invited")},
		{"alice", "publish", "im/rpc/sync", NULL, YES("IM: open to every user")},
		{"alice", "publish", "$CONTROL/im/v1", NULL,
			NO("IM: control commands are for admins")},
		{"root", "publish", "$CONTROL/im/v1", NULL, YES("IM: administrator")},
		{"alice", "subscribe", "im/inbox/alice/#", NULL, YES("IM: the user's own inbox")},
		{"alice", "subscribe", "im/inbox/bob/#", NULL,
			NO("IM: another user's inbox, or what is another device's of a device "
			   "account")},
		{"alice", "subscribe", "im/room/hall", NULL, YES("IM: member of the room")},
		{"alice", "subscribe", "$share/g/im/room/hall", NULL,
			NO("IM: a room cannot be shared; subscribe to it without $share")},
		{"alice", "subscribe", "plant/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", NULL,
			YES("@:2: topic read plant/#")},
		{"alice", "subscribe", "plant/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", NULL,
			NO("IM: a filter has at most 16 levels")},
		{"alice", "read", "im/room/hall", NULL, YES("IM: member of the room")},
		{"carol", "read", "im/room/hall", NULL,
			NO("IM: no room of this name that the user is a member of")},
		{"alice", "read", "im/presence/bob", NULL,
			YES("IM: presence_policy lets the user see it")},
		{"alice", "read", "im/u/alice", NULL,
			NO("IM: of IM's topics nobody reads any but inboxes, rooms and presence, "
			   "in "
			   "the forms that PROTOCOL.md lists")},
		{"alice", "read", "$im/up", NULL, NO("IM: it is the bridge's")},
		{"alice", "publish", "im/u/fleet/veh-1", NULL,
			YES("IM: the recipient takes messages from anyone")},
		{"alice", "publish", "im/u/fleet", NULL,
			YES("IM: the recipient takes messages from anyone")},
		{"alice", "publish", "im/u/fleet/lorry-1", NULL,
			NO("IM: the client ids of this account's devices begin otherwise; check "
			   "the last "
			   "level of the topic")},
		{"alice", "publish", "im/s/u/fleet/a", NULL,
			NO("IM: the client ids of this account's devices begin otherwise; check "
			   "the last "
			   "level of the topic")},
		{"fleet", "publish", "im/u/fleet/lorry-1", NULL,
			NO("IM: a device account does not write to itself; let its devices write "
			   "to the user who runs them")},
		{"fleet", "subscribe", "im/inbox/fleet/veh-1/#", NULL,
			NO("IM: it depends on the client id, whose level of the inbox this may be: "
			   "ask with --device")},
		{"fleet", "read", "im/inbox/fleet/veh-1/event", NULL,
			NO("IM: it depends on the client id, whose level of the inbox this may be: "
			   "ask with --device")},
		{"fleet", "subscribe", "im/inbox/fleet/veh-1/#", "veh-1",
			YES("IM: the user's own inbox")},
		{"fleet", "read", "im/inbox/fleet/veh-1/event", "veh-2",
			NO("IM: another user's inbox, or what is another device's of a device "
			   "account")},
		{"fleet", "read", "im/inbox/alice/veh-1/event", NULL,
			NO("IM: another user's inbox, or what is another device's of a device "
			   "account")},
		{"alice", "read", "plant/1", NULL, YES("@:2: topic read plant/#")},
		{"alice", "publish", "plant/1", NULL,
			NO("no rule of the acl_file or allow_topic opens it")},
		{"alice", "publish", "plant/x", NULL, NO("@:3: topic deny plant/x")},
		{"alice", "subscribe", "plant/+", NULL, YES("@:2: topic read plant/#")},
		{"alice", "subscribe", "#", NULL,
			NO("it would take in IM's own topics, and no rule covers all that it "
			   "matches; leave those out, or name more levels")},
		{"alice", "publish", "open/x", NULL, YES("allow_topic open/#")},
		{"alice", "publish", "dev/a/x", "a", YES("@:4: pattern write dev/%c/#")},
		{"alice", "publish", "dev/a/x", NULL,
			NO("no rule of the acl_file or allow_topic opens it")},
		{"alice", "publish", "dev/a/x", "b",
			NO("IM: client id belongs to another user; choose another one")},
		{"root", "subscribe", "$SYS/#", NULL,
			YES("$SYS is the broker's: administrators read it, and nobody publishes "
			    "there")},
		{"dora", "read", "plant/1", NULL, NO("IM: there is no user of this name")},
		{"bob", "read", "plant/1", NULL, NO("IM: the user is disabled")},
	};
	struct mosquitto *root, *alice;

	start(n, newer,
		"user alice\ntopic read plant/#\ntopic deny plant/x\npattern write dev/%c/#\n");
	node_sql(n, "INSERT INTO block VALUES (2, 3, 0)");
	node_sql(n, "INSERT INTO user(id, uid, role, password, created_ms) VALUES"
		    " (9, 'fleet', 2, '', 0)");
	node_sql(n, "INSERT INTO device_bind VALUES ('veh-', 9)");
	root = node_client(n, "root", "r", 5);
	alice = node_client(n, "alice", "a", 5);
	assert_non_null(node_client(n, "bob", "b", 5));
	node_settle(n);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[512] = "", *at;
		uint64_t refused = node_stat(n, "refused");
		size_t records = n->n_records;

		if (strcmp(cases[i].user, "bob") == 0) {
			node_sql(n, "UPDATE user SET disabled = 1 WHERE uid = 'bob'");
			node_down(n,
				&(struct im_down_rec){
					.type = IM_DOWN_FORGET_USER, .user = IM_STR("bob")},
				NULL, 0);
			node_end(n);
			records = n->n_records;
		}
		at = strchr(cases[i].want, '@');
		if (at)
			snprintf(want, sizeof(want), "%.*s%s%s", (int)(at - cases[i].want),
				cases[i].want, path, at + 1);
		explained(n, root, cases[i].user, cases[i].access, cases[i].topic, cases[i].device,
			at ? want : cases[i].want);
		/* Nobody pays, and nothing follows. */
		assert_int_equal(node_stat(n, "refused"), refused);
		assert_int_equal(n->n_records, records);
		assert_null(fake_received(alice));
	}
}

static void the_rule_is_explained(void **state)
{
	(void)state;
	both(explanations);
}

static void odd_questions(struct node *n, bool newer)
{
	static const struct {
		const char *rest, *why;
	} cases[] = {
		{"\"username\":\"al ice\",\"access\":\"read\",\"topic\":\"a\"",
			"username must be a user's name"},
		{"\"username\":\"alice\",\"access\":\"look\",\"topic\":\"a\"",
			"access must be publish, subscribe or read"},
		{"\"username\":\"alice\",\"topic\":\"a\"",
			"access must be publish, subscribe or read"},
		{"\"username\":\"alice\",\"access\":\"read\",\"topic\":\"a/#\"",
			"topic must have no + and no #: with publish and read it is one topic"},
		{"\"username\":\"alice\",\"access\":\"subscribe\",\"topic\":\"a/#/b\"",
			"topic must be a topic, or with subscribe a filter"},
		{"\"username\":\"alice\",\"access\":\"read\"",
			"topic must be a topic, or with subscribe a filter"},
		{"\"username\":7", "each parameter is a string"},
		{"\"username\":\"a\",\"username\":\"b\"", "a member is given twice; give it once"},
		{"\"who\":\"a\"",
			"the parameters are username, access, topic and device; leave out "
			"others"},
	};
	struct mosquitto *root, *alice;
	size_t i, records;

	start(n, newer, "");
	root = node_client(n, "root", "r", 5);
	alice = node_client(n, "alice", "a", 5);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = asked(n, root, cases[i].rest);

		if (!strstr(got, cases[i].why) || !strstr(got, "\"code\":-32602"))
			fail_msg("%s: %s", cases[i].rest, got);
	}
	/* Administrators alone ask. */
	assert_false(may_publish(alice, "$CONTROL/im/v1"));
	/* What is not this command alone goes to the bridge. */
	records = n->n_records;
	assert_int_equal(fake_publish(root, "$CONTROL/im/v1",
				 IM_STR("{\"commands\":[{\"command\":\"explain\"},"
					"{\"command\":\"getStats\"}]}"),
				 1, false, NULL),
		FAKE_ACCEPTED);
	assert_int_equal(fake_publish(root, "$CONTROL/im/v1",
				 IM_STR("{\"commands\":[{\"command\":\"getUser\","
					"\"username\":\"explain\"}]}"),
				 1, false, NULL),
		FAKE_ACCEPTED);
	node_settle(n);
	assert_int_equal(n->n_records, records + 2);
	/* It is answered while the bridge is away. */
	fake_disconnect(n->bridge, true);
	explained(n, root, "alice", "read", "open/x", NULL, YES("allow_topic open/#"));
	node_bridge(n);
}

static void what_is_no_question_is_said(void **state)
{
	(void)state;
	both(odd_questions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_says_who_may_what),
		cmocka_unit_test(sighup_changes_them_at_once),
		cmocka_unit_test(a_wrong_file_keeps_the_broker_from_starting),
		cmocka_unit_test(what_is_denied_leaves_a_line),
		cmocka_unit_test(the_rule_is_explained),
		cmocka_unit_test(what_is_no_question_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
