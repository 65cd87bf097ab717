/* SPDX-License-Identifier: BSD-3-Clause */
/* A message looks the same wherever it is shown: delivered, in history, by sync, in the list of
 * conversations, among hits and in an export; and what is gone is gone in all of them. */
#include "tests/unit/rpc_fixture.h"

#include <string.h>

#include "bridge/admin/export.h"
#include "bridge/message/seen.h"

/* The message that the last call delivered to the group. */
static json_t *delivered(struct rpc_fixture *f)
{
	static const char mark[] = " g/team ";
	const char *at = memmem(f->told.p, f->told.n, mark, sizeof(mark) - 1), *end;
	struct im_buf whole;
	json_t *m;

	assert_non_null(at);
	at += sizeof(mark) - 1;
	end = memchr(at, '\n', f->told.n - (size_t)(at - f->told.p));
	im_buf_init(&whole, 0);
	im_buf_z(&whole, "{\"conv\":\"g/team\"");
	im_buf_put(&whole, at, (size_t)(end - at));
	m = json_loadb(whole.p, whole.n, 0, NULL);
	assert_non_null(m);
	im_buf_free(&whole);
	return m;
}

static void is(const json_t *have, const json_t *want, const char *where)
{
	char *a, *b;

	if (json_equal(have, want))
		return;
	a = json_dumps(have, JSON_COMPACT | JSON_ENCODE_ANY);
	b = json_dumps(want, JSON_COMPACT | JSON_ENCODE_ANY);
	fail_msg("%s\nhave: %s\nwant: %s", where, a ? a : "nothing", b);
}

static const json_t *last_of(const json_t *array)
{
	return json_array_get(array, json_array_size(array) - 1);
}

/* In everything that carol, who is a member, can ask for. listed: it is shown in the list. */
static void is_everywhere(struct rpc_fixture *f, const json_t *want, bool listed)
{
	json_t *items;

	rpc_ok(f, "carol", "conv.history", "{\"conv\":\"g/team\",\"limit\":1}");
	is(last_of(rpc_at(f->result, "messages")), want, "history");
	rpc_ok(f, "carol", "sync", "{\"cursor\":\"\",\"limit\":200}");
	is(last_of(rpc_at(f->result, "messages")), want, "sync");
	rpc_ok(f, "carol", "conv.list", "{}");
	if (listed) {
		json_t *last = json_object_get(
			json_array_get(json_object_get(f->result, "conversations"), 0), "last");

		assert_text(last, "from_name", "");
		json_object_del(last, "from_name");
		is(last, want, "list");
	}
	assert_int_equal(
		rpc_read(f, &export_method, "{\"username\":\"carol\",\"next\":\"messages\"}"),
		IM_OK);
	items = json_loads(rpc_text(f->result, "items"), 0, NULL);
	is(last_of(items), want, "export");
	json_decref(items);
}

/* Just sent: as it was delivered. */
static void is_as_delivered(struct rpc_fixture *f, bool listed)
{
	json_t *m = delivered(f);

	is_everywhere(f, m, listed);
	json_decref(m);
}

static void send(struct rpc_fixture *f, const char *meta, enum im_enc enc, const char *body)
{
	rpc_send_full(f, "alice", "g/team", IM_STR(""), im_str(meta), enc, im_str(body));
	is_as_delivered(f, true);
}

static void a_message_looks_the_same_everywhere(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	is_as_delivered(f, true);
	send(f, "", IM_ENC_TEXT, "hello");
	send(f, "\"reply_to\":2,\"ext\":{\"a\":1}", IM_ENC_JSON, "{\"b\":[1.0]}");
	send(f, "\"content_type\":\"image/png\"", IM_ENC_BYTES, "\xff\xd8");
	send(f, "\"ttl\":60", IM_ENC_TEXT, "for a minute");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"hullo\"}");
	is_as_delivered(f, false);
	rpc_ok(f, "bob", "msg.react", "{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"+1\"}");
	is_as_delivered(f, false);
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"g/team\",\"seq\":2}");
	is_as_delivered(f, false);
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	is_as_delivered(f, true);
}

static void what_was_recalled_or_has_expired_is_gone_everywhere(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *want;

	rpc_open_search(f);
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	send(f, "\"ttl\":60", IM_ENC_TEXT, "secret");
	rpc_index(f);
	rpc_ok(f, "carol", "search", "{\"q\":\"secret\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "hits")), 1);
	f->now_ms += 60000;
	want = json_pack("{s:s,s:i,s:s,s:I,s:s,s:s,s:n}", "conv", "g/team", "seq", 2, "from",
		"alice", "ts", (json_int_t)(f->now_ms - 60000), "type", SEEN_EXPIRED, "cursor", "3",
		"body");
	is_everywhere(f, want, true);
	json_decref(want);
	rpc_ok(f, "carol", "search", "{\"q\":\"secret\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "hits")), 0);
	send(f, "", IM_ENC_TEXT, "secret");
	rpc_index(f);
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"g/team\",\"seq\":3}");
	/* The index does not know it yet. */
	rpc_ok(f, "carol", "search", "{\"q\":\"secret\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "hits")), 0);
	rpc_ok(f, "carol", "conv.list", "{}");
	assert_text(f->result, "conversations.0.last.type", SEEN_RECALLED);
	assert_text(f->result, "conversations.0.last.recalled_by", "alice");
	assert_true(json_is_null(rpc_at(f->result, "conversations.0.last.body")));
}

/* Told live and shown later, by one rule: who sees the edited message sees what it was, unless the
 * group hides what was before its members. */
static void what_a_text_was_is_told_by_one_rule(void **state)
{
	struct rpc_fixture *f = *state;

	assert_int_equal(seen_was_after(true, 0), 0);
	assert_int_equal(seen_was_after(true, 7), 7);
	assert_int_equal(seen_was_after(false, 7), UINT64_MAX);
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"],\"history\":\"join\"}");
	send(f, "", IM_ENC_TEXT, "hello");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"hullo\"}");
	assert_false(rpc_told(f, "\"was\""));
	is_as_delivered(f, false);
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"history\":\"all\"}");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"hi\"}");
	assert_true(rpc_told(f, "\"was\":\"hullo\""));
	is_as_delivered(f, false);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_message_looks_the_same_everywhere),
		CASE(what_was_recalled_or_has_expired_is_gone_everywhere),
		CASE(what_a_text_was_is_told_by_one_rule),
	};

	return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
