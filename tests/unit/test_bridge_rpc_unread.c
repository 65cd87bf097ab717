/* SPDX-License-Identifier: BSD-3-Clause */
/* What the list of conversations says of each: how much is unread, what it shows, where it stands.
 */
#include "tests/unit/rpc_convs.h"

#include <stdio.h>

#include "bridge/rpc/view.h"

static void talk(struct rpc_fixture *f, const char *from, const char *conv, int n)
{
	while (n-- > 0)
		rpc_send(f, from, conv, "hi");
}

/* A member of a conversation in somebody's list. */
static const json_t *listed(
	struct rpc_fixture *f, const char *uid, const char *conv, const char *what)
{
	return rpc_at(convs_listed(f, uid, conv), what);
}

static int64_t unread(struct rpc_fixture *f, const char *uid, const char *conv)
{
	return json_integer_value(listed(f, uid, conv, "unread"));
}

/* "seq type" of what is shown, "" for nothing. */
static const char *last(struct rpc_fixture *f, const char *uid, const char *conv)
{
	static char text[64];
	const json_t *m = listed(f, uid, conv, "last");

	text[0] = '\0';
	if (m != NULL)
		snprintf(text, sizeof(text), "%d %s", (int)rpc_num(m, "seq"), rpc_text(m, "type"));
	return text;
}

static void unread_is_what_came_since_reading_joining_clearing_or_answering(void **state)
{
	struct rpc_fixture *f = *state;

	talk(f, "alice", "u/bob", 5);
	assert_int_equal(unread(f, "bob", "u/alice"), 5);
	assert_int_equal(unread(f, "alice", "u/bob"), 0);
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":2}");
	assert_int_equal(unread(f, "bob", "u/alice"), 3);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"cleared_to\":4}");
	assert_int_equal(unread(f, "bob", "u/alice"), 1);
	rpc_send(f, "bob", "u/alice", "answer");
	talk(f, "alice", "u/bob", 2);
	assert_int_equal(unread(f, "bob", "u/alice"), 2);
	assert_int_equal(unread(f, "alice", "u/bob"), 0);
	/* An answer is no read mark: that one is the reader's own. */
	assert_int_equal(json_integer_value(listed(f, "bob", "u/alice", "read")), 2);
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"join\":\"open\"}");
	talk(f, "alice", "g/team", 3);
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_int_equal(unread(f, "bob", "g/team"), 0);
	rpc_ok(f, "carol", "group.join", "{\"gid\":\"team\"}");
	assert_int_equal(unread(f, "carol", "g/team"), 0);
	assert_int_equal(unread(f, "bob", "g/team"), 0);
	talk(f, "carol", "g/team", 2);
	assert_int_equal(unread(f, "bob", "g/team"), 2);
	assert_int_equal(unread(f, "alice", "g/team"), 2);
	assert_int_equal(unread(f, "carol", "g/team"), 0);
}

static void the_mark_is_the_greatest_of_three(void **state)
{
	(void)state;
	assert_int_equal(view_mark(3, 0, 0), 3);
	assert_int_equal(view_mark(3, 4, 0), 4);
	assert_int_equal(view_mark(3, 4, 5), 5);
	assert_int_equal(view_mark(0, 0, 0), 0);
	assert_int_equal(view_floor(true, 9, 4), 4);
	assert_int_equal(view_floor(false, 9, 4), 9);
	assert_int_equal(view_floor(false, 3, 4), 4);
}

#define ON(method, user, seq, more) \
	rpc_ok(f, user, method, "{\"conv\":\"u/alice\",\"seq\":" #seq more "}")
#define ON_BOB(method, seq, more) \
	rpc_ok(f, "alice", method, "{\"conv\":\"u/bob\",\"seq\":" #seq more "}")

static void operations_leave_what_is_unread_as_it_is(void **state)
{
	struct rpc_fixture *f = *state;

	talk(f, "alice", "u/bob", 3);
	ON("msg.react", "bob", 1, ",\"emoji\":\"+1\"");
	assert_int_equal(unread(f, "bob", "u/alice"), 3);
	assert_int_equal(unread(f, "alice", "u/bob"), 0);
	assert_int_equal(json_integer_value(listed(f, "bob", "u/alice", "read")), 0);
	ON("msg.react", "bob", 1, ",\"emoji\":\"+1\",\"remove\":true");
	ON_BOB("msg.react", 1, ",\"emoji\":\"+1\"");
	ON_BOB("msg.edit", 2, ",\"body\":\"hi!\"");
	assert_int_equal(unread(f, "bob", "u/alice"), 3);
	ON_BOB("msg.recall", 3, "");
	assert_int_equal(unread(f, "bob", "u/alice"), 2);
	ON_BOB("msg.recall", 3, "");
	assert_num(f->result, "changed", 0);
	assert_int_equal(unread(f, "bob", "u/alice"), 2);
	/* Its edits are gone with it, which were never counted. */
	ON_BOB("msg.recall", 2, "");
	assert_int_equal(unread(f, "bob", "u/alice"), 1);
	/* A forward is a message, and so is an answer. */
	rpc_ok(f, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[1],\"to_conv\":\"u/alice\"}");
	assert_num(f->result, "seqs.0", 10);
	assert_int_equal(unread(f, "bob", "u/alice"), 0);
	assert_int_equal(unread(f, "alice", "u/bob"), 1);
	talk(f, "bob", "u/alice", 1);
	talk(f, "alice", "u/bob", 2);
	ON("msg.edit", "bob", 11, ",\"body\":\"changed\"");
	ON("msg.recall", "bob", 11, "");
	assert_int_equal(unread(f, "bob", "u/alice"), 2);
	assert_int_equal(unread(f, "alice", "u/bob"), 0);
}

static void reading_and_marking_are_as_ever(void **state)
{
	struct rpc_fixture *f = *state;

	talk(f, "alice", "u/bob", 2);
	ON_BOB("msg.react", 1, ",\"emoji\":\"+1\"");
	ON("conv.read", "bob", 3, "");
	assert_num(f->result, "seq", 3);
	assert_int_equal(unread(f, "bob", "u/alice"), 0);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"marked_unread\":true}");
	assert_true(json_is_true(listed(f, "bob", "u/alice", "marked_unread")));
	assert_int_equal(unread(f, "bob", "u/alice"), 0);
}

static void what_is_shown_is_the_newest_message_as_it_is(void **state)
{
	struct rpc_fixture *f = *state;

	talk(f, "alice", "u/bob", 2);
	ON("msg.react", "bob", 2, ",\"emoji\":\"+1\"");
	ON_BOB("msg.edit", 2, ",\"body\":\"edited\"");
	assert_string_equal(last(f, "bob", "u/alice"), "2 text");
	assert_string_equal(json_string_value(listed(f, "bob", "u/alice", "last.body")), "edited");
	assert_non_null(listed(f, "bob", "u/alice", "last.reactions"));
	assert_int_equal(json_integer_value(listed(f, "bob", "u/alice", "head")), 4);
	ON_BOB("msg.recall", 2, "");
	assert_string_equal(last(f, "bob", "u/alice"), "2 recalled");
	rpc_send_full(f, "alice", "u/bob", IM_STR("text"), IM_STR("\"ttl\":60"), IM_ENC_TEXT,
		IM_STR("short"));
	ON("msg.react", "bob", 1, ",\"emoji\":\"+1\"");
	assert_string_equal(last(f, "bob", "u/alice"), "6 text");
	f->now_ms += 60000;
	assert_string_equal(last(f, "bob", "u/alice"), "6 expired");
	assert_int_equal(unread(f, "bob", "u/alice"), 2);
	/* What is cleared is not shown, whatever comes to it. */
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"cleared_to\":6}");
	assert_string_equal(last(f, "bob", "u/alice"), "");
	assert_string_equal(last(f, "alice", "u/bob"), "6 expired");
	rpc_send(f, "bob", "u/alice", "new");
	assert_string_equal(last(f, "bob", "u/alice"), "8 text");
}

static void a_late_member_is_shown_nothing_from_before(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"join\":\"open\",\"history\":\"join\"}");
	talk(f, "alice", "g/team", 2);
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"team\"}");
	assert_string_equal(last(f, "bob", "g/team"), "4 system");
	assert_int_equal(unread(f, "bob", "g/team"), 0);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/team\",\"cleared_to\":4}");
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"+1\"}");
	assert_string_equal(last(f, "bob", "g/team"), "");
	assert_string_equal(last(f, "alice", "g/team"), "4 system");
}

static void only_a_message_moves_a_conversation_up(void **state)
{
	struct rpc_fixture *f = *state;

	talk(f, "alice", "u/bob", 1);
	talk(f, "carol", "u/bob", 1);
	talk(f, "dave", "u/bob", 1);
#define LIST(params) rpc_ok(f, "bob", "conv.list", params)
	convs_assert_order(LIST("{}"), "u/dave u/carol u/alice");
	ON("msg.react", "bob", 1, ",\"emoji\":\"+1\"");
	ON_BOB("msg.edit", 1, ",\"body\":\"edited\"");
	convs_assert_order(LIST("{}"), "u/dave u/carol u/alice");
	ON_BOB("msg.recall", 1, "");
	convs_assert_order(LIST("{}"), "u/dave u/carol u/alice");
	rpc_send(f, "bob", "u/carol", "up");
	convs_assert_order(LIST("{}"), "u/carol u/dave u/alice");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	convs_assert_order(LIST("{}"), "g/team u/carol u/dave u/alice");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/dave\",\"cleared_to\":9}");
	convs_assert_order(LIST("{}"), "g/team u/carol u/dave u/alice");
}

/* Through all pages of two; in between somebody reacts in a conversation of each page. */
static void pages_hold_each_conversation_once_whatever_is_piled_up(void **state)
{
	struct rpc_fixture *f = *state;
	char conv[32], params[96], names[256] = "", next[32] = "";

	for (int i = 0; i < 9; i++) {
		snprintf(conv, sizeof(conv), "user%d", i);
		rpc_add_user(f, conv, "");
		rpc_send(f, conv, "u/bob", "hi");
	}
	for (int page = 0; page < 5; page++) {
		json_t *r, *one;
		size_t i;

		for (int user = 0; user < 9; user++) {
			for (int n = 0; n <= (page + user) % 3; n++) {
				snprintf(params, sizeof(params),
					"{\"conv\":\"u/user%d\",\"seq\":1,\"emoji\":\"%d%d\"}",
					user, page, n);
				rpc_ok(f, "bob", "msg.react", params);
			}
		}
		snprintf(params, sizeof(params), "{\"limit\":2%s%s%s}", page ? ",\"next\":\"" : "",
			next, page ? "\"" : "");
		r = LIST(params);
		json_array_foreach(json_object_get(r, "conversations"), i, one)
		{
			strcat(names, rpc_text(one, "conv") + 6);
			assert_num(one, "last.seq", 1);
			assert_num(one, "unread", 1);
		}
		assert_num(r, "more", page < 4);
		if (page < 4)
			snprintf(next, sizeof(next), "%s", rpc_text(r, "next"));
	}
	assert_string_equal(names, "876543210");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(unread_is_what_came_since_reading_joining_clearing_or_answering),
		SQLITE(unread_is_what_came_since_reading_joining_clearing_or_answering),
		cmocka_unit_test(the_mark_is_the_greatest_of_three),
		CASE(operations_leave_what_is_unread_as_it_is),
		SQLITE(operations_leave_what_is_unread_as_it_is),
		CASE(reading_and_marking_are_as_ever),
		CASE(what_is_shown_is_the_newest_message_as_it_is),
		SQLITE(what_is_shown_is_the_newest_message_as_it_is),
		CASE(a_late_member_is_shown_nothing_from_before),
		CASE(only_a_message_moves_a_conversation_up),
		SQLITE(only_a_message_moves_a_conversation_up),
		CASE(pages_hold_each_conversation_once_whatever_is_piled_up),
		SQLITE(pages_hold_each_conversation_once_whatever_is_piled_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
