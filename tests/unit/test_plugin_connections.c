/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is connected: listed in pages for administrators, and told to the bridge with an order to
 * disconnect somebody. */
#include <stdio.h>

#include "common/limits.h"
#include "tests/unit/plugin_node.h"

static const char *command(struct node *n, struct mosquitto *root, const char *json)
{
	char text[1024];

	while (fake_received(root))
		;
	node_forget_records(n);
	snprintf(text, sizeof(text), "{\"commands\":[%s]}", json);
	assert_int_equal(
		fake_publish(root, "$CONTROL/im/v1", im_str(text), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(n);
	return node_heard(root);
}

#define LIST "{\"command\":\"listConnections\",\"correlationData\":\"7\",\"username\":"
#define DATA(json)                                                                             \
	"{\"responses\":[{\"command\":\"listConnections\",\"correlationData\":\"7\",\"data\":" \
	"{" json "}}]}"

static void asked(struct node *n, struct mosquitto *root, const char *rest, const char *want)
{
	char text[512], answer[1024];
	const char *got;

	snprintf(text, sizeof(text), LIST "%s}", rest);
	got = command(n, root, text);
	snprintf(answer, sizeof(answer), DATA("%s"), want);
	assert_string_equal(got, answer);
	/* The bridge hears nothing of it. */
	assert_int_equal(node_count(n, IM_UP_CONTROL), 0);
}

static void refused(struct node *n, struct mosquitto *root, const char *rest, const char *why)
{
	char text[512], answer[512];

	snprintf(text, sizeof(text), LIST "%s}", rest);
	snprintf(answer, sizeof(answer),
		"{\"responses\":[{\"command\":\"listConnections\",\"correlationData\":\"7\","
		"\"error\":\"%s\",\"code\":-32602}]}",
		why);
	assert_string_equal(command(n, root, text), answer);
}

static struct mosquitto *begin(struct node *n, bool newer)
{
	struct mosquitto *root;

	node_folder(n);
	node_sql(n, "INSERT INTO user(id, uid, role, password, created_ms) SELECT 9, 'fleet', 2,"
		    " password, 0 FROM user WHERE uid = 'alice';"
		    "INSERT INTO device_bind VALUES ('veh-', 9)");
	assert_int_equal(node_load(n, newer, (const char *const[]){NULL}), 0);
	node_bridge(n);
	root = node_client(n, "root", "r", 5);
	assert_non_null(root);
	return root;
}

#define ROW(device, ms) "{\"device\":\"" device "\",\"since_ms\":" ms "}"

static void the_connected_ones_are_listed_by_name(void **state)
{
	struct mosquitto *root, *c;
	struct node n;
	char want[512];

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		root = begin(&n, newer);
		asked(&n, root, "\"fleet\"", "\"connections\":[]");
		n.wall_ms = 5000000;
		/* In no order, and of one name that begins another one. */
		assert_non_null(node_client(&n, "fleet", "veh-2", 4));
		c = node_client(&n, "fleet", "veh-10", 5);
		assert_non_null(node_client(&n, "fleet", "veh-1", 4));
		assert_non_null(node_client(&n, "alice", "a", 4));
		asked(&n, root, "\"fleet\"",
			"\"connections\":[" ROW("veh-1", "5000000") "," ROW(
				"veh-10", "5000000") "," ROW("veh-2", "5000000") "]");
		/* Page by page. */
		asked(&n, root, "\"fleet\",\"limit\":2",
			"\"connections\":[" ROW("veh-1", "5000000") "," ROW(
				"veh-10", "5000000") "],\"more\":true,\"next\":\"veh-10\"");
		asked(&n, root, "\"fleet\",\"limit\":2,\"after\":\"veh-10\"",
			"\"connections\":[" ROW("veh-2", "5000000") "]");
		asked(&n, root, "\"fleet\",\"after\":\"veh-2\"", "\"connections\":[]");
		/* Who has gone is not listed, who has come again once. */
		fake_disconnect(c, 0);
		n.wall_ms = 6000000;
		assert_non_null(node_client(&n, "fleet", "veh-1", 4));
		snprintf(want, sizeof(want),
			"\"connections\":[" ROW("veh-1", "6000000") "," ROW(
				"veh-2", "5000000") "]");
		asked(&n, root, "\"fleet\"", want);
		/* A person's, too. */
		asked(&n, root, "\"alice\"", "\"connections\":[" ROW("a", "5000000") "]");
		node_stop(&n);
	}
}

/* As many as there may be come each once, whatever a page holds. */
static void pages_leave_none_out(void **state)
{
	char id[32], rest[96] = "\"fleet\",\"limit\":7", text[512], after[32] = "", *at;
	const char *got;
	unsigned seen = 0, pages = 0;
	struct mosquitto *root;
	struct node n;

	(void)state;
	root = begin(&n, false);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "veh-%u", i * 37 % 100);
		assert_non_null(node_client(&n, "fleet", id, 4));
	}
	do {
		snprintf(text, sizeof(text), LIST "%s}", rest);
		got = command(&n, root, text);
		for (at = strstr(got, "\"device\":\""); at; at = strstr(at, "\"device\":\"")) {
			at += strlen("\"device\":\"");
			snprintf(id, sizeof(id), "%.*s", (int)strcspn(at, "\""), at);
			assert_true(strcmp(id, after) > 0);
			strcpy(after, id);
			seen++;
		}
		pages++;
		snprintf(rest, sizeof(rest), "\"fleet\",\"limit\":7,\"after\":\"%s\"", after);
	} while (strstr(got, "\"next\":"));
	assert_int_equal(seen, 100);
	assert_int_equal(pages, 15);
	node_stop(&n);
}

/* Who knows who is at the others. */
static void of_several_brokers_the_bridge_lists(void **state)
{
	struct mosquitto *root;
	struct node n;

	(void)state;
	root = begin(&n, false);
	node_down(&n,
		&(struct im_down_rec){
			.type = IM_DOWN_HELLO, .epoch = 1, .recno = 2, .flags = IM_DOWNF_SEVERAL},
		NULL, 0);
	node_settle(&n);
	assert_string_equal(command(&n, root, LIST "\"fleet\"}"), "");
	assert_int_equal(node_count(&n, IM_UP_CONTROL), 1);
	node_stop(&n);
}

static void what_is_asked_wrongly_is_said(void **state)
{
	struct mosquitto *root, *alice;
	struct node n;

	(void)state;
	root = begin(&n, false);
	refused(&n, root, "\"nobody\"", "there is no user of this name");
	refused(&n, root, "\"no body\"", "username must be a user's name");
	refused(&n, root, "7", "each parameter is a string");
	refused(&n, root, "\"fleet\",\"limit\":0", "limit is a whole number from 1 to 1000");
	refused(&n, root, "\"fleet\",\"limit\":1001", "limit is a whole number from 1 to 1000");
	refused(&n, root, "\"fleet\",\"limit\":\"7\"", "limit is a whole number of 1 or more");
	refused(&n, root, "\"fleet\",\"limit\":1,\"limit\":1",
		"a member is given twice; give it once");
	refused(&n, root, "\"fleet\",\"topic\":\"a\"",
		"the parameters are username, after and limit; leave out others");
	/* Among others it is the bridge's, which says that it is the plugin's. */
	(void)command(&n, root, LIST "\"fleet\"},{\"command\":\"getStats\"}");
	assert_int_equal(node_count(&n, IM_UP_CONTROL), 1);
	/* It is for administrators. */
	alice = node_client(&n, "alice", "a", 5);
	assert_int_not_equal(fake_publish(alice, "$CONTROL/im/v1",
				     IM_STR("{\"commands\":[{\"command\":\"listConnections\","
					    "\"username\":\"fleet\"}]}"),
				     1, false, NULL),
		FAKE_ACCEPTED);
	node_stop(&n);
}

static void assert_absent(
	struct node *n, struct mosquitto *root, const char *commands, const char *want)
{
	(void)command(n, root, commands);
	assert_int_equal(node_count(n, IM_UP_CONTROL), 1);
	assert_string_equal(node_find(n, IM_UP_CONTROL, 0)->target, want);
}

#define KICK(user, device) \
	"{\"command\":\"kickUser\",\"username\":\"" user "\",\"device\":\"" device "\"}"
#define KICK_ALL(user) "{\"command\":\"kickUser\",\"username\":\"" user "\"}"

static void an_order_says_who_is_not_there(void **state)
{
	struct mosquitto *root, *c;
	char many[4096], *at = many;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		root = begin(&n, newer);
		c = node_client(&n, "fleet", "veh-1", 4);
		assert_absent(&n, root, KICK("fleet", "veh-1"), "-");
		assert_absent(&n, root, KICK("fleet", "veh-2"), "a");
		assert_absent(&n, root, KICK("alice", "veh-1"), "a");
		assert_absent(&n, root, KICK_ALL("fleet"), "-");
		assert_absent(&n, root, KICK_ALL("alice"), "a");
		assert_absent(&n, root,
			"{\"device\":\"veh-2\",\"command\":\"kickDevice\",\"username\":\"fleet\"}",
			"a");
		assert_absent(&n, root,
			KICK("fleet", "veh-2") "," KICK(
				"fleet", "veh-1") ",7,"
						  "{\"command\":\"getUser\",\"username\":\"kick\"}"
						  "," KICK_ALL("bob"),
			"a---a");
		/* Of other commands nothing is said. */
		assert_absent(&n, root, "{\"command\":\"getStats\"}", "");
		fake_disconnect(c, 0);
		assert_absent(&n, root, KICK("fleet", "veh-1"), "a");
		assert_absent(&n, root, KICK_ALL("fleet"), "a");
		node_stop(&n);
	}
	/* Nor of who may be at another broker. */
	root = begin(&n, false);
	node_down(&n,
		&(struct im_down_rec){
			.type = IM_DOWN_HELLO, .epoch = 1, .recno = 2, .flags = IM_DOWNF_SEVERAL},
		NULL, 0);
	node_settle(&n);
	assert_absent(&n, root, KICK("fleet", "veh-2"), "-");
	assert_absent(&n, root, KICK_ALL("fleet"), "-");
	node_stop(&n);
	/* Nor of more than are carried out at once. */
	root = begin(&n, false);
	for (int i = 0; i <= IM_CONTROL_COMMANDS_MAX; i++)
		at += sprintf(at, "%s{\"command\":\"kickUser\"}", i ? "," : "");
	at = malloc(sizeof(many) + 64);
	sprintf(at, "{\"commands\":[%s]}", many);
	node_forget_records(&n);
	assert_int_equal(
		fake_publish(root, "$CONTROL/im/v1", im_str(at), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(&n);
	free(at);
	assert_int_equal(strlen(node_find(&n, IM_UP_CONTROL, 0)->target), IM_CONTROL_COMMANDS_MAX);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_connected_ones_are_listed_by_name),
		cmocka_unit_test(pages_leave_none_out),
		cmocka_unit_test(of_several_brokers_the_bridge_lists),
		cmocka_unit_test(what_is_asked_wrongly_is_said),
		cmocka_unit_test(an_order_says_who_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
