/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles, passwords, blocks, presence, and what bounds the hashing of passwords. */
#include "tests/unit/rpc_fixture.h"

#include "bridge/directory/directory_user.h"
#include "bridge/rpc/hash_budget.h"
#include "bridge/rpc/password.h"

static bool disk_fails;

int __real_writer_event(struct writer *w, uint64_t user, struct im_str uid, const struct event *e);
int __wrap_writer_event(struct writer *w, uint64_t user, struct im_str uid, const struct event *e);

int __wrap_writer_event(struct writer *w, uint64_t user, struct im_str uid, const struct event *e)
{
	return disk_fails ? IM_E_IO : __real_writer_event(w, user, uid, e);
}

/* What was not written is tried again: nobody is forgotten or disconnected for it. */
static void a_change_that_failed_has_no_effects(void **state)
{
	struct rpc_fixture *f = *state;

	assert_int_equal(directory_device_bind(
				 writer_directory(f->w), IM_STR("tablet"), rpc_uid(f, "bob"), 5, 0),
		IM_OK);
	rpc_commit(f);
	disk_fails = true;
	assert_int_equal(rpc_do(f, "bob", "user.update", "{\"nick\":\"Bobby\"}"), IM_E_IO);
	assert_int_equal(f->told.n, 0);
	assert_int_equal(rpc_do(f, "bob", "device.remove", "{\"device\":\"tablet\"}"), IM_E_IO);
	assert_int_equal(f->told.n, 0);
	disk_fails = false;
}

static void a_profile_shows_others_less(void **state)
{
	struct rpc_fixture *f = *state;

	assert_json(rpc_ok(f, "alice", "user.get", "{}"),
		"{\"uid\":\"alice\",\"nick\":\"\",\"avatar\":\"\",\"rev\":0,\"role\":\"user\","
		"\"direct_policy\":\"default\",\"read_receipts\":true,\"created\":1000000}");
	assert_json(rpc_ok(f, "bob", "user.update",
			    "{\"nick\":\"Bob \\\"B\\\"\",\"avatar\":\"http://x/b.png\","
			    "\"ext\":{\"team\":7},\"direct_policy\":\"contacts\","
			    "\"read_receipts\":false}"),
		"{\"changed\":true}");
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"user\",\"uid\":\"bob\","
				"\"nick\":\"Bob \\\"B\\\"\""));
	assert_true(rpc_told(f, "forget_user bob"));
	assert_json(rpc_ok(f, "alice", "user.get", "{\"uid\":\"bob\"}"),
		"{\"uid\":\"bob\",\"nick\":\"Bob \\\"B\\\"\",\"avatar\":\"http://x/b.png\","
		"\"rev\":1,\"ext\":{\"team\":7}}");
	assert_json(rpc_ok(f, "bob", "user.update", "{\"nick\":\"Bob \\\"B\\\"\"}"),
		"{\"changed\":false}");
	assert_int_equal(f->told.n, 0);
	rpc_ok(f, "bob", "user.update", "{\"ext\":{}}");
	rpc_ok(f, "bob", "user.get", "{\"uid\":\"bob\"}");
	assert_null(rpc_at(f->result, "ext"));
	assert_text(f->result, "direct_policy", "contacts");
	rpc_no(f, IM_E_UNKNOWN_USER, "bob", "user.get", "{\"uid\":\"nobody\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "user.get", "{\"uid\":\"no body\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "user.update", "{\"direct_policy\":\"x\"}");
}

static void too_large_an_ext_is_refused(void **state)
{
	struct rpc_fixture *f = *state;
	char params[5000] = "{\"ext\":{\"a\":\"";
	size_t n = strlen(params);

	memset(params + n, 'x', 4200);
	strcpy(params + n + 4200, "\"}}");
	rpc_no(f, IM_E_TOO_LARGE, "bob", "user.update", params);
}

static void a_password_is_changed_by_who_knows_the_old_one(void **state)
{
	struct rpc_fixture *f = *state;
	struct directory_user u;
	char phc[IM_PHC_MAX];

	assert_int_equal(password_hash(&f->set, IM_STR("old one"), phc), IM_OK);
	rpc_add_user(f, "erin", phc);
	rpc_no(f, IM_E_NOT_ALLOWED, "erin", "user.password",
		"{\"old\":\"wrong\",\"new\":\"new one\"}");
	f->now_ms += 10000;
	rpc_no(f, IM_E_INVALID_PARAMS, "erin", "user.password",
		"{\"old\":\"old one\",\"new\":\"\"}");
	assert_json(rpc_ok(f, "erin", "user.password", "{\"old\":\"old one\",\"new\":\"new one\"}"),
		"{\"changed\":true}");
	assert_true(rpc_told(f, "forget_user erin"));
	assert_int_equal(directory_user_get(f->reader_dir, IM_STR("erin"), &u), IM_OK);
	assert_int_equal(im_phc_verify(u.password, IM_STR("new one")), IM_OK);
	rpc_no(f, IM_E_RATE_LIMITED, "erin", "user.password",
		"{\"old\":\"new one\",\"new\":\"x\"}");
	/* Whoever else is connected goes, but not the device that asks. */
	f->now_ms += 10000;
	effects_set_level(f->fx, IM_PLUGIN_LEVEL);
	rpc_ok(f, "erin", "user.password", "{\"old\":\"new one\",\"new\":\"newest\"}");
	assert_true(rpc_told(f, "credential erin phone\n"));
	assert_false(rpc_told(f, "forget_user"));
	effects_set_level(f->fx, 0);
	f->now_ms += 10000;
	rpc_no(f, IM_E_NOT_ALLOWED, "alice", "user.password", "{\"old\":\"\",\"new\":\"x\"}");
}

/* From a database of before what is brought along had a bound: the engine would stand still. */
static void a_hash_that_would_hold_up_the_node_is_not_looked_at(void **state)
{
	static const char dear[] = "$argon2id$v=19$m=262144,t=16,p=1$c29tZXNhbHQ$"
				   "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
	struct rpc_fixture *f = *state;

	rpc_add_user(f, "erin", dear);
	rpc_no(f, IM_E_NOT_ALLOWED, "erin", "user.password", "{\"old\":\"pw\",\"new\":\"x\"}");
	assert_non_null(strstr(f->why.p, "administrator"));
	/* Nothing was spent on it. */
	assert_int_equal(f->budget.spent_ms, 0);
	f->set.password_memory_kib = 262144;
	f->set.password_passes = 16;
	assert_false(password_holds_up(&f->set, im_str(dear)));
	f->set.password_memory_kib = f->set.password_passes = 0;
}

static void hashing_is_bounded_for_each_and_for_all(void **state)
{
	struct hash_budget b;

	(void)state;
	hash_budget_init(&b);
	assert_true(hash_budget_take(&b, 1, 100000, 30));
	assert_false(hash_budget_take(&b, 1, 100000, 30));
	assert_false(hash_budget_take(&b, 1, 101999, 30));
	assert_true(hash_budget_take(&b, 1, 102000, 30));
	/* A clock that jumps back locks nobody out. */
	assert_true(hash_budget_take(&b, 1, 5000, 30));
	for (int i = 0; i < 1000; i++)
		assert_true(hash_budget_take(&b, 7, 1000000 + i * 2000, 30));
	/* All together have an eighth of the time, however much one costs. */
	for (int64_t cost_ms = 1; cost_ms <= 1000; cost_ms *= 10) {
		int64_t spent_ms = 0;

		hash_budget_init(&b);
		for (int i = 0; i < 100000; i++) {
			if (hash_budget_take(&b, 1 + (uint64_t)i % 200, 1 + i, cost_ms))
				spent_ms += cost_ms;
		}
		assert_in_range(spent_ms, 1, 100000 / 8 + HASH_BUDGET_SAVED_MS + cost_ms);
		assert_true(cost_ms == 1 || spent_ms > 10000);
	}
}

static void who_changes_passwords_all_the_time_keeps_nobody_else_from_it(void **state)
{
	struct hash_budget b;
	int i;

	(void)state;
	hash_budget_init(&b);
	/* Twenty users, each as often as it may, for five minutes; somebody else every ten seconds.
	 */
	for (i = 0; i < 300 * 100; i++) {
		(void)hash_budget_take(&b, 1 + (uint64_t)i % 20, 1000000 + i * 10, 30);
		if (i % 1000 == 500)
			assert_true(hash_budget_take(&b, 1000 + (uint64_t)i, 1000000 + i * 10, 30));
	}
}

static void blocking_is_idempotent_and_listed(void **state)
{
	struct rpc_fixture *f = *state;

	assert_json(rpc_ok(f, "bob", "block.add", "{\"uid\":\"alice\"}"), "{\"changed\":true}");
	assert_true(rpc_told(f, "inbox bob event {\"event\":\"block\",\"action\":\"add\","
				"\"uid\":\"alice\""));
	assert_false(rpc_told(f, "inbox alice"));
	assert_true(rpc_told(f, "forget_user bob"));
	assert_true(rpc_told(f, "forget_user alice"));
	assert_json(rpc_ok(f, "bob", "block.add", "{\"uid\":\"alice\"}"), "{\"changed\":false}");
	assert_int_equal(f->told.n, 0);
	rpc_ok(f, "bob", "block.add", "{\"uid\":\"dave\"}");
	assert_json(rpc_ok(f, "bob", "block.list", "{\"limit\":1}"),
		"{\"blocks\":[{\"uid\":\"alice\",\"nick\":\"\",\"avatar\":\"\",\"rev\":0}],"
		"\"more\":true,"
		"\"next\":\"alice\"}");
	assert_json(rpc_ok(f, "bob", "block.list", "{\"next\":\"alice\"}"),
		"{\"blocks\":[{\"uid\":\"dave\",\"nick\":\"\",\"avatar\":\"\",\"rev\":0}],\"more\":"
		"false}");
	assert_json(rpc_ok(f, "bob", "block.remove", "{\"uid\":\"alice\"}"), "{\"changed\":true}");
	assert_json(rpc_ok(f, "bob", "block.remove", "{\"uid\":\"alice\"}"), "{\"changed\":false}");
	assert_json(rpc_ok(f, "alice", "block.list", "{}"), "{\"blocks\":[],\"more\":false}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "block.add", "{\"uid\":\"bob\"}");
	rpc_no(f, IM_E_UNKNOWN_USER, "bob", "block.add", "{\"uid\":\"nobody\"}");
	rpc_no(f, IM_E_UNKNOWN_USER, "bob", "block.remove", "{\"uid\":\"nobody\"}");
}

static void presence_is_shown_by_policy(void **state)
{
	struct rpc_fixture *f = *state;

	assert_json(rpc_ok(f, "bob", "presence.get", "{\"uids\":[\"alice\",\"bob\"]}"),
		"{\"users\":[{\"uid\":\"alice\",\"state\":\"offline\"},{\"uid\":\"bob\","
		"\"state\":\"offline\"}],\"more\":false}");
	assert_int_equal(
		directory_user_set_online(writer_directory(f->w), rpc_uid(f, "alice"), true, 1234),
		IM_OK);
	rpc_commit(f);
	assert_json(rpc_ok(f, "bob", "presence.get", "{\"uids\":[\"alice\"]}"),
		"{\"users\":[{\"uid\":\"alice\",\"state\":\"online\",\"seen\":1234}],\"more\":"
		"false}");
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"bob\"}");
	assert_json(rpc_ok(f, "bob", "presence.get", "{\"uids\":[\"alice\"]}"),
		"{\"users\":[{\"uid\":\"alice\",\"state\":\"offline\"}],\"more\":false}");
	f->set.presence_policy = IM_PRESENCE_CONTACTS;
	assert_json(rpc_ok(f, "carol", "presence.get", "{\"uids\":[\"alice\"]}"),
		"{\"users\":[{\"uid\":\"alice\",\"state\":\"offline\"}],\"more\":false}");
	f->set.presence_policy = IM_PRESENCE_SELF;
	assert_json(rpc_ok(f, "alice", "presence.get", "{\"uids\":[\"alice\"]}"),
		"{\"users\":[{\"uid\":\"alice\",\"state\":\"online\",\"seen\":1234}],\"more\":"
		"false}");
	assert_json(
		rpc_ok(f, "alice", "presence.get", "{\"uids\":[\"nobody\",\"alice\",\"noone\"]}"),
		"{\"users\":[{\"uid\":\"alice\",\"state\":\"online\",\"seen\":1234}],\"more\":"
		"false,"
		"\"unknown\":[\"nobody\",\"noone\"]}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "presence.get", "{\"uids\":[\"bob\",\"no body\"]}");
}

static int on_change(void *arg, const struct presence_change *c)
{
	im_buf_reset(arg);
	im_buf_str(arg, c->json);
	assert_true(c->mark);
	return IM_OK;
}

static void a_device_says_how_present_it_is(void **state)
{
	struct rpc_fixture *f = *state;
	struct im_buf told;

	im_buf_init(&told, 0);
	presence_set_names(f->presence, true);
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "presence.set", "{\"state\":\"away\"}");
	assert_int_equal(presence_open(f->presence, 0, IM_STR("bob"), IM_STR("phone"), 1), IM_OK);
	assert_int_equal(presence_open(f->presence, 0, IM_STR("bob"), IM_STR("tablet"), 2), IM_OK);
	assert_json(rpc_ok(f, "bob", "presence.set", "{\"state\":\"suspended\"}"),
		"{\"changed\":true}");
	assert_json(rpc_ok(f, "bob", "presence.set", "{\"state\":\"suspended\"}"),
		"{\"changed\":false}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "presence.set", "{\"state\":\"offline\"}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "presence.set", "{\"state\":\"busy\"}");
	rpc_ok_on(f, "bob", "tablet", "presence.set", "{\"state\":\"away\"}");
	assert_int_equal(presence_tell(f->presence, 10, on_change, &told), IM_OK);
	assert_buf(&told, "{\"uid\":\"bob\",\"state\":\"away\",\"ts\":1000000,\"devices\":["
			  "{\"device\":\"phone\",\"state\":\"suspended\"},"
			  "{\"device\":\"tablet\",\"state\":\"away\"}]}");
	presence_settle(f->presence, true);
	/* A snapshot keeps what was said, a new connection starts anew. */
	presence_snapshot_begin(f->presence, 0);
	assert_int_equal(presence_open(f->presence, 0, IM_STR("bob"), IM_STR("phone"), 3), IM_OK);
	presence_snapshot_end(f->presence, 0, 3);
	assert_int_equal(presence_tell(f->presence, 10, on_change, &told), IM_OK);
	assert_buf(&told, "{\"uid\":\"bob\",\"state\":\"suspended\",\"ts\":3,\"devices\":["
			  "{\"device\":\"phone\",\"state\":\"suspended\"}]}");
	presence_settle(f->presence, true);
	assert_int_equal(presence_open(f->presence, 0, IM_STR("bob"), IM_STR("phone"), 4), IM_OK);
	assert_int_equal(presence_tell(f->presence, 10, on_change, &told), IM_OK);
	assert_buf(&told, "{\"uid\":\"bob\",\"state\":\"online\",\"ts\":4,\"devices\":["
			  "{\"device\":\"phone\",\"state\":\"online\"}]}");
	im_buf_free(&told);
	assert_int_equal(directory_user_set_online(
				 writer_directory(f->w), rpc_uid(f, "bob"), PRESENCE_AWAY, 9),
		IM_OK);
	rpc_commit(f);
	assert_json(rpc_ok(f, "alice", "presence.get", "{\"uids\":[\"bob\"]}"),
		"{\"users\":[{\"uid\":\"bob\",\"state\":\"away\",\"seen\":9}],\"more\":false}");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_change_that_failed_has_no_effects),
		CASE(a_profile_shows_others_less),
		CASE(too_large_an_ext_is_refused),
		CASE(a_hash_that_would_hold_up_the_node_is_not_looked_at),
		CASE(a_password_is_changed_by_who_knows_the_old_one),
		cmocka_unit_test(hashing_is_bounded_for_each_and_for_all),
		cmocka_unit_test(who_changes_passwords_all_the_time_keeps_nobody_else_from_it),
		CASE(blocking_is_idempotent_and_listed),
		CASE(presence_is_shown_by_policy),
		CASE(a_device_says_how_present_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
