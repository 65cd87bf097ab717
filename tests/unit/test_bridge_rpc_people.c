/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles and groups as lists show them: their versions, many at once, and what is none of the
 * caller's business. */
#include "tests/unit/rpc_fixture.h"

#include "bridge/directory/directory_erasure.h"
#include "bridge/rpc/profile_tell.h"
#include "bridge/rpc/rpc_args.h"
#include "common/limits.h"

static int64_t rev_of(struct rpc_fixture *f, const char *uid)
{
	char params[96];

	snprintf(params, sizeof(params), "{\"uid\":\"%s\"}", uid);
	return rpc_num(rpc_ok(f, "alice", "user.get", params), "rev");
}

static void a_profile_has_a_version(void **state)
{
	struct rpc_fixture *f = *state;

	assert_int_equal(rev_of(f, "bob"), 0);
	rpc_ok(f, "bob", "user.update", "{\"nick\":\"B\"}");
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"user\",\"uid\":\"bob\","
				"\"nick\":\"B\",\"avatar\":\"\",\"rev\":1,"));
	assert_int_equal(rev_of(f, "bob"), 1);
	rpc_ok(f, "bob", "user.update", "{\"nick\":\"B\"}");
	assert_int_equal(rev_of(f, "bob"), 1);
	rpc_ok(f, "bob", "user.update", "{\"avatar\":\"b.png\",\"ext\":{\"a\":1}}");
	assert_int_equal(rev_of(f, "bob"), 2);
	rpc_ok(f, "bob", "user.update", "{\"ext\":{}}");
	assert_int_equal(rev_of(f, "bob"), 3);
	assert_int_equal(rev_of(f, "carol"), 0);
	/* What nobody else sees is nobody's business. */
	rpc_ok(f, "bob", "user.update", "{\"direct_policy\":\"contacts\",\"read_receipts\":false}");
	assert_int_equal(rev_of(f, "bob"), 3);
	assert_int_equal(
		directory_user_set_online(writer_directory(f->w), rpc_uid(f, "bob"), 1, 5), IM_OK);
	rpc_commit(f);
	assert_int_equal(rev_of(f, "bob"), 3);
}

/* Whatever changes what others see, on whatever road. */
static void the_version_grows_on_every_road(void **state)
{
	struct rpc_fixture *f = *state;
	uint64_t bob = rpc_uid(f, "bob");

	rpc_ok(f, "bob", "user.update", "{\"nick\":\"B\"}");
	assert_int_equal(directory_wipe_user(writer_directory(f->w), bob), IM_OK);
	rpc_commit(f);
	assert_int_equal(rev_of(f, "bob"), 2);
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"bob\"}");
	assert_int_equal(rev_of(f, "bob"), 3);
	rpc_admin(f, "{\"command\":\"restoreUser\",\"username\":\"bob\"}");
	assert_int_equal(rev_of(f, "bob"), 4);
	rpc_sql(f, "UPDATE user SET nick = 'x' WHERE uid = 'bob'");
	assert_int_equal(rev_of(f, "bob"), 5);
}

static void lists_show_avatar_and_version(void **state)
{
	struct rpc_fixture *f = *state;
	static const struct {
		const char *method, *params, *at;
	} lists[] = {
		{"contact.list", "{}", "contacts.0"},
		{"block.list", "{}", "blocks.0"},
		{"group.members", "{\"gid\":\"team\"}", "members.1"},
	};

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "user.update", "{\"nick\":\"B\"}");
	rpc_ok(f, "bob", "user.update", "{\"avatar\":\"b.png\"}");
	for (size_t i = 0; i < 3; i++) {
		const json_t *bob =
			rpc_at(rpc_ok(f, "alice", lists[i].method, lists[i].params), lists[i].at);

		assert_text(bob, "uid", "bob");
		assert_text(bob, "nick", "B");
		assert_text(bob, "avatar", "b.png");
		assert_num(bob, "rev", 2);
	}
}

static void many_profiles_are_one_request(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "bob", "user.update", "{\"nick\":\"B\",\"ext\":{\"a\":1}}");
	rpc_admin(f, "{\"command\":\"deleteUser\",\"username\":\"dave\"}");
	assert_json(rpc_ok(f, "alice", "user.get",
			    "{\"uids\":[\"bob\",\"nobody\",\"dave\",\"alice\",\"carol\"]}"),
		"{\"users\":[{\"uid\":\"bob\",\"nick\":\"B\",\"avatar\":\"\",\"rev\":1,"
		"\"ext\":{\"a\":1}},{\"uid\":\"dave\",\"nick\":\"\",\"avatar\":\"\",\"rev\":1,"
		"\"deleted\":true},{\"uid\":\"alice\",\"nick\":\"\",\"avatar\":\"\",\"rev\":0,"
		"\"role\":\"user\",\"direct_policy\":\"default\",\"read_receipts\":true,"
		"\"created\":1000000},{\"uid\":\"carol\",\"nick\":\"\",\"avatar\":\"\","
		"\"rev\":0}],\"more\":false,\"unknown\":[\"nobody\"]}");
	assert_json(rpc_ok(f, "alice", "user.get", "{\"uids\":[\"nobody\"]}"),
		"{\"users\":[],\"more\":false,\"unknown\":[\"nobody\"]}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "user.get", "{\"uid\":\"bob\",\"uids\":[\"bob\"]}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "user.get", "{\"uids\":[]}");
	rpc_no(f, IM_E_INVALID_PARAMS, "alice", "user.get", "{\"uids\":[\"bob\",\"b b\"]}");
}

/* {"<param>":["a0001",...]} */
static json_t *named(const char *param, const char *name, unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_sprintf("%s%04u", name, i));
	return json_pack("{s:o}", param, list);
}

static json_t *ok_with(struct rpc_fixture *f, const char *method, json_t *params)
{
	char *text = json_dumps(params, JSON_COMPACT);
	json_t *r = rpc_ok(f, "alice", method, text);

	free(text);
	json_decref(params);
	return r;
}

static void a_hundred_names_are_the_most(void **state)
{
	struct rpc_fixture *f = *state;
	static const char *const methods[] = {"user.get", "group.get"};
	static const char *const params[] = {"uids", "gids"};

	for (size_t i = 0; i < 2; i++) {
		json_t *p = named(params[i], "x", IM_NAMED_MAX + 1);
		char *text = json_dumps(p, JSON_COMPACT);

		rpc_no(f, IM_E_INVALID_PARAMS, "alice", methods[i], text);
		free(text);
		json_decref(p);
		ok_with(f, methods[i], named(params[i], "x", IM_NAMED_MAX));
		assert_int_equal(
			json_array_size(rpc_at(f->result, "unknown")), (size_t)IM_NAMED_MAX);
	}
}

/* What does not fit is asked for with the names that are left. */
static void an_answer_stays_below_its_bound(void **state)
{
	struct rpc_fixture *f = *state;
	char avatar[1001] = "", uid[16], sql[1200];
	size_t shown;

	memset(avatar, 'x', 1000);
	for (unsigned i = 0; i < IM_NAMED_MAX; i++) {
		snprintf(uid, sizeof(uid), "u%04u", i);
		rpc_add_user(f, uid, "");
	}
	snprintf(sql, sizeof(sql), "UPDATE user SET avatar = '%s'", avatar);
	rpc_sql(f, sql);
	ok_with(f, "user.get", named("uids", "u", IM_NAMED_MAX));
	assert_true(f->reply.n <= 64 * 1024);
	shown = json_array_size(rpc_at(f->result, "users"));
	assert_in_range(shown, 50, 70);
	assert_num(f->result, "more", 1);
	f->set.reply_max = 1100;
	ok_with(f, "user.get", named("uids", "u", 2));
	assert_int_equal(json_array_size(rpc_at(f->result, "users")), 1);
	assert_num(f->result, "more", 1);
}

static void many_groups_are_one_request(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"club\",\"join\":\"open\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"secret\"}");
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"own\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"past\",\"join\":\"open\"}");
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"past\"}");
	rpc_ok(f, "bob", "group.get",
		"{\"gids\":[\"club\",\"secret\",\"never\",\"past\",\"own\"]}");
	assert_json(rpc_at(f->result, "groups.0"),
		"{\"gid\":\"club\",\"kind\":\"group\",\"name\":\"club\",\"avatar\":\"\","
		"\"join\":\"open\",\"members\":1}");
	assert_text(f->result, "groups.1.gid", "own");
	assert_text(f->result, "groups.1.role", "owner");
	assert_int_equal(json_array_size(rpc_at(f->result, "groups")), 2);
	/* One that is hidden is as one that never was. */
	assert_json(rpc_at(f->result, "unknown"), "[\"secret\",\"never\",\"past\"]");
	assert_num(f->result, "more", 0);
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "group.get", "{}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "group.get",
		"{\"gid\":\"club\",\"gids\":[\"club\"]}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "group.get", "{\"gids\":[\"a b\"]}");
}

static void ones_own_groups_are_listed(void **state)
{
	struct rpc_fixture *f = *state;

	assert_json(rpc_ok(f, "bob", "group.list", "{}"), "{\"groups\":[],\"more\":false}");
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"b\",\"name\":\"Bees\",\"avatar\":\"b.png\",\"members\":[\"bob\"]}");
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"a\",\"kind\":\"room\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"hers\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"c\",\"members\":[\"bob\"]}");
	assert_json(rpc_ok(f, "bob", "group.list", "{\"limit\":2}"),
		"{\"groups\":[{\"gid\":\"b\",\"kind\":\"group\",\"name\":\"Bees\","
		"\"avatar\":\"b.png\",\"members\":2,\"role\":\"member\"},{\"gid\":\"a\","
		"\"kind\":\"room\",\"name\":\"a\",\"avatar\":\"\",\"members\":1,"
		"\"role\":\"owner\"}],\"more\":true,\"next\":\"a\"}");
	assert_json(rpc_ok(f, "bob", "group.list", "{\"next\":\"a\"}"),
		"{\"groups\":[{\"gid\":\"c\",\"kind\":\"group\",\"name\":\"c\",\"avatar\":\"\","
		"\"members\":2,\"role\":\"member\"}],\"more\":false}");
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"c\"}");
	assert_json(rpc_ok(f, "bob", "group.list", "{\"next\":\"a\"}"),
		"{\"groups\":[],\"more\":false}");
}

/* Where a page goes on says nothing of groups that are none of the caller's business. */
static void a_page_of_groups_tells_of_no_others(void **state)
{
	struct rpc_fixture *f = *state;
	static const char *const others[] = {"secret", "never", "gone", "b b"};
	char first[512] = "", params[512];

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"secret\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"gone\",\"members\":[\"bob\"]}");
	rpc_ok(f, "alice", "group.dismiss", "{\"gid\":\"gone\"}");
	for (size_t i = 0; i < 4; i++) {
		snprintf(params, sizeof(params), "{\"next\":\"%s\"}", others[i]);
		rpc_no(f, IM_E_INVALID_PARAMS, "bob", "group.list", params);
		/* The same words but for the name, which is in quotes. */
		char *name = memmem(f->why.p, f->why.n, others[i], strlen(others[i]));
		assert_non_null(name);
		name += strlen(others[i]);
		snprintf(params, sizeof(params), "%.*s", (int)(f->why.p + f->why.n - name), name);
		if (i == 0)
			strcpy(first, params);
		assert_string_equal(params, first);
	}
}

/* Contacts first, then those with whom he talked last, a thousand in all. */
static void a_thousand_at_most_are_told(void **state)
{
	struct rpc_fixture *f = *state;
	struct rpc_read rd = {
		.call = {.uid = IM_STR("alice"), .set = &f->set, .dir = f->reader_dir},
		.backend = f->backend,
		.log = f->log,
		.names = f->names};
	struct profile_told told;
	char sql[512];

	rd.call.user = rpc_uid(f, "alice");
	snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		" INSERT INTO user (uid, created_ms) SELECT printf('c%%05d', i), 1 FROM n;"
		" INSERT INTO contact (owner, peer, state, changed_ms, version)"
		" SELECT 1, id, 3, 1, id FROM user WHERE uid GLOB 'c[0-9]*'",
		IM_PROFILE_TOLD_MAX - 2);
	rpc_sql(f, sql);
	rpc_send(f, "alice", "u/bob", "1");
	rpc_send(f, "carol", "u/alice", "2");
	rpc_send(f, "alice", "u/dave", "3");
	rpc_send(f, "alice", "u/bob", "4");
	rpc_send(f, "alice", "u/alice", "to myself");
	assert_int_equal(rpc_views_begin(&rd), IM_OK);
	assert_int_equal(profile_find(&rd, &told), IM_OK);
	rpc_views_end(&rd);
	assert_int_equal(told.n, IM_PROFILE_TOLD_MAX);
	assert_string_equal(told.uids[0], "c00998");
	assert_string_equal(told.uids[IM_PROFILE_TOLD_MAX - 3], "c00001");
	assert_string_equal(told.uids[IM_PROFILE_TOLD_MAX - 2], "bob");
	assert_string_equal(told.uids[IM_PROFILE_TOLD_MAX - 1], "dave");
	profile_clear(&told);
	/* Of more contacts those that came last; nobody twice. */
	rpc_sql(f, "UPDATE contact SET state = 1 WHERE version < 500");
	rpc_sql(f, "INSERT INTO contact (owner, peer, state, changed_ms, version)"
		   " VALUES (1, 2, 3, 1, 2000)");
	rpc_sql(f, "UPDATE user SET disabled = 1 WHERE uid = 'c00999'");
	assert_int_equal(rpc_views_begin(&rd), IM_OK);
	assert_int_equal(profile_find(&rd, &told), IM_OK);
	rpc_views_end(&rd);
	assert_string_equal(told.uids[0], "bob");
	assert_string_equal(told.uids[told.n - 2], "dave");
	assert_string_equal(told.uids[told.n - 1], "carol");
	profile_clear(&told);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_profile_has_a_version),
		CASE(the_version_grows_on_every_road),
		CASE(lists_show_avatar_and_version),
		CASE(many_profiles_are_one_request),
		CASE(a_hundred_names_are_the_most),
		CASE(an_answer_stays_below_its_bound),
		CASE(many_groups_are_one_request),
		CASE(ones_own_groups_are_listed),
		CASE(a_page_of_groups_tells_of_no_others),
		CASE(a_thousand_at_most_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
