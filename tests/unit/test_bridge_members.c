/* SPDX-License-Identifier: BSD-3-Clause */
/* Caches: the table of small sets, member lists, and how both stay within their bounds. */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdio.h>

#include "bridge/base/assoc.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/directory/members.h"
#include "bridge/directory/rights.h"
#include "tests/lib/folder.h"

/* -- assoc -- */

static void an_entry_is_found_until_it_is_dropped(void **state)
{
	struct assoc *a = assoc_new(100, 5);
	char *p;

	(void)state;
	assert_null(assoc_get(a, 0));
	p = assoc_put(a, 0);
	memcpy(p, "hello", 5);
	assert_ptr_equal(assoc_get(a, 0), p);
	assert_memory_equal(assoc_get(a, 0), "hello", 5);
	p = assoc_put(a, 0);
	assert_int_equal(p[0], 0);
	assoc_drop(a, 0);
	assert_null(assoc_get(a, 0));
	assoc_drop(a, 0);
	assoc_free(&a);
	assert_null(a);
}

static void clearing_empties_it(void **state)
{
	struct assoc *a = assoc_new(100, 8);

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (uint64_t h = 0; h < 50; h++)
			assoc_put(a, h * 0x9E3779B97F4A7C15u);
		assoc_clear(a);
		for (uint64_t h = 0; h < 50; h++)
			assert_null(assoc_get(a, h * 0x9E3779B97F4A7C15u));
	}
	assoc_free(&a);
}

static void set_to(struct assoc *a, uint64_t hash, uint64_t value)
{
	uint64_t *p = assoc_change(a, hash);

	*p = value;
}

static uint64_t value_of(const struct assoc *a, uint64_t hash)
{
	const uint64_t *p = assoc_get(a, hash);

	return p ? *p : 0;
}

static void what_is_undone_is_as_it_was(void **state)
{
	struct assoc *a = assoc_new(8, 8); /* one set */

	(void)state;
	for (uint64_t h = 0; h < 8; h++)
		set_to(a, h, h + 100);
	assoc_keep(a);
	set_to(a, 3, 1);
	set_to(a, 3, 2);
	set_to(a, 50, 7); /* in the place of the oldest */
	assert_int_equal(value_of(a, 3), 2);
	assert_int_equal(value_of(a, 50), 7);
	assert_null(assoc_get(a, 0));
	assoc_undo(a);
	for (uint64_t h = 0; h < 8; h++)
		assert_int_equal(value_of(a, h), h + 100);
	assert_null(assoc_get(a, 50));
	assoc_undo(a);
	assert_int_equal(value_of(a, 3), 103);
	set_to(a, 3, 4);
	assoc_keep(a);
	assoc_undo(a);
	assert_int_equal(value_of(a, 3), 4);
	/* What is emptied meanwhile stays empty. */
	set_to(a, 3, 5);
	assoc_clear(a);
	assoc_undo(a);
	assert_null(assoc_get(a, 3));
	assoc_free(&a);
}

static void a_full_set_gives_up_its_oldest(void **state)
{
	struct assoc *a = assoc_new(8, 8); /* one set */

	(void)state;
	for (uint64_t h = 0; h < 8; h++)
		assoc_put(a, h);
	assoc_put(a, 0); /* the oldest becomes the newest */
	assoc_put(a, 100);
	assert_non_null(assoc_get(a, 0));
	assert_null(assoc_get(a, 1));
	for (uint64_t h = 2; h < 8; h++)
		assert_non_null(assoc_get(a, h));
	assert_non_null(assoc_get(a, 100));
	assoc_free(&a);
}

/* Against a plain model: what is found is right, and the newest is always found. */
static void random_use_agrees_with_a_model(void **state)
{
	struct assoc *a = assoc_new(64, sizeof(uint64_t));
	uint64_t model[256] = {0};
	struct prng r = {7};

	(void)state;
	for (int step = 1; step < 100000; step++) {
		uint64_t h = prng_below(&r, 256);
		uint64_t *p;

		if (prng_below(&r, 3) == 0) {
			p = assoc_put(a, h);
			*p = model[h] = (uint64_t)step;
			assert_ptr_equal(assoc_get(a, h), p);
		} else if (prng_below(&r, 50) == 0) {
			assoc_drop(a, h);
			model[h] = 0;
		}
		p = assoc_get(a, h);
		if (p)
			assert_int_equal(*p, model[h]);
	}
	assoc_free(&a);
}

/* -- members and rights, over a directory -- */

struct world {
	char folder[64];
	struct directory *d;
	struct members *m;
	struct rights *r;
};

static uint64_t add_group(struct world *w, const char *gid, int kind, unsigned members)
{
	struct directory_group g = {.gid = im_str(gid),
		.kind = kind,
		.member_limit = 1000,
		.created_ms = 1,
		.name = IM_STR("")};
	uint64_t id;

	assert_int_equal(directory_group_create(w->d, &g, &id), IM_OK);
	for (unsigned i = 1; i <= members; i++) {
		struct directory_member m = {.group = id, .user = i};

		assert_int_equal(directory_member_add(w->d, &m), IM_OK);
	}
	return id;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct im_sipkey key = {{3}};
	struct im_buf why;
	char uid[16];
	uint64_t id;

	im_buf_init(&why, 0);
	strcpy(w->folder, "/tmp/im-members-XXXXXX");
	if (!mkdtemp(w->folder) || directory_open(w->folder, &w->d, &why))
		return -1;
	for (int i = 1; i <= 20; i++) {
		snprintf(uid, sizeof(uid), "user%02d", i);
		if (directory_user_create(w->d, im_str(uid), i == 20, (struct im_str){0}, 1, &id))
			return -1;
	}
	w->m = members_new(w->d, 30);
	w->r = rights_new(w->d, &key);
	im_buf_free(&why);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	members_free(&w->m);
	rights_free(&w->r);
	directory_close(&w->d);
	assert_int_equal(folder_remove(w->folder), 0);
	free(w);
	return 0;
}

static void a_list_is_read_once_and_again_when_it_changed(void **state)
{
	struct world *w = *state;
	uint64_t id = add_group(w, "g", DIRECTORY_GROUP, 3);
	const struct members_group *g;

	assert_int_equal(members_get(w->m, id, &g), IM_OK);
	assert_int_equal(g->n, 3);
	assert_str(g->uids[0], "user01");
	assert_str(g->uids[2], "user03");
	assert_int_equal(directory_member_remove(w->d, id, 2, 9), IM_OK);
	assert_int_equal(members_get(w->m, id, &g), IM_OK);
	assert_int_equal(g->n, 3);
	members_forget(w->m, id);
	assert_int_equal(members_get(w->m, id, &g), IM_OK);
	assert_int_equal(g->n, 2);
	assert_str(g->uids[1], "user03");
	assert_int_equal(members_get(w->m, 999, &g), IM_E_NONE);
}

static void an_empty_group_has_an_empty_list(void **state)
{
	struct world *w = *state;
	const struct members_group *g;

	assert_int_equal(members_get(w->m, add_group(w, "g", DIRECTORY_GROUP, 0), &g), IM_OK);
	assert_int_equal(g->n, 0);
	assert_non_null(g->uids);
}

static void a_room_keeps_no_list(void **state)
{
	struct world *w = *state;
	const struct members_group *g;

	assert_int_equal(members_get(w->m, add_group(w, "r", DIRECTORY_ROOM, 20), &g), IM_OK);
	assert_int_equal(g->n, 20);
	assert_null(g->uids);
	assert_int_equal(members_cached(w->m), 1);
}

static void groups_used_least_recently_go_first(void **state)
{
	struct world *w = *state;
	const struct members_group *g;
	uint64_t a = add_group(w, "a", DIRECTORY_GROUP, 9);
	uint64_t b = add_group(w, "b", DIRECTORY_GROUP, 9);
	uint64_t c = add_group(w, "c", DIRECTORY_GROUP, 9);
	uint64_t d = add_group(w, "d", DIRECTORY_GROUP, 9);

	assert_int_equal(members_get(w->m, a, &g), IM_OK);
	assert_int_equal(members_get(w->m, b, &g), IM_OK);
	assert_int_equal(members_get(w->m, c, &g), IM_OK);
	assert_int_equal(members_get(w->m, a, &g), IM_OK);
	assert_int_equal(members_cached(w->m), 30);
	assert_int_equal(members_get(w->m, d, &g), IM_OK); /* b goes */
	assert_int_equal(members_cached(w->m), 30);
	for (uint64_t user = 1; user <= 9; user++) {
		assert_int_equal(directory_member_remove(w->d, a, user, 9), IM_OK);
		assert_int_equal(directory_member_remove(w->d, b, user, 9), IM_OK);
	}
	assert_int_equal(members_get(w->m, a, &g), IM_OK);
	assert_int_equal(g->n, 9);
	assert_int_equal(members_get(w->m, b, &g), IM_OK);
	assert_int_equal(g->n, 0);
	members_clear(w->m);
	assert_int_equal(members_cached(w->m), 0);
}

static void a_group_larger_than_the_bound_is_served_all_the_same(void **state)
{
	struct world *w = *state;
	const struct members_group *g;
	uint64_t small = add_group(w, "s", DIRECTORY_GROUP, 2);

	members_free(&w->m);
	w->m = members_new(w->d, 5);
	assert_int_equal(members_get(w->m, small, &g), IM_OK);
	assert_int_equal(members_get(w->m, add_group(w, "l", DIRECTORY_GROUP, 20), &g), IM_OK);
	assert_int_equal(g->n, 20);
	assert_int_equal(members_get(w->m, small, &g), IM_OK);
	assert_int_equal(g->n, 2);
	assert_int_equal(members_cached(w->m), 3);
}

static void rights_follow_what_is_forgotten(void **state)
{
	struct world *w = *state;
	struct rights_user a, b;
	struct rights_group g;
	uint64_t id = add_group(w, "g", DIRECTORY_GROUP, 1);
	int role;

	assert_int_equal(rights_user(w->r, IM_STR("user01"), &a), IM_OK);
	assert_int_equal(rights_user(w->r, IM_STR("user02"), &b), IM_OK);
	assert_int_equal(rights_user(w->r, IM_STR("nobody"), &b), IM_E_UNKNOWN_USER);
	assert_int_equal(rights_user(w->r, IM_STR("user20"), &b), IM_OK);
	assert_int_equal(b.role, IM_ROLE_ADMIN);
	assert_int_equal(rights_user(w->r, IM_STR("user02"), &b), IM_OK);
	assert_int_equal(rights_direct(w->r, &a, &b, false, NULL), IM_OK);
	assert_int_equal(directory_block_add(w->d, b.id, a.id, 1), IM_OK);
	assert_int_equal(rights_direct(w->r, &a, &b, false, NULL), IM_OK);
	rights_forget(w->r, IM_STR("user02"), (struct im_str){0});
	assert_int_equal(rights_direct(w->r, &a, &b, false, NULL), IM_E_BLOCKED);
	assert_int_equal(rights_direct(w->r, &b, &a, false, NULL), IM_OK);
	assert_int_equal(rights_direct(w->r, &b, &b, false, NULL), IM_OK);

	assert_int_equal(rights_group(w->r, IM_STR("g"), &g), IM_OK);
	assert_int_equal(rights_group(w->r, IM_STR("none"), &g), IM_E_UNKNOWN_GROUP);
	assert_int_equal(rights_group(w->r, IM_STR("g"), &g), IM_OK);
	assert_int_equal(rights_send(w->r, &g, &a, 10, &role, NULL), IM_OK);
	assert_int_equal(rights_send(w->r, &g, &b, 10, &role, NULL), IM_E_NOT_MEMBER);
	assert_int_equal(directory_member_remove(w->d, id, a.id, 9), IM_OK);
	assert_int_equal(rights_send(w->r, &g, &a, 10, &role, NULL), IM_OK);
	rights_forget(w->r, IM_STR("user01"), IM_STR("g"));
	assert_int_equal(rights_send(w->r, &g, &a, 10, &role, NULL), IM_E_NOT_MEMBER);
}

static void a_users_own_policy_comes_before_the_servers(void **state)
{
	struct world *w = *state;
	struct rights_user a, b;
	const struct im_str keep = {0};

	assert_int_equal(rights_user(w->r, IM_STR("user01"), &a), IM_OK);
	rights_set_direct_policy(w->r, IM_DIRECT_CONTACTS);
	assert_int_equal(rights_user(w->r, IM_STR("user02"), &b), IM_OK);
	assert_int_equal(rights_direct(w->r, &a, &b, false, NULL), IM_E_CONTACTS_ONLY);
	assert_int_equal(directory_user_set_profile(w->d, b.id, keep, keep, keep, 1, -1), IM_OK);
	rights_clear(w->r);
	assert_int_equal(rights_user(w->r, IM_STR("user02"), &b), IM_OK);
	assert_int_equal(rights_direct(w->r, &a, &b, false, NULL), IM_OK);
	rights_set_direct_policy(w->r, IM_DIRECT_ANYONE);
	assert_int_equal(directory_user_set_profile(w->d, b.id, keep, keep, keep, 2, -1), IM_OK);
	rights_clear(w->r);
	assert_int_equal(rights_user(w->r, IM_STR("user02"), &b), IM_OK);
	assert_int_equal(rights_direct(w->r, &a, &b, false, NULL), IM_E_CONTACTS_ONLY);
}

static void slow_mode_survives_a_clock_set_back(void **state)
{
	struct world *w = *state;
	struct rights_group g = {.id = 1, .slow_ms = 1000};

	assert_int_equal(rights_pace(w->r, &g, 1, 5000), IM_OK);
	assert_int_equal(rights_pace(w->r, &g, 1, 5999), IM_E_RATE_LIMITED);
	assert_int_equal(rights_pace(w->r, &g, 2, 5999), IM_OK);
	assert_int_equal(rights_pace(w->r, &g, 1, 6000), IM_OK);
	assert_int_equal(rights_pace(w->r, &g, 1, 100), IM_OK);
}

#define W(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_found_until_it_is_dropped),
		cmocka_unit_test(clearing_empties_it),
		cmocka_unit_test(what_is_undone_is_as_it_was),
		cmocka_unit_test(a_full_set_gives_up_its_oldest),
		cmocka_unit_test(random_use_agrees_with_a_model),
		W(a_list_is_read_once_and_again_when_it_changed),
		W(an_empty_group_has_an_empty_list),
		W(a_room_keeps_no_list),
		W(groups_used_least_recently_go_first),
		W(a_group_larger_than_the_bound_is_served_all_the_same),
		W(rights_follow_what_is_forgotten),
		W(a_users_own_policy_comes_before_the_servers),
		W(slow_mode_survives_a_clock_set_back),
	};

	return cmocka_run_group_tests_name("bridge members", tests, NULL, NULL);
}
