/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom a group's change concerns, for every change and every road to it: who gets an event, and
 * what the plugin has to look up again. Nobody beyond. */
#include "tests/unit/rpc_fixture.h"

#include <string.h>

/* Of what was told, all but messages, without what is not of the group. */
static void is_told(struct rpc_fixture *f, const char *what, const char *want)
{
	struct im_str rest = im_buf_view(&f->told);
	struct im_buf have;

	im_buf_init(&have, 0);
	while (rest.n) {
		const char *end = memchr(rest.p, '\n', rest.n);
		struct im_str line = {rest.p, (size_t)(end - rest.p) + 1};

		rest = (struct im_str){line.p + line.n, rest.n - line.n};
		if (memmem(line.p, line.n, "\"event\":\"group\"", 15) ||
			memmem(line.p, line.n, "forget_group", 12) ||
			memmem(line.p, line.n, "forget_member", 13))
			im_buf_str(&have, line);
	}
	im_buf_c(&have, '\0');
	if (have.failed || strcmp(have.p, want) != 0)
		fail_msg("%s\nhave:\n%s\nwant:\n%s", what, have.p, want);
	im_buf_free(&have);
}

#define EVENT(to, action, by, cursor)                                                      \
	"inbox " to " event {\"event\":\"group\",\"conv\":\"g/team\",\"action\":\"" action \
	"\",\"by\":\"" by "\",\"cursor\":\"" cursor "\"}\n"
#define MEMBER(uid) "forget_member " uid " team\n"
#define GROUP "forget_group team\n"

static void by_a_method(void **state)
{
	static const struct {
		const char *who, *method, *params, *want;
	} steps[] = {
		{"alice", "group.create",
			"{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"],\"join\":\"open\"}",
			GROUP EVENT("bob", "invite", "alice", "2")
				EVENT("carol", "invite", "alice", "3")},
		{"dave", "group.join", "{\"gid\":\"team\"}", MEMBER("dave")},
		{"dave", "group.leave", "{\"gid\":\"team\"}",
			MEMBER("dave") EVENT("dave", "leave", "dave", "6")},
		{"alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"dave\",\"bob\"]}",
			MEMBER("dave") EVENT("dave", "invite", "alice", "8")},
		{"alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}",
			MEMBER("bob")},
		{"alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"carol\",\"seconds\":60}",
			MEMBER("carol")},
		{"alice", "group.mute", "{\"gid\":\"team\",\"seconds\":60}", GROUP},
		{"alice", "group.update", "{\"gid\":\"team\",\"name\":\"T\"}", GROUP},
		{"alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"carol\"],\"ban\":true}",
			MEMBER("carol") EVENT("carol", "kick", "alice", "14")},
		{"alice", "group.unban", "{\"gid\":\"team\",\"members\":[\"carol\"]}",
			MEMBER("carol")},
		/* Who is none of the group's is not told of a ban. */
		{"alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"carol\"],\"ban\":true}",
			MEMBER("carol")},
		{"alice", "group.transfer", "{\"gid\":\"team\",\"uid\":\"bob\"}",
			MEMBER("bob") MEMBER("alice")},
		{"bob", "group.dismiss", "{\"gid\":\"team\"}",
			GROUP EVENT("alice", "dismiss", "bob", "19") EVENT("bob", "dismiss", "bob",
				"20") EVENT("dave", "dismiss", "bob", "21")},
	};
	struct rpc_fixture *f = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		rpc_ok(f, steps[i].who, steps[i].method, steps[i].params);
		is_told(f, steps[i].params, steps[i].want);
	}
}

static void by_a_command(void **state)
{
	static const struct {
		const char *command, *want;
	} steps[] = {
		{"{\"command\":\"createGroup\",\"gid\":\"team\",\"owner\":\"alice\","
		 "\"members\":[\"bob\"]}",
			GROUP EVENT("bob", "invite", "alice", "2")},
		{"{\"command\":\"addGroupMember\",\"gid\":\"team\",\"members\":[\"carol\",\"dave\"]"
		 "}",
			MEMBER("carol") MEMBER("dave") EVENT("carol", "invite", "root", "4")
				EVENT("dave", "invite", "root", "5")},
		{"{\"command\":\"setGroupRole\",\"gid\":\"team\",\"username\":\"bob\","
		 "\"role\":\"owner\"}",
			MEMBER("bob") MEMBER("alice")},
		{"{\"command\":\"removeGroupMember\",\"gid\":\"team\",\"members\":[\"dave\"]}",
			MEMBER("dave") EVENT("dave", "kick", "root", "8")},
		/* The owner's account ends: another one runs the group, and he is out of it. */
		{"{\"command\":\"deleteUser\",\"username\":\"bob\"}",
			MEMBER("alice") MEMBER("bob") EVENT("bob", "kick", "root", "11")},
		{"{\"command\":\"deleteUser\",\"username\":\"carol\"}",
			MEMBER("carol") EVENT("carol", "kick", "root", "13")},
		{"{\"command\":\"dismissGroup\",\"gid\":\"team\"}",
			GROUP EVENT("alice", "dismiss", "root", "15")},
	};
	struct rpc_fixture *f = *state;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		json_t *done = rpc_admin(f, steps[i].command);

		assert_null(json_object_get(done, "error"));
		is_told(f, steps[i].command, steps[i].want);
	}
}

/* A room's members hear of its end on its topic. */
static void of_a_rooms_end_nobody_gets_an_event(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"kind\":\"room\",\"members\":[\"bob\"]}");
	is_told(f, "create", GROUP EVENT("bob", "invite", "alice", "2"));
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"team\"}");
	assert_true(rpc_told(f, "topic room/team {\"conv\":\"g/team\""));
	is_told(f, "dismiss", GROUP);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(by_a_method),
		CASE(by_a_command),
		CASE(of_a_rooms_end_nobody_gets_an_event),
	};

	return cmocka_run_group_tests_name("told", tests, NULL, NULL);
}
