/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session may be subscribed to: counted by itself, and by the plugin in the fake broker of
 * either generation. */
#include <stdio.h>

#include "common/limits.h"
#include "plugin/filters.h"
#include "tests/unit/plugin_node.h"

static const struct im_sipkey key = {"0123456789abcde"};

static int add(struct filters *f, const char *filter, bool im, int broker_count)
{
	const struct filters_limits limits = {
		.im = 2, .others = 3, .levels = 9, .broker_count = broker_count};

	return filters_add(f, &key, &(struct filters_one){im_str(filter), 1, im, false}, &limits);
}

static void take_out(struct filters *f, const char *filter, bool im)
{
	filters_remove(f, &key, &(struct filters_one){im_str(filter), 1, im, false});
}

static void each_kind_has_its_bound(void **state)
{
	struct filters f = {0};

	(void)state;
	assert_int_equal(add(&f, "im/inbox/a/#", true, 0), IM_OK);
	assert_int_equal(add(&f, "im/room/x", true, 1), IM_OK);
	assert_int_equal(add(&f, "im/room/y", true, 2), IM_E_FULL);
	assert_int_equal(add(&f, "1", false, 2), IM_OK);
	assert_int_equal(add(&f, "2", false, 3), IM_OK);
	assert_int_equal(add(&f, "3", false, 4), IM_OK);
	assert_int_equal(add(&f, "4", false, 5), IM_E_FULL);
	/* Renewed, they count once. */
	assert_int_equal(add(&f, "im/room/x", true, 5), IM_OK);
	assert_int_equal(add(&f, "3", false, 5), IM_OK);
	assert_int_equal(f.n, 5);
	assert_int_equal(f.im, 2);
	assert_int_equal(f.bytes, 12 + 9 + 3);
	/* What goes makes room for one of its kind. 2.0 counts its place still. */
	take_out(&f, "im/room/x", true);
	take_out(&f, "im/room/x", true);
	assert_int_equal(add(&f, "4", false, 5), IM_E_FULL);
	assert_int_equal(add(&f, "im/room/y", true, 5), IM_OK);
	assert_int_equal(add(&f, "im/room/z", true, 5), IM_E_FULL);
	filters_clear(&f);
	assert_int_equal(f.n, 0);
}

/* The broker was restarted, and has more than was seen since. */
static void what_was_never_seen_counts_by_the_brokers_number(void **state)
{
	struct filters f = {0};

	(void)state;
	assert_int_equal(add(&f, "im/inbox/a/#", true, 4), IM_OK);
	assert_false(f.whole);
	/* It was one of those that the broker had: the number stays. */
	assert_int_equal(add(&f, "1", false, 4), IM_OK);
	assert_int_equal(add(&f, "2", false, 5), IM_E_FULL);
	assert_int_equal(add(&f, "1", false, 5), IM_OK);
	filters_clear(&f);
}

/* It has ended at the broker, of which 2.0 says nothing: what it had does not count for the next.
 */
static void what_an_earlier_session_had_does_not_count(void **state)
{
	struct filters f = {0};

	(void)state;
	assert_int_equal(add(&f, "im/room/x", true, 0), IM_OK);
	filters_begin(&f, 1);
	assert_int_equal(f.n, 1);
	filters_begin(&f, 0);
	assert_int_equal(f.n + f.im + (int)f.levels, 0);
	/* 2.0.11 says 0 of one that is shared. */
	assert_int_equal(filters_add(&f, &key, &(struct filters_one){IM_STR("s"), 1, true, true},
				 &(struct filters_limits){.im = 2, .others = 3, .levels = 9}),
		IM_OK);
	filters_begin(&f, 0);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.shared, 1);
	filters_remove(&f, &key, &(struct filters_one){IM_STR("s"), 1, true, true});
	assert_int_equal(f.shared, 0);
	filters_clear(&f);
}

static void all_of_them_have_a_length(void **state)
{
	static char text[65535];
	const struct filters_limits limits = {.im = 1, .others = 100, .levels = 4};
	const struct filters_one longest = {{text, sizeof(text)}, 4, false, false};
	struct filters f = {0};
	int i;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (i = 0; i < 5; i++) {
		text[0] = (char)('a' + i);
		assert_int_equal(
			filters_add(&f, &key, &longest, &limits), i < 4 ? IM_OK : IM_E_TOO_LARGE);
	}
	assert_int_equal(f.levels, 16);
	assert_int_equal(filters_add(&f, &key,
				 &(struct filters_one){IM_STR("abc"), 5, false, false}, &limits),
		IM_E_TOO_LARGE);
	assert_int_equal(filters_add(&f, &key,
				 &(struct filters_one){IM_STR("abc"), 4, false, false}, &limits),
		IM_OK);
	text[0] = 'a';
	filters_remove(&f, &key, &longest);
	text[0] = 'z';
	assert_int_equal(filters_add(&f, &key, &longest, &limits), IM_OK);
	assert_int_equal(f.levels, 20);
	filters_clear(&f);
}

static void many_are_found_again(void **state)
{
	const struct filters_limits limits = {
		.im = IM_SUBSCRIPTIONS_MAX, .others = IM_SUBSCRIPTIONS_MAX, .levels = 1};
	struct filters f = {0};
	char text[16];
	int i, round;

	(void)state;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 3000; i++) {
			snprintf(text, sizeof(text), "%d", i);
			assert_int_equal(
				filters_add(&f, &key,
					&(struct filters_one){im_str(text), 1, i % 2, false},
					&limits),
				IM_OK);
		}
		assert_int_equal(f.n, 3000);
		assert_int_equal(f.im, 1500);
	}
	for (i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		take_out(&f, text, i % 2);
	}
	assert_int_equal(f.n + f.im + (int)f.bytes + (int)f.levels, 0);
	filters_clear(&f);
}

/* ---- in the broker ---- */

static const char *const few[] = {
	"allow_topic", "#", "im_subscriptions", "3", "other_subscriptions", "2", NULL};

static struct mosquitto *alice(bool clean)
{
	return fake_connect(&(struct fake_spec){
		.id = "d", .user = "alice", .password = "pw", .persistent = !clean});
}

static void a_session_comes_to_its_bound(void **state)
{
	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		struct node n;
		struct mosquitto *c;

		node_start(&n, newer, few);
		c = alice(false);
		assert_true(fake_subscribe(c, "im/inbox/alice/#"));
		assert_true(fake_subscribe(c, "im/room/hall"));
		assert_true(fake_subscribe(c, "$share/g/im/inbox/alice/u/+"));
		assert_false(fake_subscribe(c, "im/presence/bob"));
		assert_true(fake_logged("im_subscriptions"));
		assert_true(fake_subscribe(c, "x/#"));
		assert_true(fake_subscribe(c, "$share/g/x/#"));
		assert_false(fake_subscribe(c, "y"));
		assert_true(fake_logged("other_subscriptions"));
		/* It comes back and renews them all. */
		fake_disconnect(c, true);
		node_settle(&n);
		c = alice(false);
		assert_true(fake_subscribe(c, "im/inbox/alice/#"));
		assert_true(fake_subscribe(c, "x/#"));
		assert_false(fake_subscribe(c, "im/presence/bob"));
		assert_false(fake_subscribe(c, "y"));
		fake_unsubscribe(c, "x/#");
		assert_true(fake_subscribe(c, "y"));
		assert_false(fake_subscribe(c, "x/#"));
		/* Anew. */
		fake_disconnect(c, false);
		node_settle(&n);
		c = alice(true);
		assert_true(fake_subscribe(c, "im/presence/bob"));
		assert_true(fake_subscribe(c, "z"));
		node_stop(&n);
	}
}

/* Of all sessions of a user, connected or away: 512 for each device that may connect. */
static void a_users_sessions_have_levels_in_all(void **state)
{
	const char *const options[] = {
		"allow_topic", "#", "max_devices", "1", "device_policy", "oldest", NULL};

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		struct node n;
		struct mosquitto *c = NULL;
		char filter[64], id[16];
		int i, taken = 0;

		node_start(&n, newer, options);
		for (i = 0; i < 40; i++) {
			if (i % 10 == 0) {
				if (c)
					fake_disconnect(c, false);
				node_settle(&n);
				snprintf(id, sizeof(id), "d%d", i / 10);
				c = fake_connect(&(struct fake_spec){.id = id,
					.user = "alice",
					.password = "pw",
					.persistent = true});
			}
			snprintf(filter, sizeof(filter), "%d/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16",
				i);
			taken += fake_subscribe(c, filter);
		}
		assert_int_equal(taken, 512 / 16);
		assert_true(fake_logged("512 levels"));
		/* A session that begins anew gives back what it had. */
		fake_disconnect(c, false);
		node_settle(&n);
		c = fake_connect(
			&(struct fake_spec){.id = "d0", .user = "alice", .password = "pw"});
		node_settle(&n);
		for (i = 0; i < 10; i++) {
			snprintf(filter, sizeof(filter), "%d/x", i);
			assert_true(fake_subscribe(c, filter));
		}
		node_stop(&n);
	}
}

static void levels_have_a_bound(void **state)
{
	struct node n;
	struct mosquitto *c;

	(void)state;
	node_start(&n, false, few);
	c = alice(true);
	assert_true(fake_subscribe(c, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"));
	assert_true(fake_subscribe(c, "$share/g/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/+"));
	fake_unsubscribe(c, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16");
	assert_false(fake_subscribe(c, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"));
	assert_true(fake_logged("16 levels"));
	assert_false(fake_subscribe(c, "////////////////"));
	assert_true(fake_subscribe(c, "///////////////"));
	/* The log names the client as every other line does. */
	c = fake_connect(&(struct fake_spec){.id = "Bob's tab/2", .user = "bob", .password = "pw"});
	assert_false(fake_subscribe(c, "////////////////"));
	assert_true(
		fake_logged("user=bob client=Bob%27s%20tab%2F2 filter=////////////////: a filter"));
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_bound),
		cmocka_unit_test(what_was_never_seen_counts_by_the_brokers_number),
		cmocka_unit_test(what_an_earlier_session_had_does_not_count),
		cmocka_unit_test(all_of_them_have_a_length),
		cmocka_unit_test(many_are_found_again),
		cmocka_unit_test(a_session_comes_to_its_bound),
		cmocka_unit_test(a_users_sessions_have_levels_in_all),
		cmocka_unit_test(levels_have_a_bound),
	};

	return cmocka_run_group_tests_name("plugin_filters", tests, NULL, NULL);
}
