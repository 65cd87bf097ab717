/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of messages and signals on their way in: what they cost. */
#include "engine_fixture.h"
static void make_team(struct engine_fixture *f)
{
	engine_rpc(f, "alice", "group.create",
		"{\"gid\":\"team\",\"join\":\"open\",\"members\":[\"bob\",\"carol\"]}");
}

/* -- mentions -- */

/* -- cost -- */

/* How many of n messages of this user's to the team are refused for their cost. */
static unsigned refused(struct engine_fixture *f, const char *from, int n)
{
	unsigned count = 0;

	for (int i = 0; i < n; i++) {
		engine_message(f, from, "g/team", "x");
		count += engine_told_part(f, "\"code\":-32008");
	}
	return count;
}

static void a_group_message_costs_its_members(void **state)
{
	struct engine_fixture *f = *state;

	make_team(f);
	f->set.rate_cost = 3; /* twelve at once, three a message */
	engine_set(f->engine, &f->set);
	for (int i = 0; i < 6; i++)
		engine_add_message(f, "bob", "g/team", "{\"id\":\"x\",\"body\":1}");
	engine_send(f);
	/* One, and five repeats that cost nothing. */
	assert_false(engine_told_part(f, "\"code\":-32008"));
	assert_int_equal(refused(f, "bob", 6), 3);
	/* A direct message is paid for at the plugin; others have their own; and time brings more.
	 */
	engine_message(f, "bob", "alice", "x");
	assert_told(f, "message bob/phone 1 ");
	assert_int_equal(refused(f, "carol", 4), 0);
	f->now.wall_ms += 1000;
	assert_int_equal(refused(f, "bob", 2), 1);
}

static void a_reading_request_is_paid_before_it_is_asked(void **state)
{
	struct engine_fixture *f = *state;

	f->set.rate_cost = 30; /* a hundred and twenty at once */
	engine_set(f->engine, &f->set);
	for (int i = 0; i < 3; i++) {
		engine_rpc(f, "alice", "conv.list", "{\"limit\":20}");
		assert_int_equal(engine_told_part(f, "\"code\":-32008"), i == 2);
	}
	engine_rpc(f, "bob", "conv.list", "{\"limit\":20}");
	assert_false(engine_told_part(f, "\"code\":-32008"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_group_message_costs_its_members),
		CASE(a_reading_request_is_paid_before_it_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
