/* SPDX-License-Identifier: BSD-3-Clause */
/* A fresh hash from a login replaces the one that it was made of, and no other. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"
#include "db/sqldb.h"

#define OLD                                                                           \
	"$6$uSQ1Hpv4lGyrKZ5a$OeVgcBV4RnOM4psq4jmSX6nA2JPpLd0FJZW7XWo+uyWpDYBKgx0KY2c" \
	"UR1t8niNe/DvknM0PHcX+eydbKlRORg=="
#define FRESH "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"
#define FRESHER "$argon2id$v=19$m=16,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"

/* What the plugin reads of bob, who is number 2. */
static struct im_rehash which(struct engine_fixture *f)
{
	struct im_rehash r = {.user = 2};
	sqlite3_stmt *s = NULL;
	char path[256];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/directory.db", f->rig.folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(
			db, "SELECT credential, rehashed FROM user WHERE id = 2", -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	r.credential = sqlite3_column_int64(s, 0);
	r.rehashed = (uint64_t)sqlite3_column_int64(s, 1);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return r;
}

static void set_password(struct engine_fixture *f, const char *phc)
{
	assert_int_equal(directory_begin(f->rig.dir), IM_OK);
	assert_int_equal(directory_user_set_password(f->rig.dir, 2, im_str(phc)), IM_OK);
	assert_int_equal(directory_commit(f->rig.dir), IM_OK);
}

static void assert_password(struct engine_fixture *f, const char *phc)
{
	struct directory_user u;

	assert_int_equal(directory_user_by_id(f->rig.dir, 2, &u), IM_OK);
	assert_str_eq(u.password, im_str(phc));
}

static void send(struct engine_fixture *f, const struct im_rehash *r, const char *phc)
{
	char target[IM_REHASH_BYTES];

	im_rehash_write(target, r);
	engine_add(f, (struct im_up_rec){.type = IM_UP_REHASH,
			      .user = IM_STR("bob"),
			      .target = {target, sizeof(target)},
			      .payload = im_str(phc)});
	engine_send(f);
}

static void the_hash_that_was_compared_with_is_replaced(void **state)
{
	struct engine_fixture *f = *state;
	struct im_rehash r, before;

	set_password(f, OLD);
	before = r = which(f);
	send(f, &r, FRESH);
	assert_password(f, FRESH);
	/* Nobody is told of anything, since the password is the same. */
	assert_not_told(f, "credential");
	assert_not_told(f, "forget");
	assert_not_told(f, "kick");
	r = which(f);
	assert_true(r.credential == before.credential);
	assert_int_equal(r.rehashed, 1);
	/* Two logins at once, or a repeat of it. */
	send(f, &before, FRESHER);
	assert_password(f, FRESH);
	send(f, &r, FRESHER);
	assert_password(f, FRESHER);
}

static void a_password_that_has_changed_stays(void **state)
{
	struct engine_fixture *f = *state;
	struct im_rehash r;

	set_password(f, OLD);
	r = which(f);
	set_password(f, FRESHER);
	assert_false(which(f).credential == r.credential);
	send(f, &r, FRESH);
	assert_password(f, FRESHER);
	/* Nor is one given to who has none any more. */
	set_password(f, OLD);
	r = which(f);
	set_password(f, "");
	send(f, &r, FRESH);
	assert_password(f, "");
	/* The same text again is the same password. */
	set_password(f, OLD);
	r = which(f);
	set_password(f, OLD);
	assert_true(which(f).credential == r.credential);
	/* A disabled user keeps his account, a deleted one nothing. */
	assert_int_equal(directory_begin(f->rig.dir), IM_OK);
	assert_int_equal(directory_user_set_disabled(f->rig.dir, 2, true), IM_OK);
	assert_int_equal(directory_commit(f->rig.dir), IM_OK);
	send(f, &r, FRESH);
	assert_password(f, FRESH);
	r = which(f);
	assert_int_equal(directory_begin(f->rig.dir), IM_OK);
	assert_int_equal(directory_user_delete(f->rig.dir, 2, 1), IM_OK);
	assert_int_equal(directory_commit(f->rig.dir), IM_OK);
	send(f, &r, FRESHER);
	assert_password(f, "");
}

static void what_is_no_fresh_hash_is_passed_over(void **state)
{
	struct engine_fixture *f = *state;
	uint64_t before = engine_health(f->rig.engine)->records_malformed;
	struct im_rehash r;

	set_password(f, OLD);
	r = which(f);
	send(f, &r, "secret");
	send(f, &r, OLD);
	send(f, &r, "");
	engine_add(f, (struct im_up_rec){.type = IM_UP_REHASH,
			      .user = IM_STR("bob"),
			      .target = IM_STR("2"),
			      .payload = IM_STR(FRESH)});
	engine_send(f);
	assert_password(f, OLD);
	assert_int_equal(engine_health(f->rig.engine)->records_malformed, before + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_hash_that_was_compared_with_is_replaced,
			engine_set_up, engine_tear_down),
		cmocka_unit_test_setup_teardown(
			a_password_that_has_changed_stays, engine_set_up, engine_tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_no_fresh_hash_is_passed_over, engine_set_up, engine_tear_down),
	};

	return cmocka_run_group_tests_name("bridge_rehash", tests, NULL, NULL);
}
