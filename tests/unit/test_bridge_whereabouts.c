/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a user may be: what presence knows, what homes are read and kept, and when in doubt. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "bridge/deliver/whereabouts.h"
#include "common/limits.h"

struct world {
	struct presence *presence;
	struct whereabouts *w;
	split_mask homes; /* of everybody */
	int rc;
	unsigned reads;
};

static int homes(void *arg, struct im_str uid, split_mask *out)
{
	struct world *w = arg;

	(void)uid;
	w->reads++;
	*out = w->homes;
	return w->rc;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct im_sipkey key = {{1}};

	w->presence = presence_new(3);
	w->w = whereabouts_new(w->presence, &key, homes, w);
	*state = w;
	return w->w ? 0 : -1;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	whereabouts_free(&w->w);
	presence_free(&w->presence);
	free(w);
	return 0;
}

static split_mask of(struct world *w, const char *uid)
{
	whereabouts_begin(w->w);
	return whereabouts_of(w->w, im_str(uid));
}

static void open_at(struct world *w, unsigned peer, const char *uid, const char *device, int rc)
{
	assert_int_equal(presence_open(w->presence, peer, im_str(uid), im_str(device), 1), rc);
}

static void he_is_where_his_devices_are_and_where_one_has_left_a_session(void **state)
{
	struct world *w = *state;

	assert_int_equal(of(w, "bob"), 0);
	open_at(w, 2, "bob", "phone", IM_OK);
	open_at(w, 0, "bob", "tablet", IM_OK);
	assert_int_equal(of(w, "bob"), 5);
	assert_int_equal(of(w, "alice"), 0);
	w->homes = 8;
	whereabouts_changed(w->w, IM_STR("bob"));
	assert_int_equal(of(w, "bob"), 13);
	assert_true(presence_close(w->presence, 2, IM_STR("bob"), IM_STR("phone"), 2));
	assert_int_equal(of(w, "bob"), 9);
	presence_snapshot_begin(w->presence, 0);
	assert_int_equal(of(w, "bob"), 9);
	presence_snapshot_end(w->presence, 0, 3);
	assert_int_equal(of(w, "bob"), 8);
}

static void homes_are_read_once(void **state)
{
	struct world *w = *state;

	w->homes = 2;
	for (int i = 0; i < 5; i++)
		assert_int_equal(of(w, "bob"), 2);
	assert_int_equal(w->reads, 1);
	w->homes = 4;
	assert_int_equal(of(w, "bob"), 2);
	whereabouts_changed(w->w, IM_STR("alice"));
	assert_int_equal(of(w, "bob"), 2);
	whereabouts_changed(w->w, IM_STR("bob"));
	assert_int_equal(of(w, "bob"), 4);
	assert_int_equal(w->reads, 2);
	/* After a rollback nothing that was read is true. */
	w->homes = 2;
	whereabouts_part(w->w).forget(w->w);
	assert_int_equal(of(w, "bob"), 2);
}

static void whoever_cannot_be_told_is_everywhere(void **state)
{
	struct world *w = *state;
	char uid[IM_UID_MAX + 2];

	w->homes = IM_PEERS_ALL;
	assert_int_equal(of(w, "device-account"), IM_PEERS_ALL);
	w->homes = 1;
	assert_int_equal(of(w, "device-account/its-level"), IM_PEERS_ALL);
	assert_int_equal(of(w, ""), IM_PEERS_ALL);
	memset(uid, 'u', sizeof(uid));
	uid[IM_UID_MAX + 1] = '\0';
	assert_int_equal(of(w, uid), IM_PEERS_ALL);
	uid[IM_UID_MAX] = '\0';
	assert_int_equal(of(w, uid), 1);
	/* What could not be read is not kept. */
	w->rc = IM_E_IO;
	assert_int_equal(of(w, "bob"), IM_PEERS_ALL);
	w->rc = IM_OK;
	assert_int_equal(of(w, "bob"), 1);
}

/* A delivery to very many waits for a bounded number of them. */
static void not_all_homes_are_read_for_one_delivery(void **state)
{
	struct world *w = *state;
	char uid[16];
	unsigned known = 0, before;

	w->homes = 1;
	whereabouts_begin(w->w);
	for (int i = 0; i < 5000; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		known += whereabouts_of(w->w, im_str(uid)) == 1;
	}
	assert_int_equal(known, w->reads);
	assert_in_range(known, 100, 2000);
	for (int k = 0; k < 50; k++) {
		whereabouts_begin(w->w);
		for (int i = 0; i < 5000; i++) {
			snprintf(uid, sizeof(uid), "u%d", i);
			whereabouts_of(w->w, im_str(uid));
		}
	}
	before = w->reads;
	whereabouts_begin(w->w);
	for (int i = 0; i < 5000; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		assert_int_equal(whereabouts_of(w->w, im_str(uid)), 1);
	}
	assert_int_equal(w->reads, before);
}

/* What presence has had no room for may be anybody. */
static void a_plugin_with_more_devices_than_are_kept_has_everybody(void **state)
{
	struct world *w = *state;

	open_at(w, 0, "a", "1", IM_OK);
	open_at(w, 0, "a", "2", IM_OK);
	open_at(w, 1, "b", "3", IM_OK);
	open_at(w, 1, "c", "4", IM_E_FULL);
	assert_int_equal(of(w, "a"), 3);
	assert_int_equal(of(w, "c"), 2);
	/* Until its next snapshot has found room for all. */
	presence_snapshot_begin(w->presence, 1);
	open_at(w, 1, "b", "3", IM_OK);
	open_at(w, 1, "c", "4", IM_E_FULL);
	assert_int_equal(of(w, "c"), 2);
	presence_snapshot_end(w->presence, 1, 1);
	assert_int_equal(of(w, "c"), 2);
	presence_snapshot_begin(w->presence, 0);
	presence_snapshot_end(w->presence, 0, 1);
	assert_int_equal(of(w, "a"), 2);
	presence_snapshot_begin(w->presence, 1);
	open_at(w, 1, "b", "3", IM_OK);
	open_at(w, 1, "c", "4", IM_OK);
	assert_int_equal(of(w, "a"), 2);
	presence_snapshot_end(w->presence, 1, 1);
	assert_int_equal(of(w, "a"), 0);
	assert_int_equal(of(w, "c"), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(he_is_where_his_devices_are_and_where_one_has_left_a_session),
		T(homes_are_read_once),
		T(whoever_cannot_be_told_is_everywhere),
		T(not_all_homes_are_read_for_one_delivery),
		T(a_plugin_with_more_devices_than_are_kept_has_everybody),
	};

	return cmocka_run_group_tests_name("whereabouts", tests, NULL, NULL);
}
