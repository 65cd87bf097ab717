/* SPDX-License-Identifier: BSD-3-Clause */
/* The caches of names and of numbers: what they hold, what gives way. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/directory/names.h"
#include "bridge/store/idcache.h"

struct fixture {
	char folder[64];
	struct directory *d;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct im_buf why;
	assert_non_null(f);
	snprintf(f->folder, sizeof(f->folder), "%s/names-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->folder));
	im_buf_init(&why, 0);
	assert_int_equal(directory_open(f->folder, &f->d, &why), IM_OK);
	im_buf_free(&why);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char path[96];
	directory_close(&f->d);
	snprintf(path, sizeof(path), "%s/directory.db", f->folder);
	unlink(path);
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

static void add_users(struct directory *d, int n)
{
	assert_int_equal(directory_begin(d), IM_OK);
	for (int i = 1; i <= n; i++) {
		char uid[32];
		uint64_t id;
		snprintf(uid, sizeof(uid), "user-%d", i);
		assert_int_equal(
			directory_user_create(d, im_str(uid), 0, IM_STR(""), 1, &id), IM_OK);
		assert_int_equal(id, i);
	}
	assert_int_equal(directory_commit(d), IM_OK);
}

static void names_of_users_and_groups_do_not_mix(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct names *n = names_new(d, 100);
	struct directory_group g = {.gid = IM_STR("team"), .member_limit = 5};
	struct im_str name;
	uint64_t id;
	add_users(d, 2);
	assert_int_equal(directory_group_create(d, &g, &id), IM_OK);
	assert_int_equal(id, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(names_user(n, 1, &name), IM_OK);
		assert_str(name, "user-1");
		assert_int_equal(names_group(n, 1, &name), IM_OK);
		assert_str(name, "team");
		assert_int_equal(names_user(n, 2, &name), IM_OK);
		assert_str(name, "user-2");
	}
	names_free(&n);
	assert_null(n);
	names_free(&n);
}

static void an_unknown_id_is_said_so_and_not_kept(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct names *n = names_new(d, 8);
	struct im_str name;
	assert_int_equal(names_user(n, 1, &name), IM_E_NONE);
	assert_int_equal(names_user(n, 0, &name), IM_E_NONE);
	assert_int_equal(names_group(n, 0, &name), IM_E_NONE);
	add_users(d, 1);
	assert_int_equal(names_user(n, 1, &name), IM_OK);
	assert_str(name, "user-1");
	names_free(&n);
}

static void names_of_the_deleted_and_of_full_length_are_found(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct names *n = names_new(d, 1);
	char uid[65];
	struct im_str name;
	uint64_t id;
	memset(uid, 'x', 64);
	uid[64] = '\0';
	assert_int_equal(directory_user_create(d, im_str(uid), 0, IM_STR(""), 1, &id), IM_OK);
	assert_int_equal(directory_user_delete(d, id, 9), IM_OK);
	assert_int_equal(names_user(n, id, &name), IM_OK);
	assert_str_eq(name, im_str(uid));
	names_free(&n);
}

static void a_small_cache_serves_many_names(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct names *n = names_new(d, 16);
	struct prng r = {3};
	add_users(d, 200);
	for (int i = 0; i < 5000; i++) {
		uint32_t id = 1 + prng_below(&r, 200);
		char uid[32];
		struct im_str name;
		snprintf(uid, sizeof(uid), "user-%u", id);
		assert_int_equal(names_user(n, id, &name), IM_OK);
		assert_str_eq(name, im_str(uid));
	}
	names_free(&n);
}

static void what_is_used_stays_when_room_is_needed(void **state)
{
	struct directory *d = ((struct fixture *)*state)->d;
	struct names *n = names_new(d, 8); /* one bucket */
	struct im_str name;
	add_users(d, 100);
	assert_int_equal(names_user(n, 1, &name), IM_OK);
	for (uint64_t id = 2; id <= 100; id++) {
		assert_int_equal(names_user(n, id, &name), IM_OK);
		assert_int_equal(names_user(n, 1, &name), IM_OK);
	}
	/* Closed: only what is kept can still be told. */
	directory_close(&((struct fixture *)*state)->d);
	assert_int_equal(names_user(n, 1, &name), IM_OK);
	assert_str(name, "user-1");
	names_free(&n);
}

static void put(struct idcache *c, uint64_t k0, uint64_t k1, uint64_t v)
{
	idcache_put(c, k0, k1, (const uint64_t[IDCACHE_VALUES]){v, 2 * v, 3 * v, 4 * v});
}

static void numbers_are_kept_replaced_and_dropped(void **state)
{
	struct idcache c;
	uint64_t v[IDCACHE_VALUES];
	(void)state;
	assert_int_equal(idcache_init(&c, 100), IM_OK);
	assert_false(idcache_get(&c, 1, 2, v));
	put(&c, 1, 2, 10);
	put(&c, 1, 3, 11);
	assert_true(idcache_get(&c, 1, 2, v));
	for (uint64_t i = 0; i < IDCACHE_VALUES; i++)
		assert_int_equal(v[i], 10 * (i + 1));
	put(&c, 1, 2, 12);
	assert_true(idcache_get(&c, 1, 2, v));
	assert_int_equal(v[0], 12);
	idcache_drop(&c, 1, 2);
	idcache_drop(&c, 1, 2);
	assert_false(idcache_get(&c, 1, 2, v));
	assert_true(idcache_get(&c, 1, 3, v));
	idcache_reset(&c);
	assert_false(idcache_get(&c, 1, 3, v));
	idcache_clear(&c);
}

static void in_a_bucket_the_one_unused_longest_gives_way(void **state)
{
	struct idcache c;
	uint64_t v[IDCACHE_VALUES];
	(void)state;
	assert_int_equal(idcache_init(&c, 4), IM_OK); /* one bucket */
	for (uint64_t k = 1; k <= 4; k++)
		put(&c, k, 0, k);
	assert_true(idcache_get(&c, 1, 0, v));
	put(&c, 5, 0, 5);
	assert_false(idcache_get(&c, 2, 0, v));
	for (uint64_t k = 1; k <= 5; k++)
		if (k != 2)
			assert_true(idcache_get(&c, k, 0, v));
	idcache_drop(&c, 3, 0);
	put(&c, 6, 0, 6);
	for (uint64_t k = 4; k <= 6; k++)
		assert_true(idcache_get(&c, k, 0, v));
	assert_true(idcache_get(&c, 1, 0, v));
	idcache_clear(&c);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_of_users_and_groups_do_not_mix),
		TEST(an_unknown_id_is_said_so_and_not_kept),
		TEST(names_of_the_deleted_and_of_full_length_are_found),
		TEST(a_small_cache_serves_many_names),
		TEST(what_is_used_stays_when_room_is_needed),
		cmocka_unit_test(numbers_are_kept_replaced_and_dropped),
		cmocka_unit_test(in_a_bucket_the_one_unused_longest_gives_way),
	};
	return cmocka_run_group_tests_name("bridge_names", tests, NULL, NULL);
}
