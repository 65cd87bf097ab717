/* SPDX-License-Identifier: BSD-3-Clause */
/* Every text that a method or a command takes for others to see is held to the rule of its kind. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

/* %s: the text, as JSON writes it. */
struct place {
	const char *uid, *method, *params;
	bool lines; /* it may have them */
};

static const struct place places[] = {
	{"alice", "user.update", "{\"nick\":\"%s\"}", false},
	{"alice", "user.update", "{\"avatar\":\"%s\"}", false},
	{"alice", "group.create", "{\"name\":\"%s\"}", false},
	{"alice", "group.create", "{\"avatar\":\"%s\"}", false},
	{"alice", "group.create", "{\"announcement\":\"%s\"}", false},
	{"alice", "group.update", "{\"gid\":\"team\",\"name\":\"%s\"}", false},
	{"alice", "group.update", "{\"gid\":\"team\",\"announcement\":\"%s\"}", false},
	{"dave", "group.join", "{\"gid\":\"team\",\"note\":\"%s\"}", true},
	{"alice", "contact.request", "{\"uid\":\"dave\",\"note\":\"%s\"}", true},
	{"alice", "contact.update", "{\"uid\":\"bob\",\"remark\":\"%s\"}", false},
	{"alice", "contact.update", "{\"uid\":\"bob\",\"tags\":[\"ok\",\"%s\"]}", false},
	{"alice", "msg.report", "{\"conv\":\"u/bob\",\"seq\":1,\"reason\":\"%s\"}", true},
};
#define PLACES (sizeof(places) / sizeof(places[0]))

static void set_up_places(struct rpc_fixture *f)
{
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"join\":\"approval\",\"members\":[\"carol\"]}");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"alice\"}");
	rpc_send(f, "bob", "u/alice", "hello");
}

static int try(struct rpc_fixture *f, const struct place *p, const char *text)
{
	char params[256];

	snprintf(params, sizeof(params), p->params, text);
	return rpc_do(f, p->uid, p->method, params);
}

static void no_text_holds_what_deceives(void **state)
{
	static const char *const bad[] = {"a\\u001b[2J", "a\\u0007", "a\\u007f", "a\\u0085b",
		"a\\rb", "a\\u2028b", "a\\u202ecod.exe", "a\\u2066b", " ", "\\u200b", "\\u3164",
		"\\u2800"};
	struct rpc_fixture *f = *state;

	set_up_places(f);
	for (size_t i = 0; i < PLACES; i++) {
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			if (try(f, &places[i], bad[k]) != IM_E_INVALID_PARAMS)
				fail_msg("%s %s takes %s", places[i].method, places[i].params,
					bad[k]);
			assert_true(f->why.n > 20);
		}
		if ((try(f, &places[i], "two\\nlines") == IM_OK) != places[i].lines)
			fail_msg("%s %s and lines", places[i].method, places[i].params);
	}
}

static void what_people_write_is_taken(void **state)
{
	static const char *const good[] = {"Zoë & Søn", "小明 🎉", "שלום", "a \\\"quoted\\\" one"};
	struct rpc_fixture *f = *state;

	set_up_places(f);
	for (size_t i = 0; i < PLACES; i++) {
		for (size_t k = 0; k < sizeof(good) / sizeof(good[0]); k++) {
			f->now_ms += 86400000; /* nobody is asked so often within a day */
			if (try(f, &places[i], good[k]) != IM_OK)
				fail_msg("%s %s refuses %s: %.*s", places[i].method,
					places[i].params, good[k], IM_ARGS(f->why));
		}
	}
}

static void commands_are_held_to_the_same(void **state)
{
	static const char *const commands[] = {
		"{\"command\":\"createUser\",\"username\":\"eve\",\"nick\":\"a\\u202eb\"}",
		"{\"command\":\"createGroup\",\"gid\":\"g\",\"owner\":\"alice\",\"name\":"
		"\"a\\nb\"}",
		"{\"command\":\"closeReport\",\"id\":1,\"note\":\"a\\u001b[2J\"}"};
	struct rpc_fixture *f = *state;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const char *error = rpc_text(rpc_admin(f, commands[i]), "error");

		if (!strstr(error, "leave it out"))
			fail_msg("%s: %s", commands[i], error);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_text_holds_what_deceives),
		CASE(what_people_write_is_taken),
		CASE(commands_are_held_to_the_same),
	};

	return cmocka_run_group_tests_name("bridge rpc text", tests, NULL, NULL);
}
