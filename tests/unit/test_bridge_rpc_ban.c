/* SPDX-License-Identifier: BSD-3-Clause */
/* Bans and mutes: they outlive a membership, are listed to those who run the group, and are lifted.
 */
#include "tests/unit/rpc_fixture.h"

#include "bridge/directory/directory_ban.h"
#include "common/limits.h"

static void make_team(struct rpc_fixture *f)
{
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"join\":\"open\",\"members\":[\"bob\",\"carol\"]}");
}

static int64_t muted_until(struct rpc_fixture *f, const char *uid)
{
	rpc_ok(f, uid, "group.get", "{\"gid\":\"team\"}");
	return rpc_at(f->result, "group.you_muted_until")
		       ? rpc_num(f->result, "group.you_muted_until")
		       : 0;
}

static void a_mute_outlives_leaving_and_joining(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f);
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":60}");
	rpc_ok(f, "bob", "group.leave", "{\"gid\":\"team\"}");
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"team\"}");
	assert_int_equal(muted_until(f, "bob"), 1060000);
	/* Nor does being thrown out and invited again end it. */
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_int_equal(muted_until(f, "bob"), 1060000);
	rpc_ok(f, "bob", "group.leave", "{\"gid\":\"team\"}");
	f->now_ms += 60000;
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"team\"}");
	assert_int_equal(muted_until(f, "bob"), 0);
}

static void mutes_are_listed_and_lifted_for_those_who_left_too(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f);
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":60}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"carol\"}");
	rpc_ok(f, "bob", "group.leave", "{\"gid\":\"team\"}");
	rpc_ok(f, "alice", "group.mutes", "{\"gid\":\"team\"}");
	assert_json(f->result,
		"{\"mutes\":[{\"uid\":\"bob\",\"muted_until\":1060000},"
		"{\"uid\":\"carol\",\"muted_until\":253402300799000}],\"more\":false}");
	rpc_ok(f, "alice", "group.mutes", "{\"gid\":\"team\",\"limit\":1}");
	assert_text(f->result, "next", "bob");
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "group.mutes", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_NOT_MEMBER, "dave", "group.mutes", "{\"gid\":\"team\"}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":0}");
	assert_json(f->result, "{\"changed\":true}");
	rpc_ok(f, "alice", "group.mutes", "{\"gid\":\"team\",\"next\":\"alice\"}");
	assert_text(f->result, "mutes.0.uid", "carol");
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"team\"}");
	assert_int_equal(muted_until(f, "bob"), 0);
	/* Who never was there has nothing to be lifted. */
	rpc_no(f, IM_E_NOT_MEMBER, "alice", "group.mute",
		"{\"gid\":\"team\",\"uid\":\"dave\",\"seconds\":0}");
	rpc_admin(f, "{\"command\":\"listGroupMutes\",\"gid\":\"team\"}");
	assert_json(rpc_at(f->result, "0.data.mutes"),
		"[{\"username\":\"carol\",\"until_ms\":253402300799000,\"deleted\":false}]");
	rpc_admin(f, "{\"command\":\"unmuteGroupMember\",\"gid\":\"team\","
		     "\"members\":[\"carol\",\"bob\"]}");
	assert_json(rpc_at(f->result, "0.data"), "{\"changed\":true}");
	assert_int_equal(muted_until(f, "carol"), 0);
}

static void bans_are_listed_and_lifted(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f);
	rpc_ok(f, "alice", "group.kick",
		"{\"gid\":\"team\",\"members\":[\"bob\",\"dave\"],\"ban\":true}");
	f->now_ms += 5;
	rpc_ok(f, "alice", "group.bans", "{\"gid\":\"team\"}");
	assert_json(f->result,
		"{\"bans\":[{\"uid\":\"bob\",\"since\":1000000},{\"uid\":\"dave\",\"since\":"
		"1000000}],\"more\":false}");
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "group.bans", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "carol", "group.unban",
		"{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "group.join", "{\"gid\":\"team\"}");
	rpc_ok(f, "alice", "group.unban", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	assert_json(f->result, "{\"changed\":true}");
	assert_true(
		rpc_told(f, "\"action\":\"unban\",\"by\":\"alice\",\"members\":[{\"uid\":\"bob\""
			    "}]"));
	rpc_ok(f, "alice", "group.unban", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"team\"}");
	rpc_admin(f, "{\"command\":\"listGroupBans\",\"gid\":\"team\"}");
	assert_json(rpc_at(f->result, "0.data.bans"),
		"[{\"username\":\"dave\",\"since_ms\":1000000,\"deleted\":false}]");
	rpc_admin(f, "{\"command\":\"unbanGroupMember\",\"gid\":\"team\",\"members\":[\"dave\"]}");
	rpc_ok(f, "dave", "group.join", "{\"gid\":\"team\"}");
}

/* What outlives an account is seen and taken back while nobody has it. */
static void what_is_kept_for_deleted_users_is_listed_and_lifted(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f);
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"carol\"}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"],\"ban\":true}");
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"bob\"}");
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"bob\",\"kind\":\"groups\","
		     "\"max\":7}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"bob\"}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"carol\"}");
	rpc_ok(f, "alice", "group.bans", "{\"gid\":\"team\"}");
	assert_json(f->result,
		"{\"bans\":[{\"uid\":\"bob\",\"since\":1000000,\"deleted\":true}],\"more\":false}");
	rpc_ok(f, "alice", "group.mutes", "{\"gid\":\"team\"}");
	assert_json(f->result,
		"{\"mutes\":[{\"uid\":\"carol\",\"muted_until\":253402300799000,\"deleted\":true}],"
		"\"more\":false}");
	rpc_ok(f, "alice", "block.list", "{}");
	assert_json(f->result,
		"{\"blocks\":[{\"uid\":\"bob\",\"nick\":\"\",\"avatar\":\"\",\"rev\":1,"
		"\"deleted\":true}],\"more\":false}");
	rpc_admin(f, "{\"command\":\"listGroupBans\",\"gid\":\"team\"}");
	assert_json(rpc_at(f->result, "0.data.bans"),
		"[{\"username\":\"bob\",\"since_ms\":1000000,\"deleted\":true}]");
	rpc_admin(f, "{\"command\":\"setUserQuota\",\"username\":\"bob\",\"kind\":\"groups\"}");
	assert_json(rpc_at(f->result, "0.data.quotas"),
		"[{\"kind\":\"groups\",\"max\":7,\"used\":0,\"own\":true}]");
	rpc_admin(f, "{\"command\":\"getUser\",\"username\":\"bob\"}");
	assert_true(json_is_true(rpc_at(f->result, "0.data.deleted")));

	/* Nothing new is made for them; what is there goes. */
	rpc_no(f, IM_E_UNKNOWN_USER, "alice", "block.add", "{\"uid\":\"carol\"}");
	rpc_no(f, IM_E_UNKNOWN_USER, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\"}");
	rpc_ok(f, "alice", "contact.remove", "{\"uid\":\"bob\"}");
	assert_json(f->result, "{\"changed\":false}");
	rpc_ok(f, "alice", "block.remove", "{\"uid\":\"bob\"}");
	assert_json(f->result, "{\"changed\":true}");
	rpc_ok(f, "alice", "group.unban", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_json(f->result, "{\"changed\":true}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"carol\",\"seconds\":0}");
	assert_json(f->result, "{\"changed\":true}");
	rpc_ok(f, "alice", "group.bans", "{\"gid\":\"team\"}");
	assert_json(f->result, "{\"bans\":[],\"more\":false}");
	rpc_ok(f, "alice", "group.mutes", "{\"gid\":\"team\"}");
	assert_json(f->result, "{\"mutes\":[],\"more\":false}");
	rpc_admin(f, "{\"command\":\"restoreUser\",\"username\":\"bob\"}");
	rpc_admin(f, "{\"command\":\"restoreUser\",\"username\":\"carol\"}");
	rpc_ok(f, "bob", "group.join", "{\"gid\":\"team\"}");
	rpc_ok(f, "carol", "group.join", "{\"gid\":\"team\"}");
	assert_int_equal(muted_until(f, "carol"), 0);
	rpc_ok(f, "bob", "contact.request", "{\"uid\":\"alice\"}");
}

static void administrators_lift_what_is_kept_for_deleted_users(void **state)
{
	struct rpc_fixture *f = *state;

	make_team(f);
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"carol\"}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"],\"ban\":true}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"bob\"}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"carol\"}");
	rpc_admin(f, "{\"command\":\"unbanGroupMember\",\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_json(rpc_at(f->result, "0.data"), "{\"changed\":true}");
	rpc_admin(
		f, "{\"command\":\"unmuteGroupMember\",\"gid\":\"team\",\"members\":[\"carol\"]}");
	assert_json(rpc_at(f->result, "0.data"), "{\"changed\":true}");
	rpc_admin(f, "{\"command\":\"listGroupBans\",\"gid\":\"team\"}");
	assert_json(rpc_at(f->result, "0.data.bans"), "[]");
	rpc_admin(f, "{\"command\":\"listGroupMutes\",\"gid\":\"team\"}");
	assert_json(rpc_at(f->result, "0.data.mutes"), "[]");
}

/* Names of all pages of one each, in their order. */
static void walk_pages(struct rpc_fixture *f, const char *method, const char *list, char out[64],
	unsigned *pages_out)
{
	char params[160], next[80] = "", path[32];
	const json_t *rows;

	out[0] = '\0';
	for (*pages_out = 1;; ++*pages_out) {
		snprintf(params, sizeof(params), "{%s%s%s%s\"limit\":1}",
			strcmp(list, "blocks") ? "\"gid\":\"team\"," : "",
			*next ? "\"next\":\"" : "", next, *next ? "\"," : "");
		rpc_ok(f, "alice", method, params);
		rows = rpc_at(f->result, list);
		snprintf(path, sizeof(path), "%s.0.uid", list);
		if (json_array_size(rows))
			strcat(strcat(out, rpc_text(f->result, path)), " ");
		if (!json_is_true(rpc_at(f->result, "more")))
			return;
		snprintf(next, sizeof(next), "%s", rpc_text(f->result, "next"));
	}
}

/* A page costs what its limit says, however long the list is and whatever of it is over. */
static void lists_are_paged_by_number(void **state)
{
	struct rpc_fixture *f = *state;
	char names[64];
	unsigned pages;

	rpc_add_user(f, "aaron", "");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"members\":[\"bob\",\"carol\",\"dave\",\"aaron\"]}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"aaron\",\"seconds\":60}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"bob\",\"seconds\":10}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"carol\",\"seconds\":60}");
	rpc_ok(f, "alice", "group.mute", "{\"gid\":\"team\",\"uid\":\"dave\",\"seconds\":10}");
	rpc_ok(f, "carol", "group.leave", "{\"gid\":\"team\"}");
	walk_pages(f, "group.mutes", "mutes", names, &pages);
	assert_string_equal(names, "bob carol dave aaron ");
	assert_int_equal(pages, 4);
	f->now_ms += 10000;
	walk_pages(f, "group.mutes", "mutes", names, &pages);
	assert_string_equal(names, "carol aaron ");
	assert_int_equal(pages, 4);
	rpc_ok(f, "alice", "group.kick",
		"{\"gid\":\"team\",\"members\":[\"aaron\",\"bob\",\"dave\"],\"ban\":true}");
	walk_pages(f, "group.bans", "bans", names, &pages);
	assert_string_equal(names, "bob dave aaron ");
	assert_int_equal(pages, 3);
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"aaron\"}");
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"dave\"}");
	walk_pages(f, "block.list", "blocks", names, &pages);
	assert_string_equal(names, "dave aaron ");
	assert_int_equal(pages, 2);
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "block.list", "{\"next\":\"nobody\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "group.bans",
		"{\"gid\":\"team\",\"next\":\"nobody\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "group.mutes",
		"{\"gid\":\"team\",\"next\":\"nobody\"}");
}

static void a_group_has_so_many_bans_and_no_more(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory *d;
	uint64_t group;
	char uid[16];

	make_team(f);
	group = 1;
	d = writer_directory(f->w);
	for (uint64_t i = 0; i < IM_BANS_MAX - 1; i++) {
		uint64_t id;

		snprintf(uid, sizeof(uid), "u%d", (int)i);
		assert_int_equal(directory_user_create(
					 d, im_str(uid), IM_ROLE_USER, IM_STR(""), f->now_ms, &id),
			IM_OK);
		assert_int_equal(directory_ban_add(d, group, id, f->now_ms), IM_OK);
	}
	rpc_commit(f);
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "group.kick",
		"{\"gid\":\"team\",\"members\":[\"bob\",\"dave\"],\"ban\":true}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"],\"ban\":true}");
	rpc_no(f, IM_E_LIMIT_REACHED, "alice", "group.kick",
		"{\"gid\":\"team\",\"members\":[\"dave\"],\"ban\":true}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	rpc_ok(f, "alice", "group.unban", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"dave\"],\"ban\":true}");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_mute_outlives_leaving_and_joining),
		CASE(mutes_are_listed_and_lifted_for_those_who_left_too),
		CASE(bans_are_listed_and_lifted),
		CASE(what_is_kept_for_deleted_users_is_listed_and_lifted),
		CASE(administrators_lift_what_is_kept_for_deleted_users),
		CASE(lists_are_paged_by_number),
		CASE(a_group_has_so_many_bans_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
