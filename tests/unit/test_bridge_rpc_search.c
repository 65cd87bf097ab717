/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The search method, by whoever may not see what matches: each answer is, to the byte, the one that
 * he would get if it were not there.
 */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_group.h"

#define MANY 501
#define VERY_MANY (SEARCH_CONVS_MAX + 1) /* more than a single walk takes */

static struct im_str ask(struct rpc_fixture *f, const char *uid, const char *params)
{
	rpc_do(f, uid, "search", params);
	return im_buf_view(&f->reply);
}

/* A group whose only word is hay. */
static void make_group(struct rpc_fixture *f, const char *uid, int i)
{
	char params[128], conv[32];

	snprintf(params, sizeof(params), "{\"gid\":\"own%d\",\"kind\":\"group\"}", i);
	rpc_ok(f, uid, "group.create", params);
	snprintf(conv, sizeof(conv), "g/own%d", i);
	rpc_send(f, uid, conv, i % 7 ? "hay" : "hay and a password of mine");
}

static void set_up_search(struct rpc_fixture *f)
{
	f->set.groups_per_user_max = 20000;
	f->set.group_members_max = 20000;
	rpc_open_search(f);
}

static const char *const guesses[] = {"{\"q\":\"pa*\"}", "{\"q\":\"pas*\"}", "{\"q\":\"passw*\"}",
	"{\"q\":\"passwo*\",\"limit\":1}", "{\"q\":\"password\"}", "{\"q\":\"swordfish\"}",
	"{\"q\":\"sw*\"}", "{\"q\":\"password sword*\"}", "{\"q\":\"hay password\",\"limit\":3}",
	"{\"q\":\"🗝\"}", "{\"q\":\"hay\",\"limit\":500}", "{\"q\":\"hay\",\"after\":999999999}",
	"{\"q\":\"password\",\"from\":\"bob\"}", "{\"q\":\"password\",\"type\":\"text\"}",
	"{\"q\":\"password\",\"conv\":\"u/alice\"}", "{\"q\":\"pa*\",\"next\":\"999999\"}",
	"{\"q\":\"!\"}"};
#define GUESSES (sizeof(guesses) / sizeof(guesses[0]))

/* Runs the guesses on a node where others have said `secret` very often, and keeps the answers. */
static void hear(const char *secret, int convs, struct im_buf answers[GUESSES])
{
	struct rpc_fixture *f;
	void *state;

	assert_int_equal(rpc_set_up_sqlite(&state), 0);
	f = state;
	set_up_search(f);
	for (int i = 0; i < convs; i++) {
		make_group(f, "carol", i);
		if (i % 10 == 0)
			rpc_send(f, "alice", "u/bob", secret);
	}
	for (int i = 0; i < 1500; i++)
		rpc_send(f, i % 2 ? "bob" : "alice", i % 2 ? "u/alice" : "u/bob", secret);
	rpc_index(f);
	for (size_t i = 0; i < GUESSES; i++) {
		im_buf_init(&answers[i], 0);
		im_buf_str(&answers[i], ask(f, "carol", guesses[i]));
	}
	/* They who said it find it. */
	rpc_ok(f, "alice", "search", "{\"q\":\"password swordfish 🗝\",\"limit\":1}");
	assert_int_equal(
		json_array_size(rpc_at(f->result, "hits")), strstr(secret, "sword") ? 1 : 0);
	rpc_tear_down(&state);
}

static void compare(int convs)
{
	struct im_buf with[GUESSES], without[GUESSES];

	hear("the password is swordfish 🗝", convs, with);
	hear("the weather is fine today here", convs, without);
	for (size_t i = 0; i < GUESSES; i++) {
		assert_str_eq(im_buf_view(&with[i]), im_buf_view(&without[i]));
		im_buf_free(&with[i]);
		im_buf_free(&without[i]);
	}
}

static void a_stranger_learns_nothing_of_what_others_say(void **state)
{
	(void)state;
	compare(3);
}

static void a_stranger_with_very_many_groups_learns_nothing_either(void **state)
{
	(void)state;
	compare(MANY);
	compare(VERY_MANY);
}

/* What a member is told who came after `before` had been said. */
static void hear_after(const char *before, struct im_buf answers[GUESSES])
{
	struct rpc_fixture *f;
	void *state;

	assert_int_equal(rpc_set_up_sqlite(&state), 0);
	f = state;
	set_up_search(f);
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"history\":\"join\",\"join\":\"open\",\"members\":[\"bob\"]}");
	for (int i = 0; i < 300; i++)
		rpc_send(f, "alice", "g/team", before);
	rpc_ok(f, "carol", "group.join", "{\"gid\":\"team\"}");
	rpc_send(f, "alice", "g/team", "hay and a password for all of us");
	rpc_send(f, "carol", "g/team", "hay");
	rpc_index(f);
	for (size_t i = 0; i < GUESSES; i++) {
		im_buf_init(&answers[i], 0);
		im_buf_str(&answers[i], ask(f, "carol", guesses[i]));
	}
	rpc_ok(f, "carol", "search", "{\"q\":\"password\",\"limit\":1}");
	assert_int_equal(json_array_size(rpc_at(f->result, "hits")), 1);
	assert_json(rpc_at(f->result, "more"), "false");
	rpc_ok(f, "carol", "search", "{\"q\":\"hay\",\"limit\":1,\"conv\":\"g/team\"}");
	assert_json(rpc_at(f->result, "more"), "true");
	rpc_tear_down(&state);
}

static void a_late_member_learns_nothing_of_what_was_before(void **state)
{
	struct im_buf with[GUESSES], without[GUESSES];

	(void)state;
	hear_after("the password is swordfish 🗝", with);
	hear_after("the weather is fine today here", without);
	for (size_t i = 0; i < GUESSES; i++) {
		assert_str_eq(im_buf_view(&with[i]), im_buf_view(&without[i]));
		im_buf_free(&with[i]);
		im_buf_free(&without[i]);
	}
}

/* Each page goes on behind the last hit of the one before; together they are all there is. */
static void pages_are_whole_whatever_lies_between(void **state)
{
	struct rpc_fixture *f = *state;
	char params[128] = "{\"q\":\"hay\",\"limit\":100}";
	int found = 0, pages = 0;
	json_int_t last = INT64_MAX;

	set_up_search(f);
	for (int i = 0; i < VERY_MANY + 50; i++) {
		make_group(f, "carol", i);
		rpc_send(f, "alice", "u/bob", "hay");
		rpc_send(f, "bob", "u/alice", "hay");
	}
	rpc_index(f);
	for (bool more = true; more; pages++) {
		const json_t *page = rpc_ok(f, "carol", "search", params), *hits;
		size_t i;
		json_t *hit;

		hits = rpc_at(page, "hits");
		json_array_foreach((json_t *)hits, i, hit)
		{
			json_int_t at = atoll(rpc_text(hit, "message.cursor"));

			assert_true(at < last);
			last = at;
			found++;
		}
		more = json_is_true(rpc_at(page, "more"));
		if (more)
			snprintf(params, sizeof(params),
				"{\"q\":\"hay\",\"limit\":100,\"next\":\"%s\"}",
				rpc_text(page, "next"));
	}
	assert_int_equal(found, VERY_MANY + 50);
	assert_int_equal(pages, (VERY_MANY + 50 + 99) / 100);
}

static void what_was_cleared_recalled_or_ended_does_not_count(void **state)
{
	struct rpc_fixture *f = *state;

	set_up_search(f);
	for (int i = 0; i < 5; i++)
		rpc_send(f, "alice", "u/bob", "needle");
	rpc_send_full(f, "alice", "u/bob", IM_STR(""), IM_STR("\"ttl\":1"), IM_ENC_TEXT,
		IM_STR("needle that ends"));
	rpc_index(f);
	/* From here on the index is behind. */
	f->now_ms += 5000;
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":5}");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"cleared_to\":3}");
	rpc_ok(f, "bob", "search", "{\"q\":\"needle\",\"limit\":1}");
	assert_num(f->result, "hits.0.message.seq", 4);
	assert_json(rpc_at(f->result, "more"), "false");
	rpc_ok(f, "alice", "search", "{\"q\":\"needle\",\"limit\":4}");
	assert_int_equal(json_array_size(rpc_at(f->result, "hits")), 4);
	assert_json(rpc_at(f->result, "more"), "false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_learns_nothing_of_what_others_say),
		cmocka_unit_test(a_stranger_with_very_many_groups_learns_nothing_either),
		cmocka_unit_test(a_late_member_learns_nothing_of_what_was_before),
		cmocka_unit_test_setup_teardown(
			pages_are_whole_whatever_lies_between, rpc_set_up_sqlite, rpc_tear_down),
		cmocka_unit_test_setup_teardown(what_was_cleared_recalled_or_ended_does_not_count,
			rpc_set_up_sqlite, rpc_tear_down),
	};

	return cmocka_run_group_tests_name("bridge rpc search", tests, NULL, NULL);
}
