/* SPDX-License-Identifier: BSD-3-Clause */
/* Pinned messages: who may, what everybody is told, what is listed, and what the log brings back.
 */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_pin.h"
#include "bridge/write/pin_change.h"
#include "bridge/write/project.h"
#include "common/limits.h"

static json_t *pin(struct rpc_fixture *f, const char *uid, const char *conv, int seq)
{
	char params[100];

	snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"seq\":%d}", conv, seq);
	return rpc_ok(f, uid, "msg.pin", params);
}

static json_t *unpin(struct rpc_fixture *f, const char *uid, const char *conv, int seq)
{
	char params[100];

	snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"seq\":%d,\"remove\":true}", conv, seq);
	return rpc_ok(f, uid, "msg.pin", params);
}

/* "2 by alice, 1 by bob more" */
static const char *pins_of(
	struct rpc_fixture *f, const char *uid, const char *conv, const char *more)
{
	static char have[512];
	char params[200];
	json_t *r, *one;
	size_t i;

	snprintf(params, sizeof(params), "{\"conv\":\"%s\"%s}", conv, more);
	r = rpc_ok(f, uid, "conv.pins", params);
	have[0] = '\0';
	json_array_foreach(json_object_get(r, "pins"), i, one)
	{
		assert_int_equal(rpc_num(one, "seq"), rpc_num(one, "message.seq"));
		sprintf(have + strlen(have), "%s%d by %s", i ? ", " : "", (int)rpc_num(one, "seq"),
			rpc_text(one, "by"));
	}
	if (rpc_num(r, "more"))
		strcat(have, " more");
	return have;
}

static void both_pin_in_a_direct_conversation_and_are_told(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "the door code is 7");
	rpc_send(f, "alice", "u/bob", "lunch?");
	assert_json(pin(f, "bob", "u/alice", 1), "{\"changed\":true,\"seq\":3}");
	assert_true(rpc_told(f,
		"\"seq\":3,\"from\":\"bob\",\"ts\":1000000,\"type\":\"system\",\"cursor\":\"3\","
		"\"body\":{\"action\":\"pin\",\"by\":\"bob\",\"seq\":1}}"));
	assert_json(pin(f, "alice", "u/bob", 1), "{\"changed\":false}");
	assert_json(pin(f, "alice", "u/bob", 2), "{\"changed\":true,\"seq\":4}");
	assert_string_equal(pins_of(f, "bob", "u/alice", ""), "2 by alice, 1 by bob");
	assert_string_equal(pins_of(f, "alice", "u/bob", ",\"limit\":1"), "2 by alice more");
	assert_string_equal(
		pins_of(f, "alice", "u/bob", ",\"limit\":1,\"next\":\"4\""), "1 by bob");
	rpc_ok(f, "bob", "conv.pins", "{\"conv\":\"u/alice\",\"next\":\"4\"}");
	assert_json(f->result,
		"{\"pins\":[{\"seq\":1,\"by\":\"bob\",\"ts\":1000000,\"message\":{\"conv\":"
		"\"u/alice\",\"seq\":1,\"from\":\"alice\",\"ts\":1000000,\"type\":\"text\","
		"\"cursor\":\"1\",\"body\":\"the door code is 7\"}}],\"more\":false}");
	assert_json(unpin(f, "alice", "u/bob", 1), "{\"changed\":true,\"seq\":5}");
	assert_true(rpc_told(f, "\"body\":{\"action\":\"unpin\",\"by\":\"alice\",\"seq\":1}}"));
	assert_json(unpin(f, "bob", "u/alice", 1), "{\"changed\":false}");
	assert_string_equal(pins_of(f, "bob", "u/alice", ""), "2 by alice");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "conv.pins",
		"{\"conv\":\"u/alice\",\"next\":\"four\"}");
	assert_string_equal(pins_of(f, "bob", "u/carol", ""), "");
	/* It is news of the conversation, and nothing to be read. */
	rpc_ok(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":2}");
	rpc_ok(f, "bob", "conv.list", "{}");
	assert_num(f->result, "conversations.0.unread", 0);
	assert_num(f->result, "conversations.0.last.seq", 5);
}

static void in_a_group_those_who_run_it_pin(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	rpc_send(f, "carol", "g/team", "the door code is 7"); /* 3 */
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "msg.pin", "{\"conv\":\"g/team\",\"seq\":3}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "dave", "msg.pin", "{\"conv\":\"g/team\",\"seq\":3}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "dave", "conv.pins", "{\"conv\":\"g/team\"}");
	assert_json(pin(f, "bob", "g/team", 3), "{\"changed\":true,\"seq\":4}");
	assert_true(rpc_told(f, "carol"));
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "msg.pin",
		"{\"conv\":\"g/team\",\"seq\":3,\"remove\":true}");
	assert_string_equal(pins_of(f, "carol", "g/team", ""), "3 by bob");
	/* System messages and operations are not pinned, nor what there is not. */
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "msg.pin", "{\"conv\":\"g/team\",\"seq\":4}");
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "alice", "msg.pin", "{\"conv\":\"g/team\",\"seq\":40}");
	assert_json(unpin(f, "alice", "g/team", 40), "{\"changed\":false}");
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "bob", "msg.pin", "{\"conv\":\"g/team\",\"seq\":3}");
}

static void who_is_blocked_pins_nothing(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "lunch?");
	rpc_ok(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	rpc_no(f, IM_E_BLOCKED, "alice", "msg.pin", "{\"conv\":\"u/bob\",\"seq\":1}");
	rpc_no(f, IM_E_BLOCKED, "alice", "msg.pin",
		"{\"conv\":\"u/bob\",\"seq\":1,\"remove\":true}");
}

static void what_is_gone_is_not_listed(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "one");
	rpc_send_full(
		f, "alice", "u/bob", IM_STR(""), IM_STR("\"ttl\":60"), IM_ENC_TEXT, IM_STR("two"));
	rpc_send(f, "alice", "u/bob", "three");
	for (int seq = 1; seq <= 3; seq++)
		pin(f, "alice", "u/bob", seq);
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	assert_string_equal(pins_of(f, "bob", "u/alice", ""), "3 by alice, 2 by alice");
	f->now_ms += 60000;
	assert_string_equal(pins_of(f, "bob", "u/alice", ""), "3 by alice");
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "msg.pin", "{\"conv\":\"u/bob\",\"seq\":1}");
	/* It can still be taken back, by who sees its place. */
	assert_num(unpin(f, "alice", "u/bob", 1), "changed", 1);
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"cleared_to\":3}");
	assert_string_equal(pins_of(f, "bob", "u/alice", ""), "");
	assert_num(unpin(f, "bob", "u/alice", 3), "changed", 0);
	assert_string_equal(pins_of(f, "alice", "u/bob", ""), "3 by alice");
}

static void a_new_member_sees_no_pins_of_before(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"members\":[\"bob\"],\"history\":\"join\"}");
	rpc_send(f, "alice", "g/team", "old"); /* 2 */
	pin(f, "alice", "g/team", 2);
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	rpc_send(f, "alice", "g/team", "new"); /* 5 */
	pin(f, "alice", "g/team", 5);
	assert_string_equal(pins_of(f, "bob", "g/team", ""), "5 by alice, 2 by alice");
	assert_string_equal(pins_of(f, "carol", "g/team", ""), "5 by alice");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"carol\",\"role\":\"admin\"}");
	assert_num(unpin(f, "carol", "g/team", 2), "changed", 0);
	rpc_no(f, IM_E_UNKNOWN_MESSAGE, "carol", "msg.pin", "{\"conv\":\"g/team\",\"seq\":2}");
}

static void so_many_are_pinned_and_what_is_gone_makes_room(void **state)
{
	struct rpc_fixture *f = *state;
	uint64_t n;

	for (int i = 0; i <= IM_PINS_MAX; i++)
		rpc_send(f, "alice", "u/bob", "x");
	for (int seq = 1; seq <= IM_PINS_MAX; seq++)
		pin(f, "alice", "u/bob", seq);
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "msg.pin", "{\"conv\":\"u/bob\",\"seq\":101}");
	assert_non_null(strstr(f->why.p, "as many pinned messages as it may, 100"));
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":7}");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":8}");
	assert_num(pin(f, "alice", "u/bob", 101), "changed", 1);
	assert_int_equal(directory_pin_count(f->dir, 1, &n), IM_OK);
	assert_int_equal(n, IM_PINS_MAX - 1);
}

/* The log alone says what is pinned, in direct conversations too. */
static void the_log_brings_pins_back(void **state)
{
	struct rpc_fixture *f = *state;
	struct project_report report;

	rpc_send(f, "alice", "u/bob", "one");
	rpc_send(f, "alice", "u/bob", "two");
	pin(f, "bob", "u/alice", 1);
	pin(f, "alice", "u/bob", 2);
	unpin(f, "alice", "u/bob", 1);
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_send(f, "bob", "g/team", "three");
	pin(f, "alice", "g/team", 2);
	rpc_admin(f, "{\"command\":\"sendSystemMessage\",\"conv\":\"u/bob\",\"body\":"
		     "{\"action\":\"pin\",\"seq\":1}}");
	assert_int_equal(directory_begin(f->dir), IM_OK);
	for (uint64_t conv = 1; conv <= 3; conv++)
		for (uint64_t seq = 1; seq <= 3; seq++)
			assert_int_equal(directory_pin_remove(f->dir, conv, seq), IM_OK);
	assert_int_equal(directory_meta_set(f->dir, "applied_gid", 0), IM_OK);
	assert_int_equal(directory_commit(f->dir), IM_OK);
	assert_string_equal(pins_of(f, "bob", "u/alice", ""), "");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(project_run(f->backend, f->log, f->dir, &report), IM_OK);
		assert_string_equal(pins_of(f, "bob", "u/alice", ""), "2 by alice");
		assert_string_equal(pins_of(f, "bob", "g/team", ""), "2 by alice");
		assert_string_equal(pins_of(f, "bob", "u/root", ""), "");
		assert_int_equal(directory_begin(f->dir), IM_OK);
		assert_int_equal(directory_meta_set(f->dir, "applied_gid", 0), IM_OK);
		assert_int_equal(directory_commit(f->dir), IM_OK);
	}
}

static void what_is_no_change_of_pins_is_none(void **state)
{
	struct rpc_fixture *f = *state;
	const struct pin_place at = {.conv = 1, .gid = 1, .sender = 1};
	static const char *const none[] = {"", "[]", "{}", "{\"action\":\"pin\"}",
		"{\"action\":\"pin\",\"seq\":0}", "{\"action\":\"pin\",\"seq\":\"1\"}",
		"{\"action\":7,\"seq\":1}", "{\"action\":\"notice\",\"seq\":1}"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(pin_apply(f->dir, &at, im_str(none[i])), IM_E_FORMAT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_pin_in_a_direct_conversation_and_are_told),
		CASE(in_a_group_those_who_run_it_pin),
		CASE(who_is_blocked_pins_nothing),
		CASE(what_is_gone_is_not_listed),
		CASE(a_new_member_sees_no_pins_of_before),
		CASE(so_many_are_pinned_and_what_is_gone_makes_room),
		CASE(the_log_brings_pins_back),
		CASE(what_is_no_change_of_pins_is_none),
	};

	return cmocka_run_group_tests_name("bridge rpc pin", tests, NULL, NULL);
}
