/* SPDX-License-Identifier: BSD-3-Clause */
/* sync and device.ack: everything, once, in order, whatever way the walk takes. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_group.h"

static void bind(struct rpc_fixture *f, const char *uid, const char *device)
{
	assert_int_equal(directory_device_bind(writer_directory(f->w), im_str(device),
				 rpc_uid(f, uid), f->now_ms, 0),
		IM_OK);
	rpc_commit(f);
}

static void a_new_user_has_nothing_and_gets_the_newest_position(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r = rpc_ok(f, "alice", "sync", "{}");

	assert_json(r, "{\"messages\":[],\"events\":[],\"cursor\":\"0\",\"more\":false}");
	rpc_send(f, "bob", "u/carol", "not for alice");
	r = rpc_ok(f, "alice", "sync", "{}");
	assert_json(r, "{\"messages\":[],\"events\":[],\"cursor\":\"1\",\"more\":false}");
}

static void messages_of_all_conversations_come_oldest_first(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "bob", "g/team", "2");
	rpc_send(f, "carol", "u/bob", "3");
	rpc_send(f, "bob", "u/bob", "4");
	rpc_send(f, "carol", "u/alice", "hidden");
	rpc_send(f, "alice", "u/bob", "5");
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 6);
	assert_text(r, "messages.0.type", "system");
	for (int i = 1; i <= 5; i++) {
		char path[64], want[16];
		snprintf(path, sizeof(path), "messages.%d.body", i);
		snprintf(want, sizeof(want), "%d", i);
		assert_text(r, path, want);
	}
	assert_text(r, "messages.1.conv", "u/alice");
	assert_text(r, "messages.2.conv", "g/team");
	assert_text(r, "messages.4.conv", "u/bob");
	assert_text(r, "messages.5.from", "alice");
	assert_num(r, "messages.5.seq", 2);
	assert_num(r, "more", 0);
	assert_text(r, "events.0.event", "group");
	assert_text(r, "events.0.action", "invite");
}

static void pages_join_without_gap_or_repeat(void **state)
{
	struct rpc_fixture *f = *state;
	char cursor[64] = "{\"cursor\":\"\",\"limit\":3}";
	unsigned got = 0, pages = 0;
	json_t *r;

	for (int i = 0; i < 10; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%d", i);
		rpc_send(f, i % 2 ? "alice" : "carol", "u/bob", text);
	}
	do {
		r = rpc_ok(f, "bob", "sync", cursor);
		for (size_t i = 0; i < json_array_size(rpc_at(r, "messages")); i++) {
			char path[64], want[16];
			snprintf(path, sizeof(path), "messages.%zu.body", i);
			snprintf(want, sizeof(want), "%u", got++);
			assert_text(r, path, want);
		}
		pages++;
		snprintf(cursor, sizeof(cursor), "{\"cursor\":\"%s\",\"limit\":3}",
			rpc_text(r, "cursor"));
	} while (rpc_num(r, "more"));
	assert_int_equal(got, 10);
	assert_int_equal(pages, 4);
}

static void a_page_ends_before_the_reply_is_too_large(void **state)
{
	struct rpc_fixture *f = *state;
	char *text = malloc(20001);
	json_t *r;

	memset(text, 'x', 20000);
	text[20000] = '\0';
	for (int i = 0; i < 5; i++)
		rpc_send(f, "alice", "u/bob", text);
	free(text);
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"0\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 3);
	assert_num(r, "more", 1);
	/* One message is always given, even when it is larger than a page. */
	f->set.reply_max = 4096;
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"0\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 1);
	assert_num(r, "more", 1);
	r = rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\",\"after\":2}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 1);
	assert_num(r, "messages.0.seq", 3);
	assert_num(r, "more", 1);
	r = rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\",\"around\":4}");
	assert_num(r, "messages.0.seq", 4);
}

static void joining_shows_what_the_group_allows(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"old\",\"join\":\"open\",\"history\":\"all\"}");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"new\",\"join\":\"open\",\"history\":\"join\"}");
	rpc_send(f, "alice", "g/old", "before");
	rpc_send(f, "alice", "g/new", "before");
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"old\"}");
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"new\"}");
	rpc_send(f, "alice", "g/new", "after");
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"0\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 5);
	assert_text(r, "messages.0.conv", "g/old");
	assert_text(r, "messages.1.body", "before");
	assert_text(r, "messages.2.body.action", "join");
	assert_text(r, "messages.3.conv", "g/new");
	assert_text(r, "messages.3.body.action", "join");
	assert_text(r, "messages.4.body", "after");
	rpc_ok(f, "bob", "group.leave", "{\"gid\":\"old\"}");
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"0\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 2);
}

static void what_was_cleared_stays_away(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "alice", "u/bob", "2");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"cleared_to\":1}");
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"0\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 1);
	assert_text(r, "messages.0.body", "2");
	r = rpc_ok(f, "alice", "sync", "{\"cursor\":\"0\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 2);
}

static void what_was_cleared_stays_away_from_the_tail_of_the_log_too(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_send(f, "carol", "u/bob", "1");
	rpc_send(f, "dave", "u/bob", "2");
	rpc_send(f, "alice", "u/bob", "3");
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"cleared_to\":1}");
	/* Two positions are new, three conversations are there: the log's tail is read. */
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"2\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 0);
	r = rpc_ok(f, "alice", "sync", "{\"cursor\":\"2\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 1);
}

static void events_and_messages_share_one_order(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;
	char next[64];

	rpc_send(f, "alice", "u/bob", "1");
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":1}");
	rpc_send(f, "bob", "u/alice", "2");
	r = rpc_ok(f, "alice", "sync", "{\"cursor\":\"0\",\"limit\":2}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 1);
	assert_int_equal(json_array_size(rpc_at(r, "events")), 1);
	assert_text(r, "events.0.event", "read");
	assert_text(r, "events.0.by", "bob");
	assert_text(r, "cursor", rpc_text(r, "events.0.cursor"));
	snprintf(next, sizeof(next), "{\"cursor\":\"%s\"}", rpc_text(r, "cursor"));
	r = rpc_ok(f, "alice", "sync", next);
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 1);
	assert_text(r, "messages.0.body", "2");
	assert_int_equal(json_array_size(rpc_at(r, "events")), 0);
}

static void nothing_beyond_what_both_databases_have_enters_a_cursor(void **state)
{
	struct rpc_fixture *f = *state;
	struct message m = {.kind = IM_CONV_USER,
		.a = 1,
		.b = 2,
		.sender = 1,
		.from = IM_STR("alice"),
		.peer = IM_STR("bob"),
		.ts_ms = 1,
		.body = IM_STR("half")};
	struct store_msg half = {.sender = 1, .ts_ms = 1, .body = IM_STR("half")};
	json_t *r;

	rpc_send(f, "alice", "u/bob", "whole");
	/* The log is written, the directory not yet: the writer does not know of it here. */
	assert_int_equal(f->backend->begin(f->store), IM_OK);
	assert_int_equal(f->backend->conv(f->store, m.kind, m.a, m.b, false, &half.conv), IM_OK);
	half.gid = writer_position(f->w) + 2;
	half.seq = 2;
	assert_int_equal(f->backend->append(f->store, &half), IM_OK);
	assert_int_equal(f->backend->commit(f->store, NULL), IM_OK);
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"0\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 1);
	assert_text(r, "cursor", "1");
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"1\"}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 0);
}

static void a_device_goes_on_where_it_acked(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	bind(f, "bob", "phone");
	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "alice", "u/bob", "2");
	r = rpc_ok(f, "bob", "device.ack", "{\"cursor\":\"1\"}");
	assert_json(r, "{\"cursor\":\"1\",\"changed\":true}");
	r = rpc_ok(f, "bob", "sync", "{}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 1);
	assert_text(r, "messages.0.body", "2");
	r = rpc_ok_on(f, "bob", "tablet", "sync", "{}");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 2);
	rpc_ok(f, "bob", "device.ack", "{\"cursor\":\"2\"}");
	assert_json(rpc_ok(f, "bob", "device.ack", "{\"cursor\":\"1\"}"),
		"{\"cursor\":\"2\",\"changed\":false}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "device.ack", "{\"cursor\":\"3\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "device.ack", "{\"cursor\":\"x\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "sync", "{\"cursor\":\"-1\"}");
	/* Somebody else's device. */
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "device.ack", "{\"cursor\":\"1\"}");
}

static void a_cursor_from_beyond_the_log_starts_over_at_its_end(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	rpc_send(f, "alice", "u/bob", "1");
	r = rpc_ok(f, "bob", "sync", "{\"cursor\":\"900\"}");
	assert_text(r, "cursor", "1");
	assert_int_equal(json_array_size(rpc_at(r, "messages")), 0);
}

/* The walk by conversations and the walk along the log's tail, against a plain model: random
 * senders, groups, joins and leaves, from every position. */
static void both_walks_agree_with_a_plain_scan(void **state)
{
	struct rpc_fixture *f = *state;
	const char *users[] = {"alice", "bob", "carol", "dave"};
	const char *convs[] = {"u/alice", "u/bob", "u/carol", "u/dave", "g/a", "g/b"};
	struct prng r = {7};
	char params[64], body[16], expect[2048], have[2048];
	struct {
		uint64_t gid;
		char body[16];
		bool bob;
	} log[300];
	size_t n = 0;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"a\",\"members\":[\"bob\",\"carol\",\"dave\"]}");
	rpc_ok(f, "carol", "group.create", "{\"gid\":\"b\",\"members\":[\"alice\",\"dave\"]}");
	for (int i = 0; i < 300; i++) {
		const char *from = users[prng_below(&r, 4)], *conv = convs[prng_below(&r, 6)];
		if (strcmp(conv, "g/b") == 0 && strcmp(from, "bob") == 0)
			continue;
		snprintf(body, sizeof(body), "%d,", i);
		rpc_send(f, from, conv, body);
		log[n].gid = writer_position(f->w);
		strcpy(log[n].body, body);
		log[n++].bob = strcmp(from, "bob") == 0 || strcmp(conv, "u/bob") == 0 ||
			       strcmp(conv, "g/a") == 0;
	}
	for (size_t from = 4; from < n; from += 3) {
		*expect = *have = '\0';
		for (size_t i = from; i < n && strlen(expect) < 400; i++)
			if (log[i].bob)
				strcat(expect, log[i].body);
		snprintf(params, sizeof(params), "{\"cursor\":\"%llu\",\"limit\":500}",
			(unsigned long long)log[from - 1].gid);
		json_t *page = rpc_ok(f, "bob", "sync", params);
		for (size_t i = 0; i < json_array_size(rpc_at(page, "messages")); i++) {
			snprintf(params, sizeof(params), "messages.%zu.body", i);
			if (strlen(have) < strlen(expect))
				strcat(have, rpc_text(page, params));
		}
		assert_string_equal(have, expect);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_user_has_nothing_and_gets_the_newest_position),
		CASE(messages_of_all_conversations_come_oldest_first),
		SQLITE(messages_of_all_conversations_come_oldest_first),
		CASE(pages_join_without_gap_or_repeat),
		CASE(a_page_ends_before_the_reply_is_too_large),
		CASE(joining_shows_what_the_group_allows),
		CASE(what_was_cleared_stays_away),
		CASE(what_was_cleared_stays_away_from_the_tail_of_the_log_too),
		CASE(events_and_messages_share_one_order),
		SQLITE(events_and_messages_share_one_order),
		CASE(nothing_beyond_what_both_databases_have_enters_a_cursor),
		CASE(a_device_goes_on_where_it_acked),
		CASE(a_cursor_from_beyond_the_log_starts_over_at_its_end),
		CASE(both_walks_agree_with_a_plain_scan),
		SQLITE(both_walks_agree_with_a_plain_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
