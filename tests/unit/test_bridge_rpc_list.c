/* SPDX-License-Identifier: BSD-3-Clause */
/* What an app shows first: the pages of conversations and their order, the sums, what has changed
 * since, and the one answer that it all begins with. */
#include "tests/unit/rpc_convs.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"
#include "common/limits.h"

/* -- pages -- */

static void add_people(struct rpc_fixture *f, int n)
{
	char uid[32];
	uint64_t id;

	for (int i = 0; i < n; i++) {
		snprintf(uid, sizeof(uid), "somebody%04d", i);
		assert_int_equal(directory_user_create(writer_directory(f->w), im_str(uid),
					 IM_ROLE_USER, IM_STR(""), f->now_ms, &id),
			IM_OK);
		assert_int_equal(directory_user_set_profile(writer_directory(f->w), id,
					 IM_STR("A name of some length"),
					 IM_STR("https://example.org/avatars/0123456789abcdef.png"),
					 (struct im_str){NULL, 0}, -1, -1),
			IM_OK);
	}
	rpc_commit(f);
}

static void a_thousand_conversations_come_in_eight_answers(void **state)
{
	struct rpc_fixture *f = *state;
	char uid[32], text[81], params[160];
	size_t found = 0;
	int answers = 1;

	f->now_ms = INT64_C(1700000000000);
	add_people(f, 1000);
	memset(text, 'x', 80);
	text[80] = '\0';
	for (int i = 0; i < 1000; i++) {
		snprintf(uid, sizeof(uid), "somebody%04d", i);
		rpc_send(f, uid, "u/bob", text);
	}
	rpc_ok(f, "bob", "session.start", "{\"limit\":500}");
	for (;;) {
		assert_in_range(f->reply.n, 1000, IM_REPLY_MAX);
		found += json_array_size(rpc_at(f->result, "conversations"));
		assert_text(f->result, "conversations.0.last.body", text);
		assert_null(rpc_at(f->result, "conversations.0.last.cut"));
		if (!rpc_num(f->result, "more"))
			break;
		snprintf(params, sizeof(params),
			"{\"brief\":true,\"pinned_first\":true,\"limit\":500,\"next\":\"%s\"}",
			rpc_text(f->result, "next"));
		rpc_ok(f, "bob", "conv.list", params);
		answers++;
	}
	assert_int_equal(found, 1000);
	assert_in_range(answers, 2, 8);
}

static void pinned_ones_come_first_through_all_pages(void **state)
{
	struct rpc_fixture *f = *state;
	char params[128], next[32] = "";
	char names[64] = "";
	json_t *r;

	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "carol", "u/bob", "2");
	rpc_send(f, "bob", "u/bob", "3");
	rpc_send(f, "dave", "u/bob", "4");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"pinned\":true}");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/bob\",\"pinned\":true}");
	convs_assert_order(rpc_ok(f, "bob", "conv.list", "{}"), "u/dave u/bob u/carol u/alice");
	convs_assert_order(rpc_ok(f, "bob", "conv.list", "{\"pinned_first\":true}"),
		"u/bob u/alice u/dave u/carol");
	convs_assert_order(rpc_ok(f, "bob", "session.start", "{}"), "u/bob u/alice u/dave u/carol");
	for (int i = 0; i < 4; i++) {
		snprintf(params, sizeof(params), "{\"pinned_first\":true,\"limit\":1%s%s%s}",
			i ? ",\"next\":\"" : "", next, i ? "\"" : "");
		r = rpc_ok(f, "bob", "conv.list", params);
		assert_num(r, "more", i < 3);
		strcat(strcat(names, rpc_text(r, "conversations.0.conv") + 2), " ");
		if (i < 3)
			snprintf(next, sizeof(next), "%s", rpc_text(r, "next"));
	}
	assert_string_equal(names, "bob alice dave carol ");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.list", "{\"next\":\"p4\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.list",
		"{\"next\":\"p\",\"pinned_first\":true}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.list", "{\"next\":\"0\"}");
}

/* -- sums -- */

static void the_sum_is_that_of_the_items(void **state)
{
	struct rpc_fixture *f = *state;
	int64_t sum = 0;
	json_t *r, *one;
	size_t i;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	for (int n = 0; n < 5; n++) {
		rpc_send(f, "alice", "u/bob", "hi");
		rpc_send(f, "carol", "u/bob", "hi");
		rpc_send(f, "alice", "g/team", "hi");
	}
	rpc_send(f, "bob", "u/carol", "answer");
	rpc_send(f, "carol", "u/bob", "hi");
	rpc_send(f, "dave", "u/bob", "hi");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/dave\",\"seq\":1}");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":2}");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/team\",\"cleared_to\":2}");
	r = rpc_ok(f, "bob", "conv.list", "{\"total\":true}");
	json_array_foreach(json_object_get(r, "conversations"), i, one) sum +=
		rpc_num(one, "unread");
	assert_int_equal(sum, 3 + 1 + 4);
	assert_num(r, "total_unread", sum);
	assert_num(r, "total_mentions", 0);
	/* Of all, whatever the page holds; and only where it was asked for. */
	r = rpc_ok(f, "bob", "conv.list", "{\"limit\":1,\"total\":true}");
	assert_num(r, "total_unread", sum);
	assert_null(rpc_at(rpc_ok(f, "bob", "conv.list", "{}"), "total_unread"));
	assert_num(rpc_ok(f, "bob", "session.start", "{\"limit\":1}"), "total_unread", sum);
	assert_num(rpc_ok(f, "alice", "session.start", "{}"), "total_unread", 0);
}

static void the_sum_is_that_of_the_newest_thousand(void **state)
{
	struct rpc_fixture *f = *state;
	char uid[32];

	add_people(f, IM_TOTAL_CONVS + 1);
	for (int i = 0; i <= IM_TOTAL_CONVS; i++) {
		snprintf(uid, sizeof(uid), "somebody%04d", i);
		rpc_send(f, uid, "u/bob", "hi");
		if (i == 0)
			rpc_send(f, uid, "u/bob", "and more");
	}
	assert_num(
		rpc_ok(f, "bob", "session.start", "{\"limit\":1}"), "total_unread", IM_TOTAL_CONVS);
	rpc_send(f, "somebody0000", "u/bob", "back again");
	assert_num(rpc_ok(f, "bob", "session.start", "{\"limit\":1}"), "total_unread",
		IM_TOTAL_CONVS + 2);
}

/* -- what has changed -- */

/* The cursor from which on changes are asked for. */
static void start(struct rpc_fixture *f, char cursor[32])
{
	snprintf(cursor, 32, "%s", rpc_text(rpc_ok(f, "bob", "session.start", "{}"), "cursor"));
}

/* The names of what has changed for bob, gone ones with a minus. */
static void assert_changed(struct rpc_fixture *f, const char *since, const char *want)
{
	char params[96], have[256] = "";
	json_t *r, *one;
	size_t i;

	snprintf(params, sizeof(params), "{\"brief\":true,\"since\":\"%s\"}", since);
	r = rpc_ok(f, "bob", "conv.list", params);
	assert_null(rpc_at(r, "all"));
	json_array_foreach(json_object_get(r, "conversations"), i, one)
		snprintf(have + strlen(have), sizeof(have) - strlen(have), "%s%s%s", i ? " " : "",
			rpc_at(one, "gone") ? "-" : "", rpc_text(one, "conv"));
	assert_string_equal(have, want);
}

static void a_cursor_gives_what_has_changed_since(void **state)
{
	struct rpc_fixture *f = *state;
	char at[32];

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "carol", "u/bob", "2");
	rpc_send(f, "dave", "u/bob", "3");
	start(f, at);
	assert_changed(f, at, "");
	/* What others do among themselves, and with what is theirs. */
	rpc_send(f, "alice", "u/carol", "x");
	rpc_ok(f, "alice", "conv.update", "{\"conv\":\"u/bob\",\"pinned\":true}");
	rpc_ok(f, "alice", "conv.read", "{\"conv\":\"g/team\",\"seq\":1}");
	assert_changed(f, at, "");
	rpc_send(f, "carol", "u/bob", "new");
	assert_changed(f, at, "u/carol");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/dave\",\"seq\":1}");
	assert_changed(f, at, "u/carol u/dave");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"!\"}");
	assert_changed(f, at, "u/carol u/dave u/alice");
	start(f, at);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/team\",\"notify\":\"none\"}");
	assert_changed(f, at, "g/team");
	/* The same once more is no change. */
	start(f, at);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/team\",\"notify\":\"none\"}");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/dave\",\"seq\":1}");
	assert_changed(f, at, "");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	assert_changed(f, at, "g/team");
}

static void what_is_gone_is_told_once_it_is(void **state)
{
	struct rpc_fixture *f = *state;
	char at[32], later[32], groups[32];
	json_t *r;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"one\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"two\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"three\",\"join\":\"open\",\"members\":[\"bob\"]}");
	start(f, at);
	snprintf(groups, sizeof(groups), "%s", rpc_text(f->result, "groups.cursor"));
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"one\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"two\"}");
	assert_changed(f, at, "-g/two -g/one");
	start(f, later);
	assert_string_not_equal(rpc_text(f->result, "groups.cursor"), groups);
	rpc_ok(f, "bob", "group.leave", "{\"gid\":\"three\"}");
	assert_changed(f, at, "-g/three -g/two -g/one");
	assert_changed(f, later, "-g/three");
	/* A page at a time, as everything else. */
	char params[96];
	snprintf(params, sizeof(params), "{\"limit\":2,\"since\":\"%s\"}", at);
	r = rpc_ok(f, "bob", "conv.list", params);
	assert_json(rpc_at(r, "conversations"),
		"[{\"conv\":\"g/three\",\"gone\":true},{\"conv\":\"g/two\",\"gone\":true}]");
	snprintf(params, sizeof(params), "{\"limit\":2,\"since\":\"%s\",\"next\":\"%s\"}", at,
		rpc_text(r, "next"));
	r = rpc_ok(f, "bob", "conv.list", params);
	assert_json(r, "{\"conversations\":[{\"conv\":\"g/one\",\"gone\":true}],\"more\":false}");
	/* Who is back is not gone. */
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"three\"}");
	assert_changed(f, later, "g/three");
	/* Without a cursor nothing is gone: it is not there. */
	convs_assert_order(rpc_ok(f, "bob", "conv.list", "{}"), "g/three");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.list", "{\"since\":\"x\"}");
}

/* Where nothing was sent yet, a pin or a draft has a place in the list: that of its change. */
static void a_draft_is_listed_before_the_first_message(void **state)
{
	struct rpc_fixture *f = *state;
	char at[32];

	rpc_send(f, "carol", "u/bob", "1");
	start(f, at);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"draft\":\"dear\"}");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/dave\",\"notify\":\"none\"}");
	convs_assert_order(rpc_ok(f, "bob", "conv.list", "{}"), "u/alice u/carol");
	assert_num(f->result, "conversations.0.head", 0);
	assert_text(f->result, "conversations.0.draft", "dear");
	convs_assert_order(rpc_ok(f, "alice", "conv.list", "{}"), "");
	convs_assert_order(rpc_ok(f, "bob", "conv.list", "{\"limit\":1}"), "u/alice");
	assert_num(f->result, "more", 1);
	rpc_send(f, "carol", "u/bob", "2");
	convs_assert_order(rpc_ok(f, "bob", "session.start", "{}"), "u/carol u/alice");
	start(f, at);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"draft\":\"\",\"pinned\":true}");
	assert_changed(f, at, "u/alice");
	convs_assert_order(rpc_ok(f, "bob", "session.start", "{}"), "u/alice u/carol");
	/* And goes with it. */
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"pinned\":false}");
	assert_changed(f, at, "-u/alice");
	convs_assert_order(rpc_ok(f, "bob", "conv.list", "{}"), "u/carol");
	rpc_send(f, "alice", "u/bob", "first");
	assert_changed(f, at, "u/alice");
}

/* A cursor from before the node has noted what changes. */
static void an_old_cursor_is_answered_with_all(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "carol", "u/bob", "2");
	assert_int_equal(directory_meta_set(writer_directory(f->w), "changes_from", 2), IM_OK);
	rpc_commit(f);
	r = rpc_ok(f, "bob", "conv.list", "{\"since\":\"1\",\"limit\":1}");
	assert_true(json_is_true(rpc_at(r, "all")));
	convs_assert_order(r, "u/carol");
	assert_num(r, "more", 1);
	r = rpc_ok(f, "bob", "conv.list", "{\"since\":\"1\"}");
	convs_assert_order(r, "u/carol u/alice");
	assert_changed(f, "2", "");
}

/* -- session.start -- */

static void one_answer_is_all_that_an_app_begins_with(void **state)
{
	struct rpc_fixture *f = *state;
	uint64_t before;

	f->set.max_payload = 4096;
	f->set.user_search = USER_SEARCH_NICK;
	f->set.presence_policy = IM_PRESENCE_CONTACTS;
	rpc_ok(f, "bob", "user.update", "{\"nick\":\"Bob\",\"ext\":{\"lang\":\"en\"}}");
	rpc_ok(f, "carol", "contact.request", "{\"uid\":\"bob\"}");
	rpc_send(f, "alice", "u/bob", "hi");
	before = writer_position(f->w);
	rpc_ok(f, "bob", "session.start", "{}");
	assert_json(rpc_at(f->result, "node"),
		"{\"version\":\"" IM_VERSION "\",\"max_payload\":4096,\"recall_window\":120,"
		"\"dedup_hours\":24,\"presence\":\"contacts\",\"user_search\":\"nick\","
		"\"search\":false}");
	assert_json(rpc_at(f->result, "profile"),
		"{\"uid\":\"bob\",\"nick\":\"Bob\",\"avatar\":\"\",\"rev\":1,\"ext\":{\"lang\":"
		"\"en\"},"
		"\"role\":\"user\",\"direct_policy\":\"default\",\"read_receipts\":true,"
		"\"created\":1000000}");
	assert_num(f->result, "contacts.version", 1);
	assert_num(f->result, "total_unread", 1);
	assert_json(rpc_at(f->result, "conversations"),
		"[{\"conv\":\"u/alice\",\"kind\":\"direct\",\"head\":1,\"unread\":1,"
		"\"last\":{\"seq\":1,\"from\":\"alice\",\"ts\":1000000,\"body\":\"hi\"}}]");
	assert_num(f->result, "more", 0);
	assert_int_equal(strtoull(rpc_text(f->result, "cursor"), NULL, 10), before);
	/* A plugin of the version before does not say what it takes. */
	f->set.max_payload = 0;
	f->set.presence = false;
	rpc_ok(f, "bob", "session.start", "{}");
	assert_null(rpc_at(f->result, "node.max_payload"));
	assert_text(f->result, "node.presence", "off");
	assert_int_equal(writer_position(f->w), before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define TEST_SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_thousand_conversations_come_in_eight_answers),
		TEST_SQLITE(pinned_ones_come_first_through_all_pages),
		TEST(pinned_ones_come_first_through_all_pages),
		TEST_SQLITE(the_sum_is_that_of_the_items),
		TEST(the_sum_is_that_of_the_items),
		TEST(the_sum_is_that_of_the_newest_thousand),
		TEST_SQLITE(a_cursor_gives_what_has_changed_since),
		TEST(a_cursor_gives_what_has_changed_since),
		TEST_SQLITE(what_is_gone_is_told_once_it_is),
		TEST(what_is_gone_is_told_once_it_is),
		TEST_SQLITE(a_draft_is_listed_before_the_first_message),
		TEST(a_draft_is_listed_before_the_first_message),
		TEST(an_old_cursor_is_answered_with_all),
		TEST(one_answer_is_all_that_an_app_begins_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
