/* SPDX-License-Identifier: BSD-3-Clause */
/* History, the list of conversations, read marks, receipts and settings. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"

static void talk(struct rpc_fixture *f, const char *from, const char *conv, int n)
{
	char text[16];

	for (int i = 1; i <= n; i++) {
		snprintf(text, sizeof(text), "%d", i);
		rpc_send(f, from, conv, text);
	}
}

/* The seqs of a page as text: "3 4 5 more" */
static void assert_page(const json_t *r, const char *want)
{
	char have[512] = "", path[64];
	size_t n = json_array_size(rpc_at(r, "messages"));

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "messages.%zu.seq", i);
		sprintf(have + strlen(have), "%s%d", i ? " " : "", (int)rpc_num(r, path));
	}
	if (rpc_num(r, "more"))
		strcat(have, n ? " more" : "more");
	assert_string_equal(have, want);
}

static void history_goes_both_ways_and_is_always_ascending(void **state)
{
	struct rpc_fixture *f = *state;

	talk(f, "alice", "u/bob", 9);
#define HISTORY(params) rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\"" params "}")
	assert_page(HISTORY(""), "1 2 3 4 5 6 7 8 9");
	assert_page(HISTORY(",\"limit\":3"), "7 8 9 more");
	assert_page(HISTORY(",\"before\":7,\"limit\":3"), "4 5 6 more");
	assert_page(HISTORY(",\"before\":4,\"limit\":3"), "1 2 3");
	assert_page(HISTORY(",\"before\":1"), "");
	assert_page(HISTORY(",\"before\":1000,\"limit\":2"), "8 9 more");
	assert_page(HISTORY(",\"after\":0,\"limit\":2"), "1 2 more");
	assert_page(HISTORY(",\"after\":7"), "8 9");
	assert_page(HISTORY(",\"after\":9"), "");
	assert_page(HISTORY(",\"after\":5000"), "");
	assert_page(HISTORY(",\"around\":5,\"limit\":5"), "3 4 5 6 7 more");
	assert_page(HISTORY(",\"around\":5,\"limit\":4"), "3 4 5 6 more");
	assert_page(HISTORY(",\"around\":5,\"limit\":1"), "5 more");
	assert_page(HISTORY(",\"around\":1,\"limit\":4"), "1 2 3 4 more");
	assert_page(HISTORY(",\"around\":9,\"limit\":4"), "6 7 8 9 more");
	assert_page(HISTORY(",\"around\":700,\"limit\":4"), "6 7 8 9 more");
	assert_page(HISTORY(",\"around\":5"), "1 2 3 4 5 6 7 8 9");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.history",
		"{\"conv\":\"u/alice\",\"before\":3,\"after\":1}");
}

static void a_message_is_shown_as_it_was_delivered(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send_full(f, "alice", "u/bob", IM_STR("card"), IM_STR("\"reply_to\":7,\"ttl\":60"),
		IM_ENC_JSON, IM_STR("{\"z\":1.0,\"a\":1e3}"));
	assert_json(HISTORY(""),
		"{\"messages\":[{\"conv\":\"u/alice\",\"seq\":1,\"from\":\"alice\",\"ts\":1000000,"
		"\"type\":\"card\",\"reply_to\":7,\"ttl\":60,\"cursor\":\"1\","
		"\"body\":{\"z\":1.0,\"a\":1e3}}],\"more\":false}");
	f->now_ms += 60000;
	assert_json(HISTORY(""),
		"{\"messages\":[{\"conv\":\"u/alice\",\"seq\":1,\"from\":\"alice\",\"ts\":1000000,"
		"\"type\":\"expired\",\"cursor\":\"1\",\"body\":null}],\"more\":false}");
}

static void a_conversation_is_named_right_or_refused(void **state)
{
	struct rpc_fixture *f = *state;

	assert_json(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/carol\"}"),
		"{\"messages\":[],\"more\":false}");
	rpc_no(f, IM_E_UNKNOWN_USER, "bob", "conv.history", "{\"conv\":\"u/nobody\"}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "bob", "conv.history", "{\"conv\":\"g/nothing\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "bob", "conv.history", "{\"conv\":\"g/team\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.history", "{\"conv\":\"x/team\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.history", "{\"conv\":\"u/a b\"}");
	talk(f, "alice", "u/bob", 1);
	assert_page(rpc_ok(f, "carol", "conv.history", "{\"conv\":\"u/bob\"}"), "");
}

static void history_of_a_group_begins_where_it_may(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"join\":\"open\",\"history\":\"join\"}");
	talk(f, "alice", "g/team", 3);
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"team\"}");
	assert_page(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"g/team\"}"), "5");
	assert_page(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"g/team\",\"after\":0}"), "5");
	assert_page(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"g/team\",\"around\":2}"), "5");
	assert_page(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"g/team\",\"before\":4}"), "");
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"history\":\"all\"}");
	assert_page(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"g/team\"}"), "1 2 3 4 5 6");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/team\",\"cleared_to\":4}");
	assert_page(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"g/team\"}"), "5 6");
}

static void the_list_is_ordered_by_the_newest_message(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_ok(f, "carol", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	talk(f, "alice", "u/bob", 2);
	talk(f, "dave", "u/bob", 1);
	r = rpc_ok(f, "bob", "conv.list", "{}");
	assert_json(rpc_at(r, "conversations.0"),
		"{\"conv\":\"u/dave\",\"kind\":\"direct\",\"name\":\"\",\"avatar\":\"\","
		"\"rev\":0,\"presence\":\"offline\",\"head\":1,\"read\":0,\"pinned\":false,"
		"\"muted\":false,"
		"\"notify\":\"all\",\"marked_unread\":false,\"cleared_to\":0,\"unread\":1,"
		"\"mentions\":0,\"last\":{\"conv\":\"u/dave\",\"seq\":1,\"from\":\"dave\","
		"\"from_name\":\"\",\"ts\":1000000,"
		"\"type\":\"text\",\"cursor\":\"5\",\"body\":\"1\"}}");
	assert_text(r, "conversations.1.conv", "u/alice");
	assert_text(r, "conversations.2.conv", "g/team");
	assert_text(r, "conversations.2.last.type", "system");
	assert_int_equal(json_array_size(rpc_at(r, "conversations")), 3);
	r = rpc_ok(f, "bob", "conv.list", "{\"limit\":2}");
	assert_num(r, "more", 1);
	char next[64];
	snprintf(next, sizeof(next), "{\"next\":\"%s\"}", rpc_text(r, "next"));
	r = rpc_ok(f, "bob", "conv.list", next);
	assert_text(r, "conversations.0.conv", "g/team");
	assert_int_equal(json_array_size(rpc_at(r, "conversations")), 1);
	assert_num(r, "more", 0);
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.list", "{\"next\":\"x\"}");
	rpc_ok(f, "bob", "group.leave", "{\"gid\":\"team\"}");
	assert_int_equal(
		json_array_size(rpc_at(rpc_ok(f, "bob", "conv.list", "{}"), "conversations")), 2);
}

static void reading_is_monotone_clamped_and_told(void **state)
{
	struct rpc_fixture *f = *state;

	talk(f, "alice", "u/bob", 4);
	assert_json(rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":900}"),
		"{\"seq\":4,\"changed\":true}");
	assert_true(
		rpc_told(f, "inbox bob event {\"event\":\"read\",\"conv\":\"u/alice\",\"seq\":4,"
			    "\"by\":\"bob\",\"cursor\":\"5\"}"));
	assert_true(
		rpc_told(f, "inbox alice event {\"event\":\"read\",\"conv\":\"u/bob\",\"seq\":4,"
			    "\"by\":\"bob\",\"cursor\":\"6\"}"));
	assert_json(rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":2}"),
		"{\"seq\":4,\"changed\":false}");
	assert_int_equal(f->told.n, 0);
	assert_json(rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/carol\",\"seq\":2}"),
		"{\"seq\":0,\"changed\":false}");
	/* A group's other members are not told. */
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"g/team\",\"seq\":1}");
	assert_true(rpc_told(f, "inbox bob event"));
	assert_false(rpc_told(f, "inbox alice"));
	/* Who has receipts off tells its own devices only. */
	rpc_ok(f, "bob", "user.update", "{\"read_receipts\":false}");
	talk(f, "alice", "u/bob", 1);
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":5}");
	assert_true(rpc_told(f, "inbox bob event"));
	assert_false(rpc_told(f, "inbox alice"));
}

static void settings_are_kept_and_told_to_the_users_devices(void **state)
{
	struct rpc_fixture *f = *state;

	talk(f, "alice", "u/bob", 4);
	assert_json(rpc_ok(f, "bob", "conv.update",
			    "{\"conv\":\"u/alice\",\"pinned\":true,\"notify\":\"mentions\","
			    "\"draft\":\"hel\",\"cleared_to\":99}"),
		"{\"changed\":true,\"conv\":\"u/alice\",\"pinned\":true,\"muted\":true,"
		"\"notify\":\"mentions\",\"marked_unread\":false,\"cleared_to\":4,\"draft\":"
		"\"hel\"}");
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"conv\",\"conv\":\"u/alice\","
				"\"pinned\":true"));
	assert_false(rpc_told(f, "inbox alice"));
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"pinned\":true,\"muted\":true}");
	assert_num(f->result, "changed", 0);
	assert_text(f->result, "notify", "mentions");
	assert_text(f->result, "draft", "hel");
	rpc_ok(f, "bob", "conv.update",
		"{\"conv\":\"u/alice\",\"muted\":false,\"marked_unread\":true,\"cleared_to\":1}");
	assert_text(f->result, "notify", "all");
	assert_num(f->result, "cleared_to", 4);
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":0}");
	assert_num(f->result, "changed", 1);
	json_t *r = rpc_ok(f, "bob", "conv.list", "{}");
	assert_num(r, "conversations.0.marked_unread", 0);
	assert_text(r, "conversations.0.draft", "hel");
	assert_null(rpc_at(r, "conversations.0.last"));
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.update",
		"{\"conv\":\"u/alice\",\"notify\":\"loud\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.update",
		"{\"conv\":\"u/alice\",\"notify\":\"all\",\"muted\":true}");
}

static uint64_t conv_of(struct rpc_fixture *f, uint64_t a, uint64_t b)
{
	uint64_t conv = 0;
	int rc = f->backend->find_conv(f->log, IM_CONV_USER, a, b, &conv);

	assert_true(rc == IM_OK || rc == IM_E_NONE);
	return conv;
}

static void pins_and_drafts_come_before_the_first_message(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory_conv_user mine;

	/* What is as it was begins nothing. */
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/carol\",\"pinned\":false,\"draft\":\"\"}");
	assert_num(f->result, "changed", 0);
	assert_int_equal(conv_of(f, 2, 3), 0);
	assert_json(rpc_ok(f, "bob", "conv.update",
			    "{\"conv\":\"u/carol\",\"pinned\":true,\"draft\":\"dear\"}"),
		"{\"changed\":true,\"conv\":\"u/carol\",\"pinned\":true,\"muted\":false,"
		"\"notify\":\"all\",\"marked_unread\":false,\"cleared_to\":0,\"draft\":\"dear\"}");
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"conv\",\"conv\":\"u/carol\","));
	assert_false(rpc_told(f, "carol {"));
	assert_int_equal(conv_of(f, 2, 3), 1);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/carol\",\"muted\":true}");
	assert_num(f->result, "pinned", 1);
	assert_text(f->result, "draft", "dear");
	assert_int_equal(conv_of(f, 2, 3), 1);
	/* Carol sees nothing of it, and may have her own. */
	assert_json(rpc_at(rpc_ok(f, "carol", "conv.list", "{}"), "conversations"), "[]");
	rpc_ok(f, "carol", "conv.update", "{\"conv\":\"u/bob\",\"notify\":\"none\"}");
	assert_text(f->result, "draft", "");
	/* Whatever is about messages finds none. */
	assert_json(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/carol\"}"),
		"{\"messages\":[],\"more\":false}");
	assert_json(rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/carol\",\"around\":3}"),
		"{\"messages\":[],\"more\":false}");
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "bob", "conv.receipts", "{\"conv\":\"u/carol\",\"seq\":1}");
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "bob", "msg.recall", "{\"conv\":\"u/carol\",\"seq\":1}");
	assert_json(rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/carol\",\"seq\":7}"),
		"{\"seq\":0,\"changed\":false}");
	assert_int_equal(
		json_array_size(rpc_at(rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}"), "messages")),
		0);
	assert_text(f->result, "events.0.draft", "dear");
	/* The first message is the first one, and all of it is still there. */
	assert_int_equal(rpc_send(f, "carol", "u/bob", "hi"), 1);
	rpc_ok(f, "bob", "conv.list", "{}");
	assert_num(f->result, "conversations.0.head", 1);
	assert_num(f->result, "conversations.0.unread", 1);
	assert_num(f->result, "conversations.0.pinned", 1);
	assert_text(f->result, "conversations.0.draft", "dear");
	assert_int_equal(directory_conv_get(f->reader_dir, 2, 1, &mine), IM_OK);
	assert_int_equal(mine.notify, 2);
	/* Notes to oneself as well. */
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/bob\",\"pinned\":true}");
	assert_int_equal(rpc_send(f, "bob", "u/bob", "note"), 1);
}

static void without_a_message_nothing_is_unread_or_cleared(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "conv.update",
		"{\"conv\":\"u/carol\",\"pinned\":true,\"marked_unread\":true}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "conv.update",
		"{\"conv\":\"u/carol\",\"cleared_to\":1}");
	rpc_no(f, IM_E_UNKNOWN_USER, "bob", "conv.update",
		"{\"conv\":\"u/nobody\",\"pinned\":true}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"carol\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "conv.update", "{\"conv\":\"u/carol\",\"pinned\":true}");
	assert_int_equal(conv_of(f, 2, 3), 0);
	rpc_ok(f, "bob", "conv.update",
		"{\"conv\":\"u/dave\",\"pinned\":true,\"marked_unread\":false,\"cleared_to\":0}");
	assert_num(f->result, "changed", 1);
	/* What is kept already can be taken back. */
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"dave\"}");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/dave\",\"pinned\":false}");
	assert_num(f->result, "changed", 1);
}

/* Each leaves something for good, so a day has so many. */
static void so_many_conversations_a_day_have_settings_alone(void **state)
{
	struct rpc_fixture *f = *state;
	char params[96], uid[16];

	for (int i = 0; i <= IM_CONVS_AHEAD_PER_DAY; i++) {
		snprintf(uid, sizeof(uid), "peer%d", i);
		rpc_add_user(f, uid, "");
		snprintf(params, sizeof(params), "{\"conv\":\"u/%s\",\"draft\":\"x\"}", uid);
		if (i < IM_CONVS_AHEAD_PER_DAY)
			rpc_ok(f, "bob", "conv.update", params);
	}
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "conv.update", params);
	assert_int_equal(conv_of(f, 2, rpc_uid(f, uid)), 0);
	/* Those that there are go on, and so does everybody else. */
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/peer0\",\"draft\":\"\"}");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/peer0\",\"draft\":\"y\"}");
	rpc_ok(f, "alice", "conv.update", params);
	/* Begun by another, it is kept by bob all the same. */
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "conv.update",
		"{\"conv\":\"u/alice\",\"pinned\":true}");
	rpc_ok(f, "alice", "conv.update", "{\"conv\":\"u/bob\",\"pinned\":true}");
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "conv.update",
		"{\"conv\":\"u/alice\",\"pinned\":true}");
	rpc_send(f, "bob", "u/alice", "hi");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"pinned\":true}");
	f->now_ms += 26 * 3600 * 1000;
	rpc_ok(f, "bob", "conv.update", params);
}

static void bind(struct rpc_fixture *f, const char *uid, const char *device)
{
	assert_int_equal(directory_device_bind(writer_directory(f->w), im_str(device),
				 rpc_uid(f, uid), f->now_ms, 0),
		IM_OK);
	rpc_commit(f);
}

static void receipts_come_from_cursors_and_read_marks(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"],\"join\":\"open\"}");
	rpc_send(f, "alice", "g/team", "hi");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"team\"}");
	bind(f, "bob", "phone");
	char ack[64];
	snprintf(ack, sizeof(ack), "{\"cursor\":\"%llu\"}",
		(unsigned long long)writer_position(f->w));
	rpc_ok(f, "bob", "device.ack", ack);
	rpc_ok(f, "carol", "conv.read", "{\"conv\":\"g/team\",\"seq\":2}");
	assert_json(rpc_ok(f, "alice", "conv.receipts", "{\"conv\":\"g/team\",\"seq\":2}"),
		"{\"seq\":2,\"receipts\":[{\"uid\":\"bob\",\"delivered\":true,\"read\":false},"
		"{\"uid\":\"carol\",\"delivered\":true,\"read\":true}],\"more\":false}");
	rpc_ok(f, "alice", "conv.receipts", "{\"conv\":\"g/team\",\"seq\":2,\"limit\":2}");
	assert_num(f->result, "more", 1);
	assert_text(f->result, "next", "bob");
	rpc_ok(f, "alice", "conv.receipts",
		"{\"conv\":\"g/team\",\"seq\":2,\"limit\":2,\"next\":\"bob\"}");
	assert_text(f->result, "receipts.0.uid", "carol");
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "alice", "conv.receipts",
		"{\"conv\":\"g/team\",\"seq\":9}");
	rpc_send(f, "alice", "u/bob", "hi");
	assert_json(rpc_ok(f, "alice", "conv.receipts", "{\"conv\":\"u/bob\",\"seq\":1}"),
		"{\"seq\":1,\"receipts\":[{\"uid\":\"bob\",\"delivered\":false,\"read\":false}],"
		"\"more\":false}");
	rpc_ok(f, "bob", "user.update", "{\"read_receipts\":false}");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":1}");
	rpc_ok(f, "alice", "conv.receipts", "{\"conv\":\"u/bob\",\"seq\":1}");
	assert_num(f->result, "receipts.0.delivered", 0);
	assert_num(f->result, "receipts.0.read", 0);
	rpc_ok(f, "bob", "user.update", "{\"read_receipts\":true}");
	rpc_ok(f, "alice", "conv.receipts", "{\"conv\":\"u/bob\",\"seq\":1}");
	assert_num(f->result, "receipts.0.delivered", 1);
	assert_num(f->result, "receipts.0.read", 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(history_goes_both_ways_and_is_always_ascending),
		SQLITE(history_goes_both_ways_and_is_always_ascending),
		CASE(a_message_is_shown_as_it_was_delivered),
		SQLITE(a_message_is_shown_as_it_was_delivered),
		CASE(a_conversation_is_named_right_or_refused),
		CASE(history_of_a_group_begins_where_it_may),
		CASE(the_list_is_ordered_by_the_newest_message),
		SQLITE(the_list_is_ordered_by_the_newest_message),
		CASE(reading_is_monotone_clamped_and_told),
		CASE(settings_are_kept_and_told_to_the_users_devices),
		CASE(pins_and_drafts_come_before_the_first_message),
		SQLITE(pins_and_drafts_come_before_the_first_message),
		CASE(without_a_message_nothing_is_unread_or_cleared),
		CASE(so_many_conversations_a_day_have_settings_alone),
		CASE(receipts_come_from_cursors_and_read_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
