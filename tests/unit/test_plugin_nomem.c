/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory or the directory give out while a login is looked at: that is a fault of the node, and
 * said to be one. It is no verdict about the password, and is held against nobody. What grows a
 * buffer is wrapped by the linker.
 */
#include "tests/unit/auth_fixture.h"

static bool none_left;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	return none_left ? NULL : __real_realloc(p, n);
}

static void assert_fault(struct fixture *f, const char *uid, const char *why)
{
	struct auth_verdict v = fixture_check(f, uid, "pw");

	assert_false(v.accepted);
	assert_int_equal(v.no.kind, DENIAL_FAULT);
	assert_string_equal(v.no.why, why);
	assert_int_equal(auth_stats(f->a)->wrong, 0);
}

static void a_password_is_not_too_long_when_memory_runs_out(void **state)
{
	struct fixture f = {0};
	struct lookup_user u;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	assert_int_equal(lookup_user(f.d, IM_STR("alice"), &u), IM_OK);
	none_left = true;
	assert_fault(&f, "alice", "out of memory");
	none_left = false;
	assert_true(fixture_accepts(&f, "alice", "pw"));
	fixture_stop(&f);
}

static void a_password_that_cannot_be_read_is_not_wrong(void **state)
{
	struct fixture f = {0};
	struct lookup_user u;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	/* The user is remembered, his password is not. */
	assert_int_equal(lookup_user(f.d, IM_STR("alice"), &u), IM_OK);
	lookup_rest(f.d);
	node_sql(&f.n, "ALTER TABLE user RENAME TO away");
	assert_fault(&f, "alice", "directory.db cannot be read");
	node_sql(&f.n, "ALTER TABLE away RENAME TO user");
	lookup_rest(f.d);
	assert_true(fixture_accepts(&f, "alice", "pw"));
	fixture_stop(&f);
}

static void a_user_who_cannot_be_read_has_not_changed_meanwhile(void **state)
{
	const struct auth_login l = {IM_STR("alice"), IM_STR("pw"), IM_STR("192.0.2.1"), false};
	struct fixture f = {0};
	struct auth_verdict v;
	struct auth_hash h;
	int64_t took_us;
	int result;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	auth_begin(f.a, &l, &v, &h);
	assert_true(v.later);
	result = hash_work_run(&h.work, l.password, &f.clock, &took_us);
	lookup_forget_user(f.d, l.uid);
	node_sql(&f.n, "ALTER TABLE user RENAME TO away");
	auth_finish(f.a, l.uid, &h, result, took_us, &v);
	assert_false(v.accepted);
	assert_int_equal(v.no.kind, DENIAL_FAULT);
	assert_string_equal(v.no.why, "directory.db cannot be read");
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_not_too_long_when_memory_runs_out),
		cmocka_unit_test(a_password_that_cannot_be_read_is_not_wrong),
		cmocka_unit_test(a_user_who_cannot_be_read_has_not_changed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
