/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups: who may do what, what is told to whom, and that repeats change nothing. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

static void make_team(struct rpc_fixture *f, const char *more)
{
	char params[256];

	snprintf(params, sizeof(params), "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]%s}",
		more);
	rpc_ok(f, "alice", "group.create", params);
}

/* "alice:owner bob:member" */
static void assert_members(struct rpc_fixture *f, const char *as, const char *want)
{
	json_t *r = rpc_ok(f, as, "group.members", "{\"gid\":\"team\"}");
	char have[512] = "", path[64];

	for (size_t i = 0; i < json_array_size(rpc_at(r, "members")); i++) {
		snprintf(path, sizeof(path), "members.%zu.uid", i);
		sprintf(have + strlen(have), "%s%s:", i ? " " : "", rpc_text(r, path));
		snprintf(path, sizeof(path), "members.%zu.role", i);
		strcat(have, rpc_text(r, path));
	}
	assert_string_equal(have, want);
}

static void assert_last(struct rpc_fixture *f, const char *as, const char *body)
{
	json_t *r = rpc_ok(f, as, "conv.history", "{\"conv\":\"g/team\",\"limit\":1}");

	assert_text(r, "messages.0.type", "system");
	assert_json(rpc_at(r, "messages.0.body"), body);
}

static void creation_is_the_first_message(void **state)
{
	struct rpc_fixture *f = *state;
	json_t *r;

	make_team(f, ",\"name\":\"The team\",\"join\":\"open\"");
	assert_num(f->result, "changed", 1);
	assert_num(f->result, "seq", 1);
	assert_json(rpc_at(f->result, "group"),
		"{\"gid\":\"team\",\"kind\":\"group\",\"name\":\"The team\",\"avatar\":\"\","
		"\"join\":\"open\",\"members\":3,\"announcement\":\"\",\"history\":\"all\","
		"\"member_limit\":1000,\"muted_until\":0,\"slow_ms\":0,\"retention_days\":0,"
		"\"created\":1000000,\"role\":\"owner\"}");
	assert_true(rpc_told(f, "message alice,bob,carol g/team"));
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"group\",\"conv\":\"g/team\","
				"\"action\":\"invite\",\"by\":\"alice\""));
	assert_false(rpc_told(f, "inbox alice"));
	assert_true(rpc_told(f, "forget_group team"));
	assert_members(f, "bob", "alice:owner bob:member carol:member");
	r = rpc_ok(f, "carol", "conv.history", "{\"conv\":\"g/team\"}");
	assert_json(rpc_at(r, "messages.0.body"),
		"{\"action\":\"create\",\"by\":\"alice\",\"gid\":\"team\",\"kind\":\"group\","
		"\"name\":\"The team\",\"avatar\":\"\",\"announcement\":\"\",\"join\":\"open\","
		"\"history\":\"all\",\"member_limit\":1000,\"members\":["
		"{\"uid\":\"alice\",\"role\":\"owner\"},"
		"{\"uid\":\"bob\",\"role\":\"member\"},"
		"{\"uid\":\"carol\",\"role\":\"member\"}]}");
	assert_text(r, "messages.0.from", "alice");
}

static void creating_again_finds_the_same_group_or_a_conflict(void **state)
{
	struct rpc_fixture *f = *state;
	const char *gid;

	make_team(f, "");
	make_team(f, "");
	assert_num(f->result, "changed", 0);
	assert_text(f->result, "group.gid", "team");
	rpc_no(f, IM_E_CONFLICT, "bob", "group.create", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_CONFLICT, "alice", "group.create", "{\"gid\":\"team\",\"kind\":\"room\"}");
	rpc_no(f, IM_E_CONFLICT, "alice", "group.create",
		"{\"gid\":\"team\",\"members\":[\"dave\"]}");
	assert_members(f, "bob", "alice:owner bob:member carol:member");
	rpc_ok(f, "alice", "group.create", "{}");
	gid = rpc_text(f->result, "group.gid");
	assert_int_equal(strlen(gid), 13);
	char first[32];
	strcpy(first, gid);
	rpc_ok(f, "alice", "group.create", "{}");
	assert_string_not_equal(first, rpc_text(f->result, "group.gid"));
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "group.create", "{\"gid\":\"a/b\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "group.create", "{\"join\":\"ask\"}");
	rpc_no(f, IM_E_UNKNOWN_USER, "alice", "group.create", "{\"members\":[\"nobody\"]}");
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "group.create", "{\"member_limit\":1001}");
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "group.create",
		"{\"member_limit\":2,\"members\":[\"bob\",\"carol\"]}");
	f->set.groups_per_user_max = 3;
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "group.create", "{}");
}

static void inviting_is_for_those_in_charge_and_once_is_enough(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.invite",
		"{\"gid\":\"team\",\"members\":[\"dave\"]}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "dave", "group.invite",
		"{\"gid\":\"team\",\"members\":[\"dave\"]}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "dave", "group.invite",
		"{\"gid\":\"nothing\",\"members\":[\"dave\"]}");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"dave\",\"bob\"]}");
	assert_json(f->result, "{\"changed\":true}");
	assert_true(rpc_told(f, "message alice,bob,carol,dave g/team"));
	assert_true(rpc_told(f, "inbox dave event"));
	assert_false(rpc_told(f, "inbox bob event"));
	assert_true(rpc_told(f, "forget_member dave team"));
	assert_last(f, "dave",
		"{\"action\":\"invite\",\"by\":\"alice\",\"members\":[{\"uid\":\"dave\","
		"\"role\":\"member\"}]}");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"dave\"]}");
	assert_json(f->result, "{\"changed\":false}");
	assert_int_equal(f->told.n, 0);
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"join\":\"open\"}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"dave\"]}");
	rpc_ok(f, "bob", "group.invite", "{\"gid\":\"team\",\"members\":[\"dave\"]}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"dave\"]}");
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"member_limit\":3}");
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "group.invite",
		"{\"gid\":\"team\",\"members\":[\"dave\"]}");
	rpc_no(f, IM_E_LIMIT_REACHED, "dave", "group.join", "{\"gid\":\"team\"}");
}

static void joining_follows_the_groups_policy(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "dave", "group.join", "{\"gid\":\"team\"}");
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"join\":\"approval\"}");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"team\",\"note\":\"it's me\"}");
	assert_json(f->result, "{\"changed\":false,\"pending\":true}");
	assert_true(rpc_told(f, "inbox alice event {\"event\":\"group\",\"conv\":\"g/team\","
				"\"action\":\"request\",\"by\":\"dave\",\"note\":\"it's me\""));
	assert_true(rpc_told(f, "inbox bob event"));
	assert_false(rpc_told(f, "inbox carol event"));
	rpc_ok(f, "bob", "group.invite", "{\"gid\":\"team\",\"members\":[\"dave\"]}");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"team\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "dave", "group.leave", "{\"gid\":\"team\"}");
	assert_json(f->result, "{\"changed\":true}");
	assert_true(rpc_told(f, "message alice,bob,carol g/team"));
	assert_true(rpc_told(f, "inbox dave event"));
	assert_true(rpc_told(f, "forget_member dave team"));
	rpc_ok(f, "dave", "group.leave", "{\"gid\":\"team\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"join\":\"open\"}");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"team\"}");
	assert_num(f->result, "changed", 1);
	assert_true(rpc_told(f, "message alice,bob,carol,dave g/team"));
	assert_false(rpc_told(f, "inbox"));
}

static void kicking_and_banning_keep_to_rank(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, ",\"join\":\"open\"");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "group.kick",
		"{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.kick",
		"{\"gid\":\"team\",\"members\":[\"carol\",\"alice\"]}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "group.kick",
		"{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_members(f, "bob", "alice:owner bob:admin carol:member");
	rpc_ok(f, "bob", "group.kick", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	assert_json(f->result, "{\"changed\":true}");
	assert_true(rpc_told(f, "message alice,bob g/team"));
	assert_true(rpc_told(f, "inbox carol event {\"event\":\"group\",\"conv\":\"g/team\","
				"\"action\":\"kick\",\"by\":\"bob\""));
	assert_true(rpc_told(f, "forget_member carol team"));
	rpc_ok(f, "bob", "group.kick", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "carol", "group.join", "{\"gid\":\"team\"}");
	rpc_ok(f, "bob", "group.kick", "{\"gid\":\"team\",\"members\":[\"carol\"],\"ban\":true}");
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "group.join", "{\"gid\":\"team\"}");
	rpc_ok(f, "bob", "group.kick",
		"{\"gid\":\"team\",\"members\":[\"dave\",\"carol\"],\"ban\":true}");
	assert_last(f, "bob",
		"{\"action\":\"kick\",\"by\":\"bob\",\"ban\":true,\"members\":[{\"uid\":\"dave\""
		"}]}");
	rpc_no(f, IM_E_NOT_ALLOWED, "dave", "group.join", "{\"gid\":\"team\"}");
	rpc_ok(f, "bob", "group.invite", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	rpc_ok(f, "carol", "group.leave", "{\"gid\":\"team\"}");
	rpc_ok(f, "carol", "group.join", "{\"gid\":\"team\"}");
}

static void roles_and_ownership_are_the_owners(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.role",
		"{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	assert_json(f->result, "{\"changed\":true}");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.role",
		"{\"gid\":\"team\",\"uid\":\"carol\",\"role\":\"admin\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "group.role",
		"{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"owner\"}");
	rpc_no(f, IM_E_NOT_MEMBER, "alice", "group.role",
		"{\"gid\":\"team\",\"uid\":\"dave\",\"role\":\"admin\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "group.leave", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.transfer",
		"{\"gid\":\"team\",\"uid\":\"carol\"}");
	/* Nobody is given a group who neither runs it nor knows the giver. */
	rpc_no(f, IM_E_CONTACTS_ONLY, "alice", "group.transfer",
		"{\"gid\":\"team\",\"uid\":\"carol\"}");
	rpc_ok(f, "carol", "contact.request", "{\"uid\":\"alice\"}");
	rpc_ok(f, "alice", "contact.accept", "{\"uid\":\"carol\"}");
	rpc_ok(f, "carol", "block.add", "{\"uid\":\"alice\"}");
	rpc_no(f, IM_E_BLOCKED, "alice", "group.transfer", "{\"gid\":\"team\",\"uid\":\"carol\"}");
	rpc_ok(f, "carol", "block.remove", "{\"uid\":\"alice\"}");
	rpc_ok(f, "alice", "group.transfer", "{\"gid\":\"team\",\"uid\":\"carol\"}");
	assert_json(f->result, "{\"changed\":true}");
	rpc_ok(f, "alice", "group.transfer", "{\"gid\":\"team\",\"uid\":\"carol\"}");
	assert_json(f->result, "{\"changed\":false}");
	assert_members(f, "bob", "alice:admin bob:admin carol:owner");
	rpc_ok(f, "alice", "group.leave", "{\"gid\":\"team\"}");
	assert_members(f, "bob", "bob:admin carol:owner");
}

static void muting_has_an_end_or_none(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":60}");
	assert_last(f, "bob",
		"{\"action\":\"mute\",\"by\":\"alice\",\"until\":1060000,\"members\":["
		"{\"uid\":\"bob\"}]}");
	f->now_ms += 10;
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":60}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "bob", "group.get", "{\"gid\":\"team\"}");
	assert_num(f->result, "group.you_muted_until", 1060000);
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":0}");
	rpc_ok(f, "bob", "group.get", "{\"gid\":\"team\"}");
	assert_null(rpc_at(f->result, "group.you_muted_until"));
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\"}");
	assert_true(rpc_told(f, "forget_group team"));
	rpc_ok(f, "bob", "group.get", "{\"gid\":\"team\"}");
	assert_num(f->result, "group.muted_until", 253402300799000);
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.mute", "{\"gid\":\"team\"}");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.mute", "{\"gid\":\"team\",\"uid\":\"alice\"}");
}

static void updating_says_only_what_changes(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.update", "{\"gid\":\"team\",\"name\":\"B\"}");
	rpc_ok(f, "alice", "group.update",
		"{\"gid\":\"team\",\"name\":\"A\",\"avatar\":\"\",\"slow_ms\":500}");
	assert_json(f->result, "{\"changed\":true}");
	assert_last(f, "bob",
		"{\"action\":\"update\",\"by\":\"alice\",\"name\":\"A\",\"slow_ms\":500}");
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"name\":\"A\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"join\":\"approval\"}");
	rpc_ok(f, "dave", "group.get", "{\"gid\":\"team\"}");
	assert_json(f->result,
		"{\"group\":{\"gid\":\"team\",\"kind\":\"group\",\"name\":\"A\",\"avatar\":\"\","
		"\"join\":\"approval\",\"members\":3}}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "dave", "group.get", "{\"gid\":\"x\"}");
	rpc_no(f, IM_E_NOT_MEMBER, "dave", "group.members", "{\"gid\":\"team\"}");
}

static void a_dismissed_group_is_gone_and_its_name_too(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.dismiss", "{\"gid\":\"team\"}");
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"team\"}");
	assert_true(rpc_told(f, "message alice,bob,carol g/team"));
	assert_true(rpc_told(f, "inbox carol event {\"event\":\"group\",\"conv\":\"g/team\","
				"\"action\":\"dismiss\""));
	assert_true(rpc_told(f, "forget_group team"));
	assert_json(
		rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"team\"}"), "{\"changed\":false}");
	assert_int_equal(f->told.n, 0);
	rpc_no(f, IM_E_UNKNOWN_GROUP, "bob", "group.dismiss", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "bob", "conv.history", "{\"conv\":\"g/team\"}");
	assert_int_equal(
		json_array_size(rpc_at(rpc_ok(f, "bob", "conv.list", "{}"), "conversations")), 0);
	/* Devices that were away would take another one's seqs for repeats of this one's. */
	rpc_no(f, IM_E_CONFLICT, "dave", "group.create", "{\"gid\":\"team\"}");
	/* The last one out. */
	rpc_ok(f, "dave", "group.create", "{\"gid\":\"crew\"}");
	rpc_ok(f, "dave", "group.leave", "{\"gid\":\"crew\"}");
	assert_json(f->result, "{\"changed\":true}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "dave", "group.get", "{\"gid\":\"crew\"}");
}

static void a_rooms_messages_go_to_its_topic(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, ",\"kind\":\"room\",\"join\":\"open\"");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"team\"}");
	assert_true(rpc_told(f, "topic room/team {\"conv\":\"g/team\",\"seq\":2"));
	assert_false(rpc_told(f, "message"));
}

static void members_are_listed_in_pages(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	rpc_ok(f, "bob", "user.update", "{\"nick\":\"Bobby\",\"avatar\":\"b.png\"}");
	rpc_ok(f, "alice", "group.members", "{\"gid\":\"team\",\"limit\":2}");
	assert_json(f->result,
		"{\"members\":[{\"uid\":\"alice\",\"nick\":\"\",\"avatar\":\"\",\"rev\":0,"
		"\"role\":\"owner\",\"joined\":1000000},{\"uid\":\"bob\",\"nick\":\"Bobby\","
		"\"avatar\":\"b.png\",\"rev\":1,\"role\":\"member\","
		"\"joined\":1000000}],\"more\":true,\"next\":\"bob\"}");
	rpc_ok(f, "alice", "group.members", "{\"gid\":\"team\",\"next\":\"bob\"}");
	assert_text(f->result, "members.0.uid", "carol");
	assert_num(f->result, "more", 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(creation_is_the_first_message),
		SQLITE(creation_is_the_first_message),
		CASE(creating_again_finds_the_same_group_or_a_conflict),
		CASE(inviting_is_for_those_in_charge_and_once_is_enough),
		CASE(joining_follows_the_groups_policy),
		CASE(kicking_and_banning_keep_to_rank),
		CASE(roles_and_ownership_are_the_owners),
		CASE(muting_has_an_end_or_none),
		CASE(updating_says_only_what_changes),
		CASE(a_dismissed_group_is_gone_and_its_name_too),
		CASE(a_rooms_messages_go_to_its_topic),
		CASE(members_are_listed_in_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
