/* SPDX-License-Identifier: BSD-3-Clause */
/* Links into groups: whom they let in, what they let see, and what ends them. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_link.h"
#include "bridge/rpc/group_link.h"
#include "bridge/write/project.h"

static char secret[GROUP_LINK_CHARS + 1], id[GROUP_LINK_NAME + 1];

static void make_link(struct rpc_fixture *f, const char *uid, const char *more)
{
	char params[100];

	snprintf(params, sizeof(params), "{\"gid\":\"team\"%s}", more);
	rpc_ok(f, uid, "group.link", params);
	assert_int_equal(strlen(rpc_text(f->result, "link")), GROUP_LINK_CHARS);
	snprintf(secret, sizeof(secret), "%s", rpc_text(f->result, "link"));
	snprintf(id, sizeof(id), "%s", rpc_text(f->result, "id"));
}

static const char *by_link(void)
{
	static char params[100];

	snprintf(params, sizeof(params), "{\"link\":\"%s\"}", secret);
	return params;
}

static void make_team(struct rpc_fixture *f, const char *more)
{
	char params[200];

	snprintf(params, sizeof(params), "{\"gid\":\"team\",\"members\":[\"bob\"]%s}", more);
	rpc_ok(f, "alice", "group.create", params);
}

static void leave(struct rpc_fixture *f, const char *uid)
{
	rpc_ok(f, uid, "group.leave", "{\"gid\":\"team\"}");
}

static void refused(struct rpc_fixture *f, const char *uid)
{
	rpc_no(f, IM_E_UNKNOWN_GROUP, uid, "group.join", by_link());
	assert_non_null(strstr(f->why.p, "there is no such link, or it has ended"));
	rpc_no(f, IM_E_UNKNOWN_GROUP, uid, "group.get", by_link());
	assert_non_null(strstr(f->why.p, "there is no such link, or it has ended"));
}

static void whoever_has_it_sees_the_group_and_comes_in(void **state)
{
	struct rpc_fixture *f = *state;
	char want[200];

	make_team(f, ",\"name\":\"The team\",\"history\":\"join\"");
	rpc_send(f, "alice", "g/team", "the secret"); /* 2 */
	make_link(f, "alice", "");
	assert_num(f->result, "uses", 100);
	assert_num(f->result, "expires", 1000000 + 7LL * 86400 * 1000);
	rpc_no(f, IM_E_UNKNOWN_GROUP, "carol", "group.get", "{\"gid\":\"team\"}");
	assert_json(rpc_ok(f, "carol", "group.get", by_link()),
		"{\"group\":{\"gid\":\"team\",\"kind\":\"group\",\"name\":\"The team\","
		"\"avatar\":\"\",\"join\":\"invite\",\"members\":2}}");
	assert_json(rpc_ok(f, "carol", "group.join", by_link()), "{\"changed\":true,\"seq\":3}");
	snprintf(want, sizeof(want),
		"\"body\":{\"action\":\"join\",\"by\":\"carol\",\"link\":\"%s\",\"members\":[{"
		"\"uid\":\"carol\",\"role\":\"member\"}]}}",
		id);
	assert_true(rpc_told(f, want));
	assert_json(rpc_ok(f, "carol", "group.join", by_link()), "{\"changed\":false}");
	rpc_ok(f, "carol", "conv.history", "{\"conv\":\"g/team\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "messages")), 1);
	snprintf(want, sizeof(want),
		"{\"links\":[{\"id\":\"%s\",\"by\":\"alice\",\"created\":1000000,\"expires\":"
		"605800000,\"uses\":100,\"left\":99}],\"more\":false}",
		id);
	assert_json(rpc_ok(f, "alice", "group.links", "{\"gid\":\"team\"}"), want);
	/* It opens a group that others ask to join as well. */
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"join\":\"approval\"}");
	assert_num(rpc_ok(f, "dave", "group.join", by_link()), "changed", 1);
}

static void those_who_run_the_group_make_and_end_links(void **state)
{
	struct rpc_fixture *f = *state;
	char params[100];

	make_team(f, ",\"join\":\"open\"");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.link", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.links", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_NOT_MEMBER, "carol", "group.link", "{\"gid\":\"team\"}");
	make_link(f, "alice", "");
	snprintf(params, sizeof(params), "{\"gid\":\"team\",\"id\":\"%s\"}", id);
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.unlink", params);
	assert_num(rpc_ok(f, "alice", "group.unlink", params), "changed", 1);
	assert_num(rpc_ok(f, "alice", "group.unlink", params), "changed", 0);
	refused(f, "carol");
	rpc_no(f, IM_E_INVALID_PARAMS, "carol", "group.get", "{}");
	snprintf(params, sizeof(params), "{\"gid\":\"team\",\"link\":\"%s\"}", secret);
	rpc_no(f, IM_E_INVALID_PARAMS, "carol", "group.get", params);
	rpc_no(f, IM_E_INVALID_PARAMS, "carol", "group.join", "{\"link\":\"short\"}");
}

static void it_ends_with_its_time_and_its_uses(void **state)
{
	struct rpc_fixture *f = *state;
	uint64_t n;

	make_team(f, "");
	make_link(f, "alice", ",\"uses\":2,\"seconds\":60");
	rpc_ok(f, "carol", "group.join", by_link());
	rpc_ok(f, "dave", "group.join", by_link());
	leave(f, "dave");
	refused(f, "dave");
	assert_int_equal(directory_link_count(f->dir, 1, f->now_ms, &n), IM_OK);
	assert_int_equal(n, 0);
	make_link(f, "alice", ",\"seconds\":60");
	f->now_ms += 59999;
	rpc_ok(f, "dave", "group.get", by_link());
	f->now_ms++;
	refused(f, "dave");
	rpc_ok(f, "alice", "group.links", "{\"gid\":\"team\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "links")), 0);
}

/* Makes bob an admin, with a link. */
static void bobs_link(struct rpc_fixture *f)
{
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	make_link(f, "bob", "");
	rpc_ok(f, "carol", "group.get", by_link());
}

/* And does not come back with who has made it. */
static void it_ends_when_its_maker_runs_the_group_no_longer(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	bobs_link(f);
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"member\"}");
	refused(f, "carol");
	rpc_ok(f, "alice", "group.role", "{\"gid\":\"team\",\"uid\":\"bob\",\"role\":\"admin\"}");
	refused(f, "carol");
	bobs_link(f);
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	refused(f, "carol");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	bobs_link(f);
	leave(f, "bob");
	refused(f, "carol");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	bobs_link(f);
	rpc_admin(f, "{\"command\":\"disableUser\",\"username\":\"bob\"}");
	refused(f, "carol");
	rpc_ok(f, "alice", "group.links", "{\"gid\":\"team\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "links")), 0);
	rpc_admin(f, "{\"command\":\"enableUser\",\"username\":\"bob\"}");
	refused(f, "carol");
	make_link(f, "bob", "");
	rpc_ok(f, "carol", "group.get", by_link());
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"bob\"}");
	refused(f, "carol");
}

static void it_ends_with_the_group(void **state)
{
	struct rpc_fixture *f = *state;
	uint64_t n;

	make_team(f, "");
	make_link(f, "alice", "");
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"team\"}");
	refused(f, "carol");
	assert_int_equal(directory_link_count(f->dir, 1, f->now_ms, &n), IM_OK);
	assert_int_equal(n, 0);
}

static void a_banned_one_is_not_let_in_nor_shown_anything(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, "");
	make_link(f, "alice", "");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"carol\"],\"ban\":true}");
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "group.join", by_link());
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "group.get", by_link());
}

static void limits_hold_for_who_comes_by_one(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f, ",\"member_limit\":2");
	make_link(f, "alice", "");
	rpc_no(f, IM_E_LIMIT_REACHED, "carol", "group.join", by_link());
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"member_limit\":3}");
	rpc_ok(f, "carol", "group.create", "{\"gid\":\"mine\"}");
	f->set.groups_per_user_max = 1;
	rpc_no(f, IM_E_LIMIT_REACHED, "carol", "group.join", by_link());
	f->set.groups_per_user_max = 2;
	rpc_ok(f, "carol", "group.join", by_link());
	for (int i = 1; i < IM_LINKS_MAX; i++)
		make_link(f, "alice", ",\"seconds\":60");
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "group.link", "{\"gid\":\"team\"}");
	rpc_ok(f, "alice", "group.links", "{\"gid\":\"team\",\"limit\":60}");
	assert_num(f->result, "more", 1);
	f->now_ms += 60000;
	make_link(f, "alice", "");
}

/* What the directory has says nothing by which one comes in; what is lost is told by the log. */
static void a_use_that_was_lost_is_counted_from_the_log(void **state)
{
	struct rpc_fixture *f = *state;
	struct project_report report;
	struct directory_link l;
	char hash[GROUP_LINK_HASH], sql[200];
	uint64_t n;

	make_team(f, "");
	make_link(f, "alice", ",\"uses\":2");
	rpc_ok(f, "carol", "group.join", by_link());
	rpc_sql(f, "UPDATE group_link SET uses_left = 2");
	rpc_sql(f, "DELETE FROM group_link_user");
	rpc_sql(f, "DELETE FROM quota");
	rpc_sql(f, "DELETE FROM member WHERE user = 3");
	assert_int_equal(directory_begin(f->dir), IM_OK);
	assert_int_equal(directory_meta_set(f->dir, "applied_gid", 1), IM_OK);
	assert_int_equal(directory_commit(f->dir), IM_OK);
	assert_int_equal(project_run(f->backend, f->log, f->dir, &report), IM_OK);
	assert_int_equal(report.refused, 0);
	assert_int_equal(group_link_hash(im_str(secret), hash), IM_OK);
	assert_int_equal(
		directory_link_get(f->dir, (struct im_str){hash, sizeof(hash)}, f->now_ms, &l),
		IM_OK);
	assert_int_equal(l.uses_left, 1);
	/* A secret stands nowhere. */
	snprintf(sql, sizeof(sql),
		"DELETE FROM group_link WHERE name = '%s' OR instr(hash, '%s') > 0", secret,
		secret);
	rpc_sql(f, sql);
	assert_int_equal(directory_link_count(f->dir, l.group, f->now_ms, &n), IM_OK);
	assert_int_equal(n, 1);
}

static int left_of(struct rpc_fixture *f)
{
	rpc_ok(f, "alice", "group.links", "{\"gid\":\"team\"}");
	return (int)json_integer_value(rpc_at(f->result, "links.0.left"));
}

/* Uses are people, not comings. */
static void who_comes_again_takes_no_use_of_it(void **state)
{
	struct rpc_fixture *f = *state;
	char params[100];

	make_team(f, "");
	make_link(f, "alice", ",\"uses\":3");
	for (int i = 0; i < IM_COMINGS_PER_DAY; i++) {
		rpc_ok(f, "carol", "group.join", by_link());
		assert_int_equal(left_of(f), 2);
		leave(f, "carol");
	}
	rpc_no(f, IM_E_RATE_LIMITED, "carol", "group.join", by_link());
	/* Nor does leaving give one back. */
	assert_int_equal(left_of(f), 2);
	rpc_ok(f, "dave", "group.join", by_link());
	assert_int_equal(left_of(f), 1);
	/* Of another link it is the first time; the last use ends it for everybody. */
	leave(f, "dave");
	make_link(f, "alice", ",\"uses\":1");
	rpc_ok(f, "dave", "group.join", by_link());
	refused(f, "dave");
	leave(f, "dave");
	refused(f, "dave");
	/* What is noted goes with its link. */
	rpc_ok(f, "alice", "group.links", "{\"gid\":\"team\"}");
	snprintf(params, sizeof(params), "{\"gid\":\"team\",\"id\":\"%s\"}",
		rpc_text(f->result, "links.0.id"));
	rpc_ok(f, "alice", "group.unlink", params);
	rpc_sql(f, "CREATE TABLE none_left (n CHECK (n = 0));"
		   "INSERT INTO none_left SELECT count(*) FROM group_link_user");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(whoever_has_it_sees_the_group_and_comes_in),
		CASE(those_who_run_the_group_make_and_end_links),
		CASE(it_ends_with_its_time_and_its_uses),
		CASE(it_ends_when_its_maker_runs_the_group_no_longer),
		CASE(it_ends_with_the_group),
		CASE(a_banned_one_is_not_let_in_nor_shown_anything),
		CASE(limits_hold_for_who_comes_by_one),
		CASE(who_comes_again_takes_no_use_of_it),
		CASE(a_use_that_was_lost_is_counted_from_the_log),
	};

	return cmocka_run_group_tests_name("bridge rpc link", tests, NULL, NULL);
}
