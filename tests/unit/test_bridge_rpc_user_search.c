/* SPDX-License-Identifier: BSD-3-Clause */
/* Searching for users: whom a caller finds, by the operator's choice, and that an answer is made of
 * people alone whom he can list anyway. */
#include "tests/unit/rpc_fixture.h"

#include "bridge/rpc/user_search.h"
#include "common/limits.h"

static void nick(struct rpc_fixture *f, const char *uid, const char *name)
{
	char params[256];

	snprintf(params, sizeof(params), "{\"nick\":\"%s\"}", name);
	rpc_ok(f, uid, "user.update", params);
}

static void befriend(struct rpc_fixture *f, const char *a, const char *b)
{
	char params[96];

	snprintf(params, sizeof(params), "{\"uid\":\"%s\"}", b);
	rpc_ok(f, a, "contact.request", params);
	snprintf(params, sizeof(params), "{\"uid\":\"%s\"}", a);
	rpc_ok(f, b, "contact.accept", params);
}

/* Everybody who is found, page by page: "bob carol". */
static void assert_found(
	struct rpc_fixture *f, const char *as, const char *q, int limit, const char *want)
{
	char have[1024] = "", next[160] = "", params[512], path[32];
	bool more = true;
	int pages = 0;

	while (more) {
		snprintf(params, sizeof(params), "{\"q\":\"%s\",\"limit\":%d%s%s%s}", q, limit,
			*next ? ",\"next\":\"" : "", next, *next ? "\"" : "");
		rpc_ok(f, as, "user.search", params);
		for (size_t i = 0; i < json_array_size(rpc_at(f->result, "users")); i++) {
			snprintf(path, sizeof(path), "users.%zu.uid", i);
			sprintf(have + strlen(have), "%s%s", *have ? " " : "",
				rpc_text(f->result, path));
		}
		more = rpc_num(f->result, "more");
		if (more)
			snprintf(next, sizeof(next), "%s", rpc_text(f->result, "next"));
		assert_true(++pages < 200);
	}
	assert_string_equal(have, want);
}

static void the_operator_says_whom_it_finds(void **state)
{
	struct rpc_fixture *f = *state;

	befriend(f, "alice", "bob");
	nick(f, "bob", "Bobby");
	f->set.user_search = USER_SEARCH_OFF;
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "user.search", "{\"q\":\"bob\"}");
	f->set.user_search = USER_SEARCH_UID;
	assert_json(rpc_ok(f, "alice", "user.search", "{\"q\":\"bob\"}"),
		"{\"users\":[{\"uid\":\"bob\",\"nick\":\"Bobby\",\"avatar\":\"\",\"rev\":1}],"
		"\"more\":false}");
	assert_found(f, "alice", "dave", 10, "dave");
	assert_found(f, "alice", "bo", 10, "");
	assert_found(f, "alice", "Bobby", 10, "");
	assert_found(f, "alice", "BOB", 10, "");
	assert_found(f, "alice", "no body", 10, "");
	assert_found(f, "alice", "alice", 10, "");
	f->set.user_search = USER_SEARCH_NICK;
	assert_found(f, "alice", "bo", 10, "bob");
	assert_found(f, "alice", "bob", 10, "bob");
	assert_found(f, "alice", "bob", 1, "bob");
	assert_found(f, "alice", "Bobby!", 10, "");
	assert_found(f, "alice", "obby", 10, "");
}

static void a_nick_is_found_among_acquaintances_alone(void **state)
{
	struct rpc_fixture *f = *state;

	f->set.user_search = USER_SEARCH_NICK;
	rpc_add_user(f, "erin", "");
	rpc_add_user(f, "finn", "");
	rpc_add_user(f, "gina", "");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"both\",\"members\":[\"alice\",\"carol\"]}");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"hall\",\"kind\":\"room\",\"members\":[\"dave\"]}");
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"other\",\"members\":[\"gina\"]}");
	befriend(f, "alice", "erin");
	befriend(f, "alice", "bob");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"finn\"}");
	for (int i = 0; i < 7; i++)
		nick(f,
			(const char *const[]){
				"alice", "bob", "carol", "dave", "erin", "finn", "gina"}[i],
			"Sam");
	/* Contacts first; who is known from several places, once; not the one of a room, not who
	 * was only asked, not who shares a group with a friend. */
	for (int limit = 1; limit < 4; limit++)
		assert_found(f, "alice", "sam", limit, "bob erin carol");
	assert_found(f, "gina", "sam", 5, "bob");
	assert_found(f, "dave", "sam", 5, "");
	/* Whose id it is comes first, from wherever. */
	rpc_add_user(f, "sam", "");
	for (int limit = 1; limit < 5; limit++)
		assert_found(f, "alice", "sam", limit, "sam bob erin carol");
}

static void who_has_blocked_or_is_blocked_is_not_found(void **state)
{
	struct rpc_fixture *f = *state;

	f->set.user_search = USER_SEARCH_NICK;
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"members\":[\"bob\",\"carol\",\"dave\"]}");
	nick(f, "bob", "Sam");
	nick(f, "carol", "Sam");
	nick(f, "dave", "Sam");
	assert_found(f, "alice", "sam", 10, "bob carol dave");
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"bob\"}");
	rpc_ok(f, "carol", "block.add", "{\"uid\":\"alice\"}");
	assert_found(f, "alice", "sam", 10, "dave");
	assert_found(f, "alice", "bob", 10, "");
	assert_found(f, "alice", "carol", 10, "");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"dave\"}");
	assert_found(f, "alice", "sam", 10, "");
	assert_found(f, "alice", "dave", 10, "");
}

static void case_accents_and_scripts_do_not_matter(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct {
		const char *nick, *q;
		bool found;
	} cases[] = {
		{"Иван Петров", "ива", true},
		{"Иван Петров", "ИВАН П", true},
		{"Élodie", "elo", true},
		{"elodie", "ÉLO", true},
		{"Strauß", "STRAUSS", true},
		{"ＡＬＩＣＥ", "alice", true},
		{"王小明", "王", true},
		{"王小明", "小", false},
		{"Al", "Alice", false},
		{"", "a", false},
	};

	f->set.user_search = USER_SEARCH_NICK;
	befriend(f, "alice", "bob");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		nick(f, "bob", cases[i].nick);
		assert_found(f, "alice", cases[i].q, 10, cases[i].found ? "bob" : "");
	}
	/* Nothing is no beginning of everything. */
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "user.search", "{\"q\":\"\\u200d\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "user.search", "{\"q\":\"\\u0301\"}");
}

/* A page looks at so many, found or not; the next one goes on there. */
static void a_page_is_bounded_in_work(void **state)
{
	struct rpc_fixture *f = *state;
	char sql[512];

	f->set.user_search = USER_SEARCH_NICK;
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		" INSERT INTO user (uid, created_ms, nick) SELECT printf('m%%05d', i), 1, 'Mo' "
		"FROM n;"
		" INSERT INTO member (grp, uid, user, joined_seq, joined_ms)"
		" SELECT 1, uid, id, 0, 0 FROM user WHERE nick = 'Mo'",
		3 * USER_SEARCH_PEOPLE);
	rpc_sql(f, sql);
	rpc_sql(f, "UPDATE user SET nick = 'Zed' WHERE uid = 'm00300'");
	rpc_ok(f, "alice", "user.search", "{\"q\":\"zed\",\"limit\":1}");
	assert_json(f->result, "{\"users\":[],\"more\":true,\"next\":\"team/m00098\"}");
	rpc_ok(f, "alice", "user.search", "{\"q\":\"zed\",\"limit\":1,\"next\":\"team/m00098\"}");
	assert_text(f->result, "next", "team/m00198");
	assert_found(f, "alice", "zed", 1, "m00300");
	assert_found(f, "alice", "zed", 3, "m00300");
	rpc_ok(f, "alice", "user.search", "{\"q\":\"mo\",\"limit\":2}");
	assert_int_equal(json_array_size(rpc_at(f->result, "users")), 2);
	assert_text(f->result, "next", "team/m00002");
}

static void a_place_is_only_taken_in_ones_own_groups(void **state)
{
	struct rpc_fixture *f = *state;
	static const char *const wrong[] = {
		"secret/bob", "never/bob", "team/", "/bob", "team/b b", "no body", "nobody"};
	char params[96];

	f->set.user_search = USER_SEARCH_NICK;
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"secret\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\"}");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(params, sizeof(params), "{\"q\":\"x\",\"next\":\"%s\"}", wrong[i]);
		rpc_no(f, IM_E_INVALID_PARAMS, "alice", "user.search", params);
	}
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "user.search", "{\"q\":\"x\",\"limit\":101}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "user.search", "{\"q\":\"\"}");
	rpc_ok(f, "alice", "user.search", "{\"q\":\"x\",\"next\":\"team/zed\"}");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_operator_says_whom_it_finds),
		CASE(a_nick_is_found_among_acquaintances_alone),
		CASE(who_has_blocked_or_is_blocked_is_not_found),
		CASE(case_accents_and_scripts_do_not_matter),
		CASE(a_page_is_bounded_in_work),
		CASE(a_place_is_only_taken_in_ones_own_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
