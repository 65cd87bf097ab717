/* SPDX-License-Identifier: BSD-3-Clause */
/* How many client ids the bridge remembers of a user, where there are several brokers, and which
 * one makes room for a new one. */
#include "tests/unit/moves_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"
#include "common/limits.h"

#define BOB 2
#define FLEET 3

static bool is_remembered(struct trio *w, const char *device)
{
	struct directory_device dev;

	return directory_device_get(w->rig.dir, im_str(device), &dev) == IM_OK;
}

/* It was there, at the broker of this number, and has acknowledged something. */
static void was_at(struct trio *w, uint64_t user, const char *device, int64_t ms, unsigned number)
{
	struct im_str name = im_str(device);

	assert_int_equal(directory_device_bind(w->rig.dir, name, user, ms, 1), IM_OK);
	assert_int_equal(directory_device_set_home(w->rig.dir, name, number, ms), IM_OK);
}

static void comes(struct trio *w, unsigned i, const char *user, const char *device, int64_t ts_ms)
{
	const struct im_up_rec r = trio_open(user, device, ts_ms);

	trio_connects(w, i, user, device, ts_ms);
	trio_say(w, i, &r);
}

/* An account may have very many: for a new one the one goes that is unseen longest, and no more. */
static void of_a_full_account_one_goes_for_each_that_comes(void **state)
{
	struct trio *w = *state;
	char device[32];
	uint64_t n;

	comes(w, 1, "fleet", "veh-000000", 1);
	assert_int_equal(directory_begin(w->rig.dir), IM_OK);
	assert_int_equal(directory_device_remove(w->rig.dir, IM_STR("own")), IM_OK);
	for (int i = 1; i < IM_ACCOUNT_DEVICES_MAX; i++) {
		snprintf(device, sizeof(device), "veh-%06d", i);
		assert_int_equal(
			directory_device_bind(w->rig.dir, im_str(device), FLEET, 1 + i, 1), IM_OK);
	}
	assert_int_equal(directory_commit(w->rig.dir), IM_OK);
	trio_restart(w);
	trio_link_all(w);
	comes(w, 0, "fleet", "veh-new", 1000000);
	assert_int_equal(directory_device_count(w->rig.dir, FLEET, &n), IM_OK);
	assert_int_equal(n, IM_ACCOUNT_DEVICES_MAX);
	assert_true(is_remembered(w, "veh-000000")); /* connected */
	assert_false(is_remembered(w, "veh-000001"));
	comes(w, 2, "fleet", "veh-newer", 1000001);
	assert_int_equal(directory_device_count(w->rig.dir, FLEET, &n), IM_OK);
	assert_int_equal(n, IM_ACCOUNT_DEVICES_MAX);
	assert_false(is_remembered(w, "veh-000002"));
	assert_true(is_remembered(w, "veh-000003"));
}

/* Nobody is connected where there is no broker any more. */
static void who_was_at_a_broker_that_was_removed_is_not_in_use(void **state)
{
	struct trio *w = *state;

	assert_int_equal(directory_begin(w->rig.dir), IM_OK);
	assert_int_equal(directory_device_remove(w->rig.dir, IM_STR("phone")), IM_OK);
	assert_int_equal(directory_device_remove(w->rig.dir, IM_STR("tablet")), IM_OK);
	assert_int_equal(directory_device_remove(w->rig.dir, IM_STR("desk")), IM_OK);
	assert_int_equal(directory_device_remove(w->rig.dir, IM_STR("tv")), IM_OK);
	was_at(w, BOB, "old-1", 10, TRIO_SIDES + 1);
	was_at(w, BOB, "old-2", 11, TRIO_SIDES + 1);
	was_at(w, BOB, "here", 12, 1);
	assert_int_equal(directory_commit(w->rig.dir), IM_OK);
	w->rig.set.sessions.remembered_devices = 3;
	trio_restart(w);
	/* While not all have been heard of, it may be at one of them by now. */
	trio_link(w, 0);
	trio_snapshot(w, 0);
	comes(w, 0, "bob", "new-1", 1000);
	assert_true(is_remembered(w, "old-1"));
	assert_false(is_remembered(w, "here"));
	trio_link(w, 1);
	trio_snapshot(w, 1);
	trio_link(w, 2);
	trio_snapshot(w, 2);
	comes(w, 1, "bob", "new-2", 1001);
	assert_false(is_remembered(w, "old-1"));
	assert_true(is_remembered(w, "old-2"));
	assert_true(is_remembered(w, "new-1"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, trio_start, trio_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(of_a_full_account_one_goes_for_each_that_comes),
		T(who_was_at_a_broker_that_was_removed_is_not_in_use),
	};

	return cmocka_run_group_tests_name("bridge remembered", tests, NULL, NULL);
}
