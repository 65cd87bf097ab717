/* SPDX-License-Identifier: BSD-3-Clause */
/* Recall, edit, reaction, forwarding: what history shows afterwards, what devices are told, and who
 * may. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/message/meta.h"
#include "common/limits.h"

static void assert_body(
	struct rpc_fixture *f, const char *uid, const char *conv, int seq, const char *want)
{
	char params[128];

	snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"around\":%d,\"limit\":1}", conv, seq);
	assert_json(rpc_at(rpc_ok(f, uid, "conv.history", params), "messages.0.body"), want);
	assert_num(f->result, "messages.0.seq", seq);
}

static void a_recalled_message_keeps_its_place_and_loses_its_body(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "oops");
	rpc_send(f, "alice", "u/bob", "next");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	assert_json(f->result, "{\"changed\":true,\"seq\":3}");
	assert_true(rpc_told(f, "message bob,alice"));
	assert_true(rpc_told(f, "\"type\":\"recall\",\"cursor\":\"3\",\"body\":{\"seq\":1}"));
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	assert_json(rpc_at(f->result, "messages.0"),
		"{\"conv\":\"u/alice\",\"seq\":1,\"from\":\"alice\",\"ts\":1000000,"
		"\"type\":\"recalled\",\"recalled_by\":\"alice\",\"cursor\":\"1\",\"body\":null}");
	assert_json(rpc_at(f->result, "messages.2.body"), "{\"seq\":1}");
	rpc_ok(f, "bob", "sync", "{\"cursor\":\"\"}");
	assert_text(f->result, "messages.0.type", "recalled");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	assert_json(f->result, "{\"changed\":false}");
	assert_int_equal(f->told.n, 0);
}

static void recalling_is_for_the_sender_in_time_and_for_admins_always(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	rpc_send(f, "bob", "g/team", "2");
	rpc_send(f, "bob", "g/team", "3");
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "msg.recall", "{\"conv\":\"g/team\",\"seq\":2}");
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "msg.recall", "{\"conv\":\"g/team\",\"seq\":1}");
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "alice", "msg.recall", "{\"conv\":\"g/team\",\"seq\":9}");
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "alice", "msg.recall", "{\"conv\":\"u/dave\",\"seq\":1}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "dave", "msg.recall", "{\"conv\":\"g/team\",\"seq\":2}");
	f->now_ms += 120000;
	rpc_ok(f, "bob", "msg.recall", "{\"conv\":\"g/team\",\"seq\":2}");
	f->now_ms += 1;
	rpc_no(f, IM_E_TOO_LATE, "bob", "msg.recall", "{\"conv\":\"g/team\",\"seq\":3}");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"g/team\",\"seq\":3}");
	assert_body(f, "bob", "g/team", 3, "null");
}

static void an_edit_replaces_the_body_and_keeps_the_old_one(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send_full(f, "alice", "u/bob", IM_STR(""), IM_STR("\"reply_to\":7"), IM_ENC_TEXT,
		IM_STR("frist"));
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"first\"}");
	assert_json(f->result, "{\"changed\":true,\"seq\":2}");
	assert_true(rpc_told(f, "\"type\":\"edit\""));
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"first\"}");
	assert_json(f->result, "{\"changed\":false}");
	f->now_ms += 5;
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":{\"n\":[1]}}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	assert_json(rpc_at(f->result, "messages.0"),
		"{\"conv\":\"u/"
		"alice\",\"seq\":1,\"from\":\"alice\",\"ts\":1000000,\"type\":\"json\","
		"\"reply_to\":7,\"edited\":{\"seq\":3,\"ts\":1000005,\"count\":2},\"cursor\":\"1\","
		"\"body\":{\"n\":[1]}}");
	assert_json(rpc_at(f->result, "messages.1.body"),
		"{\"seq\":1,\"body\":\"first\",\"was\":\"frist\"}");
	assert_json(rpc_at(f->result, "messages.2.body"),
		"{\"seq\":1,\"body\":{\"n\":[1]},\"was\":\"first\",\"prev\":2}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "msg.edit",
		"{\"conv\":\"u/alice\",\"seq\":1,\"body\":\"x\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "msg.edit",
		"{\"conv\":\"u/bob\",\"seq\":2,\"body\":\"x\"}");
	/* A recall takes every version. */
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	for (int seq = 1; seq <= 3; seq++)
		assert_body(f, "bob", "u/alice", seq, "null");
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "msg.edit",
		"{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"x\"}");
	f->now_ms += 200000;
	rpc_send(f, "alice", "u/bob", "late");
	f->now_ms += 120001;
	rpc_no(f, IM_E_TOO_LATE, "alice", "msg.edit",
		"{\"conv\":\"u/bob\",\"seq\":5,\"body\":\"x\"}");
}

static void edits_are_bounded_and_bytes_can_be_edited(void **state)
{
	struct rpc_fixture *f = *state;
	char params[96];

	rpc_send_full(f, "alice", "u/bob", IM_STR(""), IM_STR("\"ttl\":60"), IM_ENC_BYTES,
		IM_STR("\xff\x01"));
	f->now_ms += 10000;
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"0\"}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	assert_json(rpc_at(f->result, "messages.1.body"),
		"{\"seq\":1,\"body\":\"0\",\"was\":\"/wE=\",\"was_enc\":\"base64\"}");
	assert_num(f->result, "messages.1.ttl", 50);
	for (int i = 1; i < 100; i++) {
		snprintf(params, sizeof(params), "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"%d\"}",
			i);
		rpc_ok(f, "alice", "msg.edit", params);
	}
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "msg.edit",
		"{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"x\"}");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	assert_body(f, "bob", "u/alice", 2, "null");
	assert_body(f, "bob", "u/alice", 101, "null");
	/* What has expired is no message any more. */
	rpc_send_full(
		f, "alice", "u/bob", IM_STR(""), IM_STR("\"ttl\":60"), IM_ENC_TEXT, IM_STR("gone"));
	f->now_ms += 60000;
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "alice", "msg.edit",
		"{\"conv\":\"u/bob\",\"seq\":103,\"body\":\"x\"}");
}

static void reactions_are_counted_in_history(void **state)
{
	struct rpc_fixture *f = *state;
	char params[128];

	rpc_send(f, "alice", "u/bob", "hi");
	rpc_ok(f, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"\xf0\x9f\x91\x8d\"}");
	assert_json(f->result, "{\"changed\":true,\"seq\":2}");
	assert_true(rpc_told(f, "\"type\":\"react\""));
	rpc_ok(f, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"\xf0\x9f\x91\x8d\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "alice", "msg.react",
		"{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"\xf0\x9f\x91\x8d\"}");
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"\\\"\"}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	assert_json(rpc_at(f->result, "messages.0.reactions"),
		"{\"\xf0\x9f\x91\x8d\":[\"bob\",\"alice\"],\"\\\"\":[\"alice\"]}");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"hi!\"}");
	rpc_ok(f, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"\xf0\x9f\x91\x8d\",\"remove\":true}");
	rpc_ok(f, "alice", "msg.react",
		"{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"\\\"\",\"remove\":true}");
	rpc_ok(f, "alice", "msg.react",
		"{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"\\\"\",\"remove\":true}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\",\"around\":1,\"limit\":1}");
	assert_json(
		rpc_at(f->result, "messages.0.reactions"), "{\"\xf0\x9f\x91\x8d\":[\"alice\"]}");
	assert_text(f->result, "messages.0.body", "hi!");
	rpc_ok(f, "alice", "msg.react",
		"{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"\xf0\x9f\x91\x8d\",\"remove\":true}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\",\"around\":1,\"limit\":1}");
	assert_null(rpc_at(f->result, "messages.0.reactions"));
	for (int i = 0; i < 20; i++) {
		snprintf(params, sizeof(params), "{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"%d\"}",
			i);
		rpc_ok(f, "alice", "msg.react", params);
	}
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "msg.react",
		"{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"20\"}");
	rpc_ok(f, "bob", "msg.react", "{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"7\"}");
}

static void an_emoji_is_one_reaction_in_all_its_forms(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "hi");
	rpc_ok(f, "bob", "msg.react", "{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"❤️\"}");
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"❤\"}");
	assert_json(rpc_at(f->result, "changed"), "true");
	/* What devices replay names the key that history shows. */
	assert_true(rpc_told(f, "\"emoji\":\"❤️\""));
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"❤\\ufe0e\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\",\"around\":1,\"limit\":1}");
	assert_json(rpc_at(f->result, "messages.0.reactions"), "{\"❤️\":[\"bob\",\"alice\"]}");
	rpc_ok(f, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"❤\",\"remove\":true}");
	assert_true(rpc_told(f, "\"emoji\":\"❤️\",\"remove\":true"));
	/* A kiss with two skins is longer than any single emoji. */
	rpc_ok(f, "bob", "msg.react",
		"{\"conv\":\"u/"
		"alice\",\"seq\":1,\"emoji\":\"👩🏽‍❤️‍💋‍👨🏿\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"👍\\n\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"👍\\u200b\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"\\ufe0f\"}");
}

/* An older version counted the forms apart, and took any text. */
static void reactions_of_an_older_version_go_on(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send_full(f, "alice", "u/bob", IM_STR(""),
		IM_STR("\"reactions\":{\"❤\":[\"bob\"],\"x\\u200b\":[\"bob\"]}"), IM_ENC_TEXT,
		IM_STR("hi"));
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"u/bob\",\"seq\":1,\"emoji\":\"❤️\"}");
	assert_true(rpc_told(f, "\"emoji\":\"❤\"}"));
	rpc_ok(f, "bob", "msg.react",
		"{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"x\\u200b\",\"remove\":true}");
	assert_json(rpc_at(f->result, "changed"), "true");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\",\"around\":1,\"limit\":1}");
	assert_json(rpc_at(f->result, "messages.0.reactions"), "{\"❤\":[\"bob\",\"alice\"]}");
}

/* A tree parser stops at these, and would leave the words of earlier versions in the log. */
static void a_recall_takes_every_version_of_any_body(void **state)
{
	static const char *const bodies[] = {"{\"secret\":123456789012345678901234567890}",
		"{\"secret\":1,\"secret\":2}", "{\"secret\":\"\\u0000\"}", "[\"secret\",1e400]"};
	struct rpc_fixture *f = *state;
	struct im_buf deep;
	char params[96];

	im_buf_init(&deep, 0);
	for (int i = 0; i < IM_JSON_DEPTH_MAX; i++)
		im_buf_c(&deep, '[');
	for (int i = 0; i < IM_JSON_DEPTH_MAX; i++)
		im_buf_c(&deep, ']');
	for (int i = 0; i < 5; i++) {
		struct im_str body = i < 4 ? im_str(bodies[i]) : im_buf_view(&deep);
		uint64_t seq = rpc_send_full(
			f, "alice", "u/bob", IM_STR(""), IM_STR(""), IM_ENC_JSON, body);

		for (int k = 0; k < 3; k++) {
			snprintf(params, sizeof(params),
				"{\"conv\":\"u/bob\",\"seq\":%u,\"body\":\"version %d\"}",
				(unsigned)seq, k);
			rpc_ok(f, "alice", "msg.edit", params);
		}
		snprintf(params, sizeof(params), "{\"conv\":\"u/bob\",\"seq\":%u}", (unsigned)seq);
		rpc_ok(f, "alice", "msg.recall", params);
		for (uint64_t at = seq; at < seq + 4; at++)
			assert_body(f, "bob", "u/alice", (int)at, "null");
	}
	im_buf_free(&deep);
}

static void who_may_not_write_may_not_operate(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "bob", "u/alice", "2");
	rpc_ok(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	rpc_no(f, IM_E_BLOCKED, "alice", "msg.react",
		"{\"conv\":\"u/bob\",\"seq\":2,\"emoji\":\"a\"}");
	rpc_no(f, IM_E_BLOCKED, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":1}");
	rpc_no(f, IM_E_BLOCKED, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	assert_buf(&f->why, "the recipient takes no messages from you");
	rpc_ok(f, "bob", "block.remove", "{\"uid\":\"alice\"}");
	f->set.direct_policy = IM_DIRECT_CONTACTS;
	rpc_no(f, IM_E_CONTACTS_ONLY, "alice", "msg.react",
		"{\"conv\":\"u/bob\",\"seq\":2,\"emoji\":\"a\"}");
	rpc_ok(f, "bob", "user.update", "{\"direct_policy\":\"anyone\"}");
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"u/bob\",\"seq\":2,\"emoji\":\"a\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_send(f, "bob", "g/team", "x");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_MUTED, "bob", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"y\"}");
	im_buf_c(&f->why, '\0');
	assert_non_null(strstr(f->why.p, "owner and admins alone may write until "));
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"a\"}");
}

static void forwarding_copies_what_may_be_seen(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "1");
	rpc_send_full(f, "bob", "u/alice", IM_STR("card"), IM_STR("\"reply_to\":1,\"ttl\":60"),
		IM_ENC_JSON, IM_STR("{\"a\":1.0}"));
	f->now_ms += 20000;
	rpc_ok(f, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[2,1],\"to_conv\":\"u/carol\"}");
	assert_json(f->result, "{\"seqs\":[1,2]}");
	assert_true(rpc_told(f, "message carol,bob"));
	rpc_ok(f, "carol", "conv.history", "{\"conv\":\"u/bob\"}");
	assert_json(rpc_at(f->result, "messages.0"),
		"{\"conv\":\"u/bob\",\"seq\":1,\"from\":\"bob\",\"ts\":1020000,\"type\":\"card\","
		"\"forwarded\":{\"from\":\"bob\",\"ts\":1000000},\"ttl\":40,\"cursor\":\"3\","
		"\"body\":{\"a\":1.0}}");
	assert_text(f->result, "messages.1.forwarded.from", "alice");
	/* All or none. */
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[1,9],\"to_conv\":\"u/carol\"}");
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[0],\"to_conv\":\"u/carol\"}");
	f->now_ms -= 20000;
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[1],\"to_conv\":\"u/carol\"}");
	rpc_ok(f, "carol", "block.add", "{\"uid\":\"bob\"}");
	rpc_no(f, IM_E_BLOCKED, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[2],\"to_conv\":\"u/carol\"}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[2],\"to_conv\":\"g/x\"}");
	rpc_ok(f, "carol", "conv.history", "{\"conv\":\"u/bob\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "messages")), 2);
}

static void a_report_is_kept_with_what_was_said(void **state)
{
	struct rpc_fixture *f = *state;
	const char *report = "{\"conv\":\"u/alice\",\"seq\":1,\"reason\":\"rude\"}";

	rpc_send(f, "alice", "u/bob", "fool");
	rpc_ok(f, "bob", "msg.report", report);
	assert_json(f->result, "{\"changed\":true}");
	assert_int_equal(f->told.n, 0);
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	rpc_ok(f, "bob", "msg.report", report);
	assert_json(f->result, "{\"changed\":false}");
	rpc_admin(f, "{\"command\":\"listReports\"}");
	assert_text(f->result, "0.data.reports.0.body", "fool");
	assert_text(f->result, "0.data.reports.0.reporter", "bob");
	rpc_admin(f, "{\"command\":\"closeReport\",\"id\":1,\"note\":\"warned\"}");
	rpc_admin(f, "{\"command\":\"listReports\"}");
	assert_null(rpc_at(f->result, "0.data.reports.0"));
	rpc_admin(f, "{\"command\":\"listReports\",\"closed\":true}");
	assert_text(f->result, "0.data.reports.0.note", "warned");
	assert_text(f->result, "0.data.reports.0.closed_by", "root");
}

static void meta_is_read_and_changed_member_by_member(void **state)
{
	struct im_buf b;
	struct im_str meta = IM_STR("\"a\":1,\"b\":{\"a\":2},\"c\":\"x,y\"");

	(void)state;
	im_buf_init(&b, 0);
	assert_str(meta_get(meta, "a"), "1");
	assert_str(meta_get(meta, "b"), "{\"a\":2}");
	assert_str(meta_get(meta, "c"), "\"x,y\"");
	assert_null(meta_get(meta, "d").p);
	assert_null(meta_get(IM_STR(""), "a").p);
	assert_null(meta_get(IM_STR("broken"), "a").p);
	meta_put(&b, meta, "b", IM_STR("3"));
	assert_buf(&b, "\"a\":1,\"c\":\"x,y\",\"b\":3");
	im_buf_reset(&b);
	meta_put(&b, meta, "a", IM_STR(""));
	assert_buf(&b, "\"b\":{\"a\":2},\"c\":\"x,y\"");
	im_buf_reset(&b);
	meta_put(&b, IM_STR(""), "a", IM_STR("[]"));
	assert_buf(&b, "\"a\":[]");
	im_buf_free(&b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_recalled_message_keeps_its_place_and_loses_its_body),
		SQLITE(a_recalled_message_keeps_its_place_and_loses_its_body),
		CASE(recalling_is_for_the_sender_in_time_and_for_admins_always),
		CASE(an_edit_replaces_the_body_and_keeps_the_old_one),
		SQLITE(an_edit_replaces_the_body_and_keeps_the_old_one),
		CASE(edits_are_bounded_and_bytes_can_be_edited),
		SQLITE(edits_are_bounded_and_bytes_can_be_edited),
		CASE(reactions_are_counted_in_history),
		SQLITE(reactions_are_counted_in_history),
		CASE(an_emoji_is_one_reaction_in_all_its_forms),
		CASE(reactions_of_an_older_version_go_on),
		CASE(a_recall_takes_every_version_of_any_body),
		CASE(who_may_not_write_may_not_operate),
		CASE(forwarding_copies_what_may_be_seen),
		SQLITE(forwarding_copies_what_may_be_seen),
		CASE(a_report_is_kept_with_what_was_said),
		cmocka_unit_test(meta_is_read_and_changed_member_by_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
