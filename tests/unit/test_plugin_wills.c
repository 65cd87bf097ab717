/* SPDX-License-Identifier: BSD-3-Clause */
/* Which wills the broker is to send of connections that the node ends, and which have waited too
 * long; in both broker generations. */
#include "common/wire.h"
#include "tests/unit/plugin_node.h"

static void each(void (*test)(struct node *n))
{
	static const char *const options[] = {"allow_topic", "plant/#", NULL};

	node_each(test, options);
}

static struct mosquitto *with_will(const struct fake_spec *how)
{
	const struct fake_spec s = {.id = "phone",
		.user = "alice",
		.password = "pw",
		.version = how->version,
		.persistent = how->persistent,
		.will_topic = how->will_topic ? how->will_topic : "im/u/bob",
		.will = "gone",
		.will_delayed = how->will_delayed};

	return fake_connect(&s);
}

static void end(struct node *n, enum im_end why, int64_t at_ms, uint64_t elsewhere)
{
	const struct im_down_rec r = {.type = IM_DOWN_KICK_DEVICE,
		.flags = (uint8_t)why,
		.user = IM_STR("alice"),
		.device = IM_STR("phone"),
		.epoch = (uint64_t)at_ms,
		.recno = elsewhere};

	node_down(n, &r, NULL, 0);
	fake_turn();
}

/* The phone is at broker 3 by now. */
static void moved(struct node *n)
{
	const struct im_down_rec hello = {
		.type = IM_DOWN_HELLO, .epoch = 1, .recno = 2, .flags = IM_DOWNF_SEVERAL};

	node_down(n, &hello, NULL, 0);
	node_settle(n);
	end(n, IM_END_MOVED, n->wall_ms, 3);
	node_end(n);
}

static size_t wills(struct node *n)
{
	size_t sent;

	node_settle(n);
	sent = node_count(n, IM_UP_MSG_USER);
	assert_true(!sent || node_find(n, IM_UP_MSG_USER, 0)->flags & IM_UPF_WILL);
	node_forget_records(n);
	return sent;
}

/* As where the newer connection is at the same broker. */
static void of_one_that_has_moved(struct node *n)
{
	static const struct {
		struct fake_spec how;
		size_t sent;
	} all[] = {
		{{.version = 4}, 1},
		{{.version = 4, .persistent = true}, 0},
		{{.version = 5}, 1},
		{{.version = 5, .persistent = true}, 1},
		{{.version = 5, .persistent = true, .will_delayed = true}, 0},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct mosquitto *c = with_will(&all[i].how);

		assert_non_null(c);
		node_settle(n);
		moved(n);
		assert_false(fake_connected(c));
		assert_int_equal(wills(n), all[i].sent);
		node_pass(n, 1000);
		/* Its device is back. */
		if (all[i].how.will_delayed)
			fake_delayed_will(c);
		assert_int_equal(wills(n), 0);
	}
}

/* On an ordinary topic, which the broker serves itself. */
static void of_one_that_has_moved_to_others(struct node *n)
{
	struct mosquitto *other = node_client(n, "bob", "watch", 4);

	assert_true(fake_subscribe(other, "plant/#"));
	for (int kept = 0; kept < 2; kept++) {
		struct mosquitto *c = with_will(&(struct fake_spec){.version = 5,
			.persistent = kept,
			.will_delayed = kept,
			.will_topic = "plant/will"});

		node_settle(n);
		moved(n);
		if (kept)
			fake_delayed_will(c);
		node_settle(n);
		assert_int_equal(fake_received(other) != NULL, !kept);
		node_pass(n, 1000);
	}
}

/* It has gone by itself, and is elsewhere before its will is due. */
static void of_one_that_was_away(struct node *n)
{
	static const struct fake_spec kept = {
		.version = 5, .persistent = true, .will_delayed = true};

	for (int is_moved = 0; is_moved < 2; is_moved++) {
		struct mosquitto *c = with_will(&kept);

		node_settle(n);
		fake_disconnect(c, true);
		node_pass(n, 1000);
		if (is_moved)
			moved(n);
		fake_delayed_will(c);
		assert_int_equal(wills(n), !is_moved);
	}
}

/* Having heard of its end, it does not wait for it. */
static void of_one_that_breaks_off(struct node *n)
{
	struct mosquitto *c = with_will(&(struct fake_spec){.version = 4, .persistent = true});

	node_settle(n);
	end(n, IM_END_MOVED, n->wall_ms, 3);
	assert_true(fake_connected(c));
	fake_disconnect(c, true);
	assert_int_equal(wills(n), 1);
}

static void of_others_that_are_ended(struct node *n)
{
	for (unsigned why = 0; why < IM_ENDS; why++) {
		struct mosquitto *c;

		if (why == IM_END_MOVED)
			continue;
		c = with_will(&(struct fake_spec){.version = 5});
		node_settle(n);
		end(n, (enum im_end)why, 0, 0);
		node_end(n);
		assert_false(fake_connected(c));
		assert_int_equal(wills(n), 0);
	}
}

static void of_a_device_that_has_moved(void **state)
{
	(void)state;
	each(of_one_that_has_moved);
	each(of_one_that_has_moved_to_others);
	each(of_one_that_was_away);
	each(of_one_that_breaks_off);
}

static void of_who_is_ended_otherwise(void **state)
{
	(void)state;
	each(of_others_that_are_ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_device_that_has_moved),
		cmocka_unit_test(of_who_is_ended_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
