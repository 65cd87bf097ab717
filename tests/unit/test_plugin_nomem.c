/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory or the directory give out while a login is looked at: that is a fault of the node, and
 * said to be one. It is no verdict about the password, and is held against nobody. What grows a
 * buffer, and what hashes, is wrapped by the linker.
 */
#include "tests/unit/auth_fixture.h"

#include <stdio.h>

#include "plugin/hashers.h"
#include "plugin/throttle.h"

static bool none_left, none_for_hashing;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	return none_left ? NULL : __real_realloc(p, n);
}

void __real_hash_work_run(const struct hash_work *w, struct im_str password, const struct clock *c,
	struct hash_done *out);
void __wrap_hash_work_run(const struct hash_work *w, struct im_str password, const struct clock *c,
	struct hash_done *out);

void __wrap_hash_work_run(const struct hash_work *w, struct im_str password, const struct clock *c,
	struct hash_done *out)
{
	if (!none_for_hashing)
		__real_hash_work_run(w, password, c, out);
	else
		*out = (struct hash_done){
			.result = IM_E_NOMEM, .took_us = 2 * THROTTLE_OTHERS_TURN_US};
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
	const struct auth_login l = {.uid = IM_STR("alice"),
		.password = IM_STR("pw"),
		.address = IM_STR("192.0.2.1"),
		.idle = true};
	struct fixture f = {0};
	struct auth_verdict v;
	struct auth_hash h;
	struct hash_done done;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	auth_begin(f.a, &l, &v, &h);
	assert_true(v.later);
	hash_work_run(&h.work, l.password, &f.clock, &done);
	lookup_forget_user(f.d, l.uid);
	node_sql(&f.n, "ALTER TABLE user RENAME TO away");
	auth_finish(f.a, l.uid, &h, &done, &v);
	assert_false(v.accepted);
	assert_int_equal(v.no.kind, DENIAL_FAULT);
	assert_string_equal(v.no.why, "directory.db cannot be read");
	fixture_stop(&f);
}

static void what_could_not_be_hashed_is_no_wrong_password_of_this_turn(void **state)
{
	struct fixture f = {0};

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	f.one_turn = true;
	none_for_hashing = true;
	for (int i = 0; i < 3; i++)
		assert_fault(&f, "alice", "out of memory");
	none_for_hashing = false;
	assert_true(fixture_accepts(&f, "bob", "pw"));
	assert_int_equal(auth_stats(f.a)->throttled, 0);
	fixture_stop(&f);
}

#define SIGNATURE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* What is written with escapes needs memory to be read: in the name of a claim, in its value, in
 * the header. */
static void a_token_is_not_malformed_when_memory_runs_out(void **state)
{
	static const char *const tokens[] = {
		/* {"alg":"HS256"} {"\u0073ub":"alice","exp":1763650100} */
		"eyJhbGciOiJIUzI1NiJ9."
		"eyJcdTAwNzN1YiI6ImFsaWNlIiwiZXhwIjoxNzYzNjUwMTAwfQ." SIGNATURE,
		/* {"alg":"HS256"} {"sub":"\u0061lice","exp":1763650100} */
		"eyJhbGciOiJIUzI1NiJ9."
		"eyJzdWIiOiJcdTAwNjFsaWNlIiwiZXhwIjoxNzYzNjUwMTAwfQ." SIGNATURE,
		/* {"alg":"HS256","kid":"def\u0061ult"} {"sub":"alice","exp":1763650100} */
		"eyJhbGciOiJIUzI1NiIsImtpZCI6ImRlZlx1MDA2MXVsdCJ9."
		"eyJzdWIiOiJhbGljZSIsImV4cCI6MTc2MzY1MDEwMH0." SIGNATURE,
	};
	struct options_pair o = {"jwt_secret_file", NULL};
	struct fixture f = {0};
	struct lookup_user u;
	char path[128];

	(void)state;
	node_folder(&f.n);
	f.n.wall_ms = NOW * INT64_C(1000);
	fixture_file(&f, "secret", SECRET "\n");
	snprintf(path, sizeof(path), "%s/secret", f.n.dir);
	o.value = path;
	fixture_start(&f, &o, 1);
	assert_int_equal(lookup_user(f.d, IM_STR("alice"), &u), IM_OK);
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct auth_verdict v;

		/* What remembers logins has its buffer. */
		v = fixture_check(&f, "alice", tokens[i]);
		assert_string_equal(v.no.why, "token's signature is wrong");
		none_left = true;
		v = fixture_check(&f, "alice", tokens[i]);
		none_left = false;
		assert_int_equal(v.no.kind, DENIAL_FAULT);
		assert_string_equal(v.no.why, "out of memory");
	}
	assert_int_equal(auth_stats(f.a)->wrong, sizeof(tokens) / sizeof(tokens[0]));
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_not_too_long_when_memory_runs_out),
		cmocka_unit_test(a_password_that_cannot_be_read_is_not_wrong),
		cmocka_unit_test(a_user_who_cannot_be_read_has_not_changed_meanwhile),
		cmocka_unit_test(what_could_not_be_hashed_is_no_wrong_password_of_this_turn),
		cmocka_unit_test(a_token_is_not_malformed_when_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
