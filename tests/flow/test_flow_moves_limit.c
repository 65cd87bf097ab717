/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is held over three brokers: how many devices a person may have, under either policy, and a
 * client id that two devices have. And devices of a device account, which go about as well.
 */
#include "tests/flow/flow_trio.h"

#include <stdio.h>

/* bob has, beside phone and tablet, what his devices are called here. */
static struct flow_device *comes(struct flow_trio *c, unsigned at, const char *name)
{
	struct flow_device *d = NULL;

	for (size_t i = 0; i < c->f->n_devices; i++)
		if (strcmp(c->f->devices[i]->name, name) == 0)
			d = c->f->devices[i];
	if (!d)
		d = flow_trio_device(c, at, "bob", name);
	d->at = c->at[at];
	free(d->last_event);
	d->last_event = NULL;
	(void)flow_connect(d);
	flow_settle(c->f);
	return d;
}

/* What it was told of its end. */
static bool was_ended(const struct flow_device *d, const char *reason)
{
	char part[64];

	snprintf(part, sizeof(part), "\"reason\":\"%s\",\"retry\":\"%s\"", reason,
		strcmp(reason, "contested") == 0 ? "later" : "no");
	return d->end && strstr(d->end, part);
}

static bool was_told(const struct flow_device *d, const char *part)
{
	return d->last_event && strstr(d->last_event, part);
}

/* Nobody of bob's is there, he may have so many, and this is what becomes of one more. */
static void begin(struct flow_trio *c, unsigned max, const char *policy)
{
	char json[128];

	for (unsigned i = 0; i < FLOW_TRIO; i++)
		c->at[i]->device_policy = policy;
	for (unsigned i = 0; i < FLOW_TRIO; i++) {
		flow_kill_broker(c->at[i]);
		flow_start_broker(c->at[i]);
	}
	flow_pass(c->f, 1000);
	assert_true(flow_connect(c->root) && flow_connect(c->alice) && flow_connect(c->carol));
	snprintf(json, sizeof(json),
		"{\"command\":\"setUserMaxDevices\",\"username\":\"bob\",\"max_devices\":%u}", max);
	flow_command(c->root, json);
}

/* The phone is not there, and is not to come by itself. */
static void pass(struct flow_trio *c)
{
	for (int i = 0; i < 3; i++)
		flow_pass(c->f, 150);
}

static void one_too_many_is_refused_wherever_it_comes(void **state)
{
	struct flow_trio *c = *state;
	struct flow_device *a, *b, *d;

	begin(c, 2, "refuse");
	for (unsigned i = 0; i < 6; i++) {
		a = comes(c, i % 3, "bob-a");
		b = comes(c, (i + 1) % 3, "bob-b");
		d = comes(c, (i + 2) % 3, "bob-d");
		pass(c);
		assert_true(flow_trio_is_there(a) && flow_trio_is_there(b));
		assert_int_equal(flow_trio_lives(c, "bob-d"), 0);
		assert_true(was_ended(d, "max_devices"));
		assert_true(was_told(a, "{\"event\":\"device\",\"action\":\"refuse\",\"device\":"
					"\"bob-d\"}"));
		/* One that moves takes no second place. */
		flow_abandon(a);
		a = comes(c, (i + 2) % 3, "bob-a");
		pass(c);
		assert_true(flow_trio_is_there(a) && flow_trio_is_there(b));
		flow_disconnect(b, false);
		flow_settle(c->f);
		d = comes(c, i % 3, "bob-d");
		pass(c);
		assert_true(flow_trio_is_there(a) && flow_trio_is_there(d));
		flow_disconnect(a, true);
		flow_disconnect(d, true);
		flow_pass(c->f, 30000);
	}
}

static void the_one_connected_longest_gives_way_wherever_it_is(void **state)
{
	static const char *const names[] = {"bob-a", "bob-b", "bob-d", "bob-e"};
	struct flow_trio *c = *state;
	struct flow_device *d[4];

	begin(c, 2, "oldest");
	for (unsigned i = 0; i < 12; i++) {
		unsigned gone = (i + 2) % 4, next = i % 4, other = (i + 3) % 4;
		unsigned events = i ? d[other]->events : 0;

		d[next] = comes(c, (i * 5 + i / 3) % 3, names[next]);
		flow_pass(c->f, 2000);
		pass(c);
		assert_true(flow_trio_is_there(d[next]));
		if (i < 2)
			continue;
		assert_true(flow_trio_is_there(d[other]));
		assert_false(flow_trio_is_there(d[gone]));
		assert_true(was_ended(d[gone], "replaced"));
		/* Once, by its broker's plugin or by the bridge. */
		assert_int_equal(d[other]->events, events + 1);
		assert_true(was_told(d[other], "\"action\":\"replace\""));
		assert_true(was_told(d[other], names[gone]));
		assert_true(was_told(d[other], names[next]));
	}
}

/* Each broker lets one in at the same moment, and there is room for one. */
static void two_newcomers_leave_one(void **state)
{
	static const char *const policies[] = {"refuse", "oldest"};
	struct flow_trio *c = *state;
	struct flow_device *a = flow_trio_device(c, 1, "bob", "bob-a");
	struct flow_device *b = flow_trio_device(c, 2, "bob", "bob-b");

	for (unsigned k = 0; k < 2; k++) {
		begin(c, 1, policies[k]);
		for (unsigned i = 0; i < 8; i++) {
			a->at = c->at[1 + i % 2];
			b->at = c->at[2 - i % 2];
			flow_trio_connect(a);
			flow_trio_connect(b);
			for (unsigned s = 0; s < i; s++)
				flow_step(c->f);
			pass(c);
			assert_int_equal(flow_trio_is_there(a) + flow_trio_is_there(b), 1);
			/* And it stays so, whoever is asked again. */
			if (i % 4 == 3)
				flow_trio_restart_bridge(c);
			for (unsigned s = 0; s < 3; s++)
				flow_pass(c->f, 10000);
			assert_int_equal(flow_trio_is_there(a) + flow_trio_is_there(b), 1);
			flow_disconnect(a, false);
			flow_disconnect(b, false);
			flow_settle(c->f);
			flow_pass(c->f, 20000);
		}
	}
}

/* What was let in while nobody counted is counted when the bridge is there again. */
static void it_is_counted_after_the_bridge_was_away(void **state)
{
	struct flow_trio *c = *state;
	struct flow_device *a, *b, *d;

	begin(c, 2, "refuse");
	a = comes(c, 0, "bob-a");
	flow_kill_bridge(c->n);
	flow_pass(c->f, 1000);
	b = comes(c, 1, "bob-b");
	flow_pass(c->f, 1000);
	d = comes(c, 2, "bob-d");
	pass(c);
	assert_true(flow_trio_is_there(b) && flow_trio_is_there(d));
	flow_start_bridge(c->n);
	pass(c);
	pass(c);
	assert_true(flow_trio_is_there(a));
	assert_int_equal(flow_trio_is_there(b) + flow_trio_is_there(d), 1);
	/* A broker that has died keeps nobody out. */
	flow_kill_broker(c->at[0]);
	flow_settle(c->f);
	b = comes(c, 1, "bob-b");
	d = comes(c, 2, "bob-d");
	pass(c);
	assert_true(flow_trio_is_there(b) && flow_trio_is_there(d));
	flow_start_broker(c->at[0]);
	assert_true(flow_connect(c->root) && flow_connect(c->alice));
	pass(c);
	assert_true(flow_trio_is_there(b) && flow_trio_is_there(d));
}

/* -- one client id, two devices -- */

/* Each comes back as soon as it is thrown out. */
static void two_devices_with_one_client_id_are_told_apart(void **state)
{
	struct flow_trio *c = *state;
	struct flow_device *one = flow_trio_device(c, 1, "bob", "bob-same");
	struct flow_device *two = flow_trio_device(c, 2, "bob", "bob-same");
	unsigned ends = 0, contested = 0;

	for (unsigned i = 0; i < 40; i++) {
		struct flow_device *d = i % 2 ? two : one;

		if (!flow_trio_is_there(d)) {
			ends += was_ended(d, "moved");
			contested += was_ended(d, "contested");
			flow_trio_connect(d);
		}
		flow_pass(c->f, 250);
		flow_pass(c->f, 250);
	}
	assert_int_equal(flow_trio_lives(c, "bob-same"), 1);
	assert_in_range(ends, 4, 6);
	assert_true(contested > 2);
	/* His others are told, once. */
	assert_true(was_told(c->tablet, "\"action\":\"contested\",\"device\":\"bob-same\""));
	assert_int_equal(c->tablet->events - c->tablet->hellos, 1);
}

/* -- device accounts -- */

static struct flow_device *thing(struct flow_trio *c, unsigned at, const char *name)
{
	struct flow_device *d = flow_trio_device(c, at, "fleet", name);

	d->thing = true;
	d->persistent = true;
	d->acks = false;
	flow_trio_connect(d);
	return d;
}

static void make_fleet(struct flow_trio *c)
{
	flow_command(c->root,
		"{\"command\":\"setUserRole\",\"username\":\"fleet\",\"role\":\"device\"}");
	flow_command(c->root,
		"{\"command\":\"setUserBind\",\"username\":\"fleet\",\"pattern\":\"veh-*\"}");
}

static void say_to(struct flow_trio *c, const char *conv, unsigned *n)
{
	char body[32];

	snprintf(body, sizeof(body), "t-%u-", ++*n);
	assert_true(flow_send(c->alice, conv, NULL, body));
	flow_settle(c->f);
}

static void a_device_accounts_devices_go_about_as_well(void **state)
{
	struct flow_trio *c = *state;
	struct flow_device *one, *two;
	unsigned n = 0;

	make_fleet(c);
	one = thing(c, 0, "veh-1");
	two = thing(c, 1, "veh-2");
	flow_settle(c->f);
	for (unsigned i = 0; i < 12; i++) {
		say_to(c, "u/fleet", &n);
		flow_trio_leave(one, (enum flow_leaving)(i % 3));
		say_to(c, "u/fleet", &n);
		flow_trio_come(c, one, (i + 1) % 3);
		say_to(c, "u/fleet", &n);
		if (i % 4 == 3)
			flow_trio_restart_bridge(c);
		for (unsigned k = 0; k < 10; k++) {
			flow_pass(c->f, 450);
			if (!flow_trio_is_there(one) && !flow_trio_was_ended(one))
				flow_trio_connect(one);
		}
		assert_int_equal(flow_trio_lives(c, "veh-1"), 1);
		assert_int_equal(flow_trio_lives(c, "veh-2"), 1);
		assert_true(flow_trio_is_there(one));
		assert_int_equal(flow_conv(one, "u/alice")->n, n);
		assert_int_equal(flow_conv(two, "u/alice")->n, n);
		assert_int_equal(one->twice, 0);
		assert_int_equal(two->twice, 0);
	}
	/* All of them at one broker, and as many as it has room for at each: no count over all. */
	assert_true(engine_health(c->n->rig.engine)->devices_over == 0);
}

#define T(name) FLOW_TEST(name, flow_trio_start, flow_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_too_many_is_refused_wherever_it_comes),
		T(the_one_connected_longest_gives_way_wherever_it_is),
		T(two_newcomers_leave_one),
		T(it_is_counted_after_the_bridge_was_away),
		T(two_devices_with_one_client_id_are_told_apart),
		T(a_device_accounts_devices_go_about_as_well),
	};

	return cmocka_run_group_tests_name("flow moves limit", tests, NULL, NULL);
}
