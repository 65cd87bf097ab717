/* SPDX-License-Identifier: BSD-3-Clause */
/* Rooms among a user's conversations: what following one changes, in the list and in sync. */
#include "tests/unit/rpc_convs.h"

#include <stdio.h>

static const struct store_backend *inner;
static unsigned rows; /* that the log has handed out */

struct handing {
	store_msg_fn fn;
	void *arg;
};

static int hand_out(void *arg, const struct store_msg *m)
{
	const struct handing *h = arg;

	rows++;
	return h->fn(h->arg, m);
}

static int read_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg)
{
	struct handing h = {fn, arg};

	return inner->read_conv(r, conv, lo, hi, descending, hand_out, &h);
}

static int read_log(struct store_reader *r, uint64_t lo, uint64_t hi, bool descending,
	store_msg_fn fn, void *arg)
{
	struct handing h = {fn, arg};

	return inner->read_log(r, lo, hi, descending, hand_out, &h);
}

static void make_hall(struct rpc_fixture *f)
{
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"hall\",\"kind\":\"room\",\"join\":\"open\",\"members\":[\"bob\"]}");
}

static void follow(struct rpc_fixture *f, const char *uid, const char *conv, bool on)
{
	char params[128];

	snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"follow\":%s}", conv,
		on ? "true" : "false");
	rpc_ok(f, uid, "conv.update", params);
}

/* "conv seq" of each message of a page, in order. */
static void assert_messages(const json_t *r, const char *want)
{
	char have[512] = "";
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(r, "messages"), i, one)
		snprintf(have + strlen(have), sizeof(have) - strlen(have), "%s%s %d", i ? ", " : "",
			rpc_text(one, "conv"), (int)rpc_num(one, "seq"));
	assert_string_equal(have, want);
}

static void a_room_counts_as_unread_for_who_follows_it(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *item;

	make_hall(f);
	for (int i = 0; i < 3; i++)
		rpc_send(f, "alice", "g/hall", "hear");
	item = convs_listed(f, "bob", "g/hall");
	assert_num(item, "unread", 0);
	assert_num(item, "head", 4);
	assert_num(item, "follow", 0);
	assert_num(item, "last.seq", 4);
	follow(f, "bob", "g/hall", true);
	item = convs_listed(f, "bob", "g/hall");
	assert_num(item, "unread", 3);
	assert_num(item, "follow", 1);
	/* What the reader has read is kept, whether or not he follows. */
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"g/hall\",\"seq\":3}");
	assert_num(convs_listed(f, "bob", "g/hall"), "unread", 1);
	follow(f, "bob", "g/hall", false);
	item = convs_listed(f, "bob", "g/hall");
	assert_num(item, "unread", 0);
	assert_num(item, "read", 3);
	/* His own mark stands. */
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/hall\",\"marked_unread\":true}");
	assert_num(convs_listed(f, "bob", "g/hall"), "marked_unread", 1);
}

/* How many conversations have changed since then, the only one in f->result's list. */
static size_t changed(struct rpc_fixture *f, const char *cursor)
{
	char params[128];

	snprintf(params, sizeof(params), "{\"since\":\"%s\",\"brief\":true}", cursor);
	return json_array_size(rpc_at(rpc_ok(f, "bob", "conv.list", params), "conversations"));
}

static void what_an_app_begins_with_counts_the_rooms_that_are_followed(void **state)
{
	struct rpc_fixture *f = *state;
	char cursor[32];

	make_hall(f);
	rpc_send_full(f, "alice", "g/hall", IM_STR(""), IM_STR("\"mentions\":[\"bob\"]"),
		IM_ENC_TEXT, IM_STR("hear, bob"));
	rpc_ok(f, "bob", "session.start", "{}");
	assert_num(f->result, "total_unread", 0);
	assert_num(f->result, "total_mentions", 0);
	assert_text(f->result, "conversations.0.kind", "room");
	assert_num(f->result, "conversations.0.last.seq", 2);
	assert_null(rpc_at(f->result, "conversations.0.follow"));
	assert_null(rpc_at(f->result, "conversations.0.unread"));
	assert_null(rpc_at(f->result, "conversations.0.mentions"));
	assert_num(
		rpc_ok(f, "bob", "conv.get", "{\"conv\":\"g/hall\"}"), "conversation.mentions", 0);
	assert_false(json_is_true(rpc_at(f->result, "conversation.follow")));
	rpc_ok(f, "bob", "session.start", "{}");
	snprintf(cursor, sizeof(cursor), "%s", rpc_text(f->result, "cursor"));
	assert_int_equal(changed(f, cursor), 0);
	/* That he follows is news for his other devices. */
	follow(f, "bob", "g/hall", true);
	assert_int_equal(changed(f, cursor), 1);
	assert_true(json_is_true(rpc_at(f->result, "conversations.0.follow")));
	assert_num(f->result, "conversations.0.unread", 1);
	assert_num(f->result, "conversations.0.mentions", 1);
	rpc_ok(f, "bob", "session.start", "{}");
	assert_num(f->result, "total_unread", 1);
	assert_num(f->result, "total_mentions", 1);
	snprintf(cursor, sizeof(cursor), "%s", rpc_text(f->result, "cursor"));
	follow(f, "bob", "g/hall", false);
	assert_int_equal(changed(f, cursor), 1);
	assert_null(rpc_at(f->result, "conversations.0.follow"));
	assert_num(rpc_ok(f, "bob", "conv.list", "{\"total\":true}"), "total_unread", 0);
}

static void nobody_follows_a_room_unasked(void **state)
{
	struct rpc_fixture *f = *state;

	make_hall(f);
	rpc_ok(f, "carol", "group.join", "{\"gid\":\"hall\"}");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"hall\",\"members\":[\"dave\"]}");
	rpc_send(f, "bob", "g/hall", "all here?");
	for (size_t i = 0; i < 3; i++) {
		const char *who[] = {"alice", "carol", "dave"};

		assert_num(convs_listed(f, who[i], "g/hall"), "follow", 0);
		assert_num(convs_listed(f, who[i], "g/hall"), "unread", 0);
		assert_messages(rpc_ok(f, who[i], "sync", "{\"cursor\":\"\"}"), "");
	}
	/* It is the user's own, as the rest of what he keeps about a conversation. */
	follow(f, "carol", "g/hall", true);
	rpc_ok(f, "carol", "group.leave", "{\"gid\":\"hall\"}");
	rpc_ok(f, "carol", "group.join", "{\"gid\":\"hall\"}");
	assert_num(convs_listed(f, "carol", "g/hall"), "follow", 1);
	assert_num(convs_listed(f, "dave", "g/hall"), "follow", 0);
}

static void what_is_no_room_has_no_follow(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_send(f, "alice", "u/bob", "hi");
	rpc_send(f, "alice", "g/team", "hi");
	for (size_t i = 0; i < 2; i++) {
		const char *conv[] = {"u/alice", "g/team"};
		char params[64], want[64];

		assert_null(rpc_at(convs_listed(f, "bob", conv[i]), "follow"));
		assert_num(convs_listed(f, "bob", conv[i]), "unread", 1);
		snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"follow\":%s}", conv[i],
			i ? "true" : "false");
		snprintf(want, sizeof(want), "params.follow is for rooms, and %s is none", conv[i]);
		rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.update", params);
		assert_non_null(strstr(f->why.p, want));
		snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"pinned\":true}", conv[i]);
		r = rpc_ok(f, "bob", "conv.update", params);
		assert_null(rpc_at(r, "follow"));
		assert_false(rpc_told(f, "\"follow\""));
	}
	/* Nothing of a request that is refused is done. */
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.update",
		"{\"conv\":\"g/team\",\"pinned\":false,\"follow\":true}");
	assert_num(convs_listed(f, "bob", "g/team"), "pinned", 1);
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.update", "{\"conv\":\"g/team\",\"follow\":1}");
	/* Of a room that one is not in nothing is said. */
	make_hall(f);
	rpc_no(f, IM_E_NOT_MEMBER, "dave", "conv.update", "{\"conv\":\"g/hall\",\"follow\":true}");
}

static void other_devices_are_told(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	make_hall(f);
	r = rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/hall\",\"follow\":true}");
	assert_num(r, "changed", 1);
	assert_num(r, "follow", 1);
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"conv\",\"conv\":\"g/hall\""));
	assert_true(rpc_told(f, "\"follow\":true"));
	r = rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/hall\",\"follow\":true}");
	assert_num(r, "changed", 0);
	assert_false(rpc_told(f, "event"));
	/* What else is set leaves it, and says it. */
	r = rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/hall\",\"pinned\":true}");
	assert_num(r, "follow", 1);
	assert_true(rpc_told(f, "\"follow\":true"));
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"g/hall\",\"seq\":1}");
	follow(f, "bob", "g/hall", false);
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}");
	assert_int_equal(json_array_size(rpc_at(r, "events")), 3); /* invite, read, conv */
	assert_num(r, "events.2.follow", 0);
	assert_num(r, "events.2.pinned", 1);
}

/* What lies behind the cursor, sent before he followed or after. */
static void sync_brings_the_rooms_that_are_followed(void **state)
{
	struct rpc_fixture *f = *state;
	char cursor[64];
	json_t *r;

	make_hall(f);
	rpc_send(f, "alice", "g/hall", "2");
	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "bob", "g/hall", "3");
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}");
	assert_messages(r, "u/alice 1");
	snprintf(cursor, sizeof(cursor), "{\"cursor\":\"%s\"}", rpc_text(r, "cursor"));
	rpc_send(f, "alice", "g/hall", "4");
	follow(f, "bob", "g/hall", true);
	rpc_send(f, "carol", "u/bob", "1");
	rpc_send(f, "alice", "g/hall", "5");
	/* Along the log, and conversation by conversation. */
	assert_messages(rpc_ok(f, "bob", "sync", cursor), "g/hall 4, u/carol 1, g/hall 5");
	assert_messages(rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}"),
		"g/hall 1, g/hall 2, u/alice 1, g/hall 3, g/hall 4, u/carol 1, g/hall 5");
	assert_messages(rpc_ok(f, "alice", "sync", "{\"cursor\":\"\"}"), "u/bob 1");
	follow(f, "bob", "g/hall", false);
	assert_messages(rpc_ok(f, "bob", "sync", cursor), "u/carol 1");
	/* All of it is there for who asks, and to be found by nobody else. */
	r = rpc_ok(f, "bob", "conv.history", "{\"conv\":\"g/hall\",\"after\":0}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 5);
}

static void following_shows_nothing_that_is_hidden(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"hall\",\"kind\":\"room\",\"join\":\"open\",\"history\":\"join\"}");
	rpc_send(f, "alice", "g/hall", "2");
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"hall\"}");
	rpc_send(f, "alice", "g/hall", "4");
	rpc_send(f, "alice", "g/hall", "5");
	follow(f, "bob", "g/hall", true);
	assert_messages(
		rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}"), "g/hall 3, g/hall 4, g/hall 5");
	assert_num(convs_listed(f, "bob", "g/hall"), "unread", 2);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"g/hall\",\"cleared_to\":4}");
	assert_messages(rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}"), "g/hall 5");
	rpc_ok(f, "bob", "group.leave", "{\"gid\":\"hall\"}");
	rpc_send(f, "alice", "g/hall", "7");
	assert_messages(rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}"), "");
}

#define MANY 30000

/* A page costs what it holds, and a few looks for where to begin. */
static void a_room_with_very_many_messages_is_a_page_at_a_time(void **state)
{
	struct rpc_fixture *f = *state;
	struct store_backend counting = *f->backend;
	char params[64];
	json_t *r;

	make_hall(f);
	rpc_send(f, "alice", "u/bob", "before");
	for (int i = 0; i < MANY; i++)
		rpc_send(f, "alice", "g/hall", "x");
	rpc_send(f, "alice", "u/bob", "behind");
	inner = f->backend;
	counting.read_conv = read_conv;
	counting.read_log = read_log;
	f->backend = &counting;
	/* A room that is not followed costs its head. */
	rows = 0;
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"\",\"limit\":50}");
	assert_messages(r, "u/alice 1, u/alice 2");
	assert_in_range(rows, 2, 20);
	follow(f, "bob", "g/hall", true);
	snprintf(params, sizeof(params), "{\"cursor\":\"%d\",\"limit\":50}", 10);
	for (int page = 0; page < 4; page++) {
		rows = 0;
		r = rpc_ok(f, "bob", "sync", params);
		assert_int_equal(json_array_size(rpc_at(r, "messages")), 50);
		assert_num(r, "more", 1);
		assert_in_range(rows, 50, 150);
		snprintf(params, sizeof(params), "{\"cursor\":\"%s\",\"limit\":50}",
			rpc_text(r, "cursor"));
	}
	f->backend = inner;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_room_counts_as_unread_for_who_follows_it),
		CASE(what_an_app_begins_with_counts_the_rooms_that_are_followed),
		SQLITE(what_an_app_begins_with_counts_the_rooms_that_are_followed),
		CASE(nobody_follows_a_room_unasked),
		CASE(what_is_no_room_has_no_follow),
		CASE(other_devices_are_told),
		CASE(sync_brings_the_rooms_that_are_followed),
		SQLITE(sync_brings_the_rooms_that_are_followed),
		CASE(following_shows_nothing_that_is_hidden),
		CASE(a_room_with_very_many_messages_is_a_page_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
