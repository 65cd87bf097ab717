/* SPDX-License-Identifier: BSD-3-Clause */
/* What users may do to others unasked: how often, and to whom not. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_quota.h"
#include "bridge/directory/directory_user.h"

#define HOUR_MS (INT64_C(60) * 60 * 1000)

static int64_t rows(struct rpc_fixture *f, const char *uid, int kind)
{
	int64_t n;

	assert_int_equal(
		directory_quota_used(f->reader_dir, rpc_uid(f, uid), kind, 0, f->now_ms, &n),
		IM_OK);
	return n;
}

static void groups_a_day_are_counted_from_rows(void **state)
{
	struct rpc_fixture *f = *state;

	f->now_ms = 1000 * HOUR_MS;
	f->set.groups_per_day = 3;
	for (int i = 0; i < 3; i++)
		rpc_ok(f, "alice", "group.create", i ? "{}" : "{\"gid\":\"first\"}");
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.create", "{}");
	/* A repeat is none more; dismissing gives none back; others have their own. */
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"first\"}");
	assert_num(f->result, "changed", 0);
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"first\"}");
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.create", "{}");
	rpc_ok(f, "bob", "group.create", "{}");
	assert_int_equal(rows(f, "alice", DIRECTORY_QUOTA_GROUPS), 3);
	f->now_ms += 23 * HOUR_MS;
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.create", "{}");
	f->now_ms += 2 * HOUR_MS;
	rpc_ok(f, "alice", "group.create", "{}");
	assert_int_equal(rows(f, "alice", DIRECTORY_QUOTA_GROUPS), 1);
}

static void people_put_into_groups_are_counted(void **state)
{
	struct rpc_fixture *f = *state;

	f->set.invitations_per_day = 4;
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"a\",\"members\":[\"bob\",\"carol\"]}");
	rpc_ok(f, "alice", "group.invite",
		"{\"gid\":\"a\",\"members\":[\"dave\",\"bob\",\"dave\"]}");
	assert_int_equal(rows(f, "alice", DIRECTORY_QUOTA_INVITATIONS), 3);
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.create",
		"{\"gid\":\"b\",\"members\":[\"bob\",\"carol\"]}");
	rpc_no(f, IM_E_UNKNOWN_GROUP, "alice", "group.get", "{\"gid\":\"b\"}");
	/* Putting the same one in again after a removal is one more. */
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"a\",\"members\":[\"dave\"]}");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"a\",\"members\":[\"dave\"]}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"a\",\"members\":[\"dave\"]}");
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.invite",
		"{\"gid\":\"a\",\"members\":[\"dave\"]}");
	/* A group handed over counts for the giver. */
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"a\",\"uid\":\"bob\",\"role\":\"admin\"}");
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.transfer", "{\"gid\":\"a\",\"uid\":\"bob\"}");
	f->set.invitations_per_day = 5;
	rpc_ok(f, "alice", "group.transfer", "{\"gid\":\"a\",\"uid\":\"bob\"}");
	assert_int_equal(rows(f, "alice", DIRECTORY_QUOTA_INVITATIONS), 5);
	assert_int_equal(rows(f, "bob", DIRECTORY_QUOTA_INVITATIONS), 0);
}

static void an_operator_counts_nothing_and_sets_what_one_user_may(void **state)
{
	struct rpc_fixture *f = *state;

	f->set.groups_per_day = f->set.invitations_per_day = 1;
	for (int i = 0; i < 3; i++) {
		rpc_admin(f, "{\"command\":\"createGroup\",\"owner\":\"alice\","
			     "\"members\":[\"bob\",\"carol\"]}");
		assert_null(rpc_at(f->result, "0.error"));
	}
	assert_int_equal(rows(f, "alice", DIRECTORY_QUOTA_GROUPS), 0);
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"alice\",\"kind\":\"groups\","
		     "\"max\":2}");
	assert_json(rpc_at(f->result, "0.data.quotas.0"),
		"{\"kind\":\"groups\",\"max\":2,\"used\":0,\"own\":true}");
	rpc_ok(f, "alice", "group.create", "{}");
	rpc_ok(f, "alice", "group.create", "{}");
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.create", "{}");
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"alice\",\"kind\":\"groups\","
		     "\"max\":0}");
	rpc_ok(f, "alice", "group.create", "{}");
	/* Without a figure nothing is set. */
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"alice\",\"kind\":\"groups\"}");
	assert_json(rpc_at(f->result, "0.data.quotas"),
		"[{\"kind\":\"groups\",\"max\":0,\"used\":3,\"own\":true}]");
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"alice\",\"max\":5}");
	assert_num(f->result, "0.code", IM_E_INVALID_PARAMS);
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"alice\",\"kind\":\"groups\","
		     "\"max\":-1}");
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.create", "{}");
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"alice\"}");
	assert_json(rpc_at(f->result, "0.data.quotas.0"),
		"{\"kind\":\"groups\",\"max\":1,\"used\":3,\"own\":false}");
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"alice\",\"kind\":\"x\"}");
	assert_num(f->result, "0.code", IM_E_INVALID_PARAMS);
}

static void the_rows_of_yesterday_go(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory *d = writer_directory(f->w);
	int64_t n;

	for (int hour = 0; hour < 200; hour++)
		assert_int_equal(directory_quota_add(d, 1, DIRECTORY_QUOTA_GROUP,
					 (uint64_t)hour + 1, hour * HOUR_MS, 1),
			IM_OK);
	rpc_commit(f);
	for (int hour = 0; hour < 200; hour++) {
		assert_int_equal(directory_quota_used(f->reader_dir, 1, DIRECTORY_QUOTA_GROUP,
					 (uint64_t)hour + 1, 0, &n),
			IM_OK);
		assert_int_equal(n, hour < 199 - 24 ? 0 : 1);
	}
}

/* -- asking -- */

static void one_may_be_asked_three_times_a_day(void **state)
{
	struct rpc_fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
		assert_true(rpc_told(f, "inbox bob event"));
		rpc_ok(f, "alice", "contact.remove", "{\"uid\":\"bob\"}");
	}
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "contact.request", "{\"uid\":\"bob\"}");
	assert_int_equal(f->told.n, 0);
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"carol\"}");
	/* Who is asked may always answer with a request of its own. */
	rpc_ok(f, "carol", "contact.request", "{\"uid\":\"alice\"}");
	assert_true(rpc_told(f, "\"action\":\"accept\""));
	f->set.requests_per_day = 4;
	rpc_no(f, IM_E_RATE_LIMITED, "alice", "contact.request", "{\"uid\":\"dave\"}");
	f->now_ms += 26 * HOUR_MS;
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
}

static void notes_to_a_group_are_as_few(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"a\",\"join\":\"approval\"}");
	for (int i = 0; i < 3; i++) {
		rpc_ok(f, "dave", "group.join", "{\"gid\":\"a\",\"note\":\"please\"}");
		assert_true(rpc_told(f, "inbox alice event"));
	}
	rpc_no(f, IM_E_RATE_LIMITED, "dave", "group.join", "{\"gid\":\"a\",\"note\":\"please\"}");
	rpc_ok(f, "carol", "group.join", "{\"gid\":\"a\"}");
}

static void a_note_reaches_nobody_who_has_blocked_its_writer(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"a\",\"join\":\"approval\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"a\",\"uid\":\"bob\",\"role\":\"admin\"}");
	rpc_ok(f, "bob", "block.add", "{\"uid\":\"dave\"}");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"a\",\"note\":\"hi\"}");
	assert_true(rpc_told(f, "inbox alice event"));
	assert_false(rpc_told(f, "inbox bob"));
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"dave\"}");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"a\",\"note\":\"hi\"}");
	/* The answer does not say that nobody was asked. */
	assert_json(f->result, "{\"changed\":false,\"pending\":true}");
	assert_int_equal(f->told.n, 0);
}

static void who_was_blocked_can_end_what_there_is_and_no_more(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "bob", "contact.request", "{\"uid\":\"alice\"}");
	rpc_ok(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	rpc_no(f, IM_E_BLOCKED, "alice", "contact.accept", "{\"uid\":\"bob\"}");
	rpc_no(f, IM_E_BLOCKED, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "alice", "contact.reject", "{\"uid\":\"bob\"}");
	/* His own list has changed, and his devices follow it. */
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"contact\",\"action\":\"reject\","
				"\"uid\":\"alice\",\"by\":\"alice\",\"version\":2,"));
	rpc_ok(f, "alice", "contact.remove", "{\"uid\":\"bob\"}");
	assert_json(f->result, "{\"changed\":false}");
	assert_int_equal(f->told.n, 0);
}

/* -- being put into a group -- */

static void who_does_not_want_to_stays_out_and_the_others_come_in(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	rpc_ok(f, "carol", "user.update", "{\"direct_policy\":\"contacts\"}");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"a\",\"members\":[\"bob\",\"carol\",\"dave\",\"dave\"]}");
	assert_json(rpc_at(f->result, "refused"),
		"[{\"uid\":\"bob\",\"code\":-32005},{\"uid\":\"carol\",\"code\":-32006}]");
	assert_num(f->result, "group.members", 2);
	assert_false(rpc_told(f, "bob"));
	assert_false(rpc_told(f, "carol"));
	assert_true(rpc_told(f, "inbox dave event"));
	/* A repeat finds it so. */
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"a\",\"members\":[\"bob\",\"carol\",\"dave\"]}");
	assert_num(f->result, "changed", 0);
	assert_int_equal(json_array_size(rpc_at(f->result, "refused")), 2);
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"a\",\"members\":[\"bob\",\"carol\"]}");
	assert_json(f->result, "{\"changed\":false,\"refused\":[{\"uid\":\"bob\",\"code\":-32005},"
			       "{\"uid\":\"carol\",\"code\":-32006}]}");
	assert_int_equal(f->told.n, 0);
	/* A contact may. */
	rpc_ok(f, "carol", "contact.request", "{\"uid\":\"alice\"}");
	rpc_ok(f, "alice", "contact.accept", "{\"uid\":\"carol\"}");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"a\",\"members\":[\"carol\",\"bob\"]}");
	assert_json(
		f->result, "{\"changed\":true,\"refused\":[{\"uid\":\"bob\",\"code\":-32005}]}");
	f->set.direct_policy = IM_DIRECT_CONTACTS;
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"b\",\"members\":[\"dave\"]}");
	assert_json(rpc_at(f->result, "refused"), "[{\"uid\":\"dave\",\"code\":-32006}]");
	/* The operator puts people where they belong. */
	rpc_admin(f, "{\"command\":\"addGroupMember\",\"gid\":\"b\",\"members\":[\"dave\"]}");
	assert_null(rpc_at(f->result, "0.error"));
}

static void who_belongs_to_too_many_or_is_banned_stays_out(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "dave", "group.create", "{\"gid\":\"d\"}");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"a\",\"join\":\"open\",\"members\":[\"bob\",\"carol\"]}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"a\",\"members\":[\"carol\"],\"ban\":true}");
	f->set.groups_per_user_max = 1;
	rpc_ok(f, "bob", "group.invite", "{\"gid\":\"a\",\"members\":[\"carol\",\"dave\"]}");
	assert_json(f->result,
		"{\"changed\":false,\"refused\":[{\"uid\":\"carol\",\"code\":-32012},"
		"{\"uid\":\"dave\",\"code\":-32013}]}");
}

/* A name that is taken, or a list that is refused, costs nobody's row. */
static void what_can_be_refused_at_once_is(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "bob", "group.create", "{\"gid\":\"taken\"}");
	cost_set(f->cost, 1000);
	for (int i = 0; i < 2000; i++)
		rpc_no(f, IM_E_CONFLICT, "alice", "group.create",
			"{\"gid\":\"taken\",\"members\":[\"bob\",\"carol\",\"nobody\"]}");
	f->set.groups_per_day = 1;
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"one\",\"members\":[\"bob\"]}");
	for (int i = 0; i < 2000; i++)
		rpc_no(f, IM_E_RATE_LIMITED, "alice", "group.create",
			"{\"gid\":\"two\",\"members\":[\"bob\",\"carol\",\"nobody\"]}");
	assert_int_equal(cost_refused(f->cost), 0);
}

static void come_and_go(struct rpc_fixture *f, const char *uid, int n)
{
	for (int i = 0; i < n; i++) {
		rpc_ok(f, uid, "group.join", "{\"gid\":\"a\"}");
		assert_num(f->result, "changed", 1);
		rpc_ok(f, uid, "group.leave", "{\"gid\":\"a\"}");
		assert_num(f->result, "changed", 1);
	}
}

static void who_comes_and_goes_is_let_in_so_often_a_day(void **state)
{
	struct rpc_fixture *f = *state;
	char invite[] = "{\"gid\":\"a\",\"members\":[\"dave\"]}";

	f->now_ms = 1000 * HOUR_MS;
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"a\",\"join\":\"open\",\"members\":[\"bob\",\"dave\"]}");
	/* Whoever is in from the beginning has not come yet. Others' groups are others'. */
	rpc_ok(f, "dave", "group.leave", "{\"gid\":\"a\"}");
	come_and_go(f, "dave", IM_COMINGS_PER_DAY);
	rpc_no(f, IM_E_RATE_LIMITED, "dave", "group.join", "{\"gid\":\"a\"}");
	assert_non_null(strstr(f->why.p, "5 times within a day; ask its owner or an admin"));
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"b\",\"join\":\"open\"}");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"b\"}");
	come_and_go(f, "carol", 1);
	/* Nor does a member bring him in; those who run the group do, and go on to be free to. */
	assert_json(rpc_ok(f, "bob", "group.invite", invite),
		"{\"changed\":false,\"refused\":[{\"uid\":\"dave\",\"code\":-32008}]}");
	for (int i = 0; i < 3; i++) {
		assert_json(rpc_ok(f, "alice", "group.invite", invite), "{\"changed\":true}");
		assert_num(rpc_ok(f, "dave", "group.join", "{\"gid\":\"a\"}"), "changed", 0);
		rpc_ok(f, "dave", "group.leave", "{\"gid\":\"a\"}");
	}
	rpc_no(f, IM_E_RATE_LIMITED, "dave", "group.join", "{\"gid\":\"a\"}");
	/* Asking is no coming, and has a count of its own. */
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"a\",\"join\":\"approval\"}");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"a\"}");
	assert_num(f->result, "pending", 1);
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"a\",\"join\":\"open\"}");
	f->now_ms += 25 * HOUR_MS;
	come_and_go(f, "dave", IM_COMINGS_PER_DAY);
	rpc_no(f, IM_E_RATE_LIMITED, "dave", "group.join", "{\"gid\":\"a\"}");
}

/* By whichever road: who is brought in by members counts as who comes. */
static void who_is_brought_in_has_come(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"a\",\"join\":\"open\",\"members\":[\"bob\"]}");
	for (int i = 0; i < IM_COMINGS_PER_DAY; i++) {
		assert_json(
			rpc_ok(f, "bob", "group.invite", "{\"gid\":\"a\",\"members\":[\"carol\"]}"),
			"{\"changed\":true}");
		rpc_ok(f, "carol", "group.leave", "{\"gid\":\"a\"}");
	}
	rpc_ok(f, "bob", "group.invite", "{\"gid\":\"a\",\"members\":[\"carol\",\"dave\"]}");
	assert_json(
		f->result, "{\"changed\":true,\"refused\":[{\"uid\":\"carol\",\"code\":-32008}]}");
	rpc_no(f, IM_E_RATE_LIMITED, "carol", "group.join", "{\"gid\":\"a\"}");
}

static void who_may_not_write_brings_nobody_in(void **state)
{
	struct rpc_fixture *f = *state;
	const char *carol = "{\"gid\":\"a\",\"members\":[\"carol\"]}";

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"a\",\"join\":\"open\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"a\",\"uid\":\"bob\"}");
	rpc_no(f, IM_E_MUTED, "bob", "group.invite", carol);
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"a\",\"uid\":\"bob\",\"seconds\":0}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"a\"}");
	rpc_no(f, IM_E_MUTED, "bob", "group.invite", carol);
	/* Who runs it does; and nobody is kept out by it, or in. */
	rpc_ok(f, "alice", "group.invite", carol);
	come_and_go(f, "dave", 1);
	rpc_ok(f, "carol", "group.leave", "{\"gid\":\"a\"}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"a\",\"seconds\":0}");
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"a\",\"slow_ms\":60000}");
	rpc_ok(f, "bob", "group.invite", carol);
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "group.invite",
		"{\"gid\":\"a\",\"members\":[\"dave\"]}");
	/* A repeat brings nobody in, and waits for nothing. */
	assert_json(rpc_ok(f, "bob", "group.invite", carol), "{\"changed\":false}");
	f->now_ms += 60000;
	rpc_ok(f, "bob", "group.invite", "{\"gid\":\"a\",\"members\":[\"dave\"]}");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(groups_a_day_are_counted_from_rows),
		CASE(people_put_into_groups_are_counted),
		CASE(an_operator_counts_nothing_and_sets_what_one_user_may),
		CASE(the_rows_of_yesterday_go),
		CASE(one_may_be_asked_three_times_a_day),
		CASE(notes_to_a_group_are_as_few),
		CASE(a_note_reaches_nobody_who_has_blocked_its_writer),
		CASE(who_was_blocked_can_end_what_there_is_and_no_more),
		CASE(who_does_not_want_to_stays_out_and_the_others_come_in),
		CASE(who_belongs_to_too_many_or_is_banned_stays_out),
		CASE(what_can_be_refused_at_once_is),
		CASE(who_comes_and_goes_is_let_in_so_often_a_day),
		CASE(who_is_brought_in_has_come),
		CASE(who_may_not_write_brings_nobody_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
