/* SPDX-License-Identifier: BSD-3-Clause */
/* Who hears that a profile has changed, how often, and what it costs who changes it. */
#include "tests/unit/engine_fixture.h"

#include "bridge/base/cost.h"
#include "common/limits.h"

#define QUARTER_MS (15 * 60 * 1000)

static void rpc_uid_of(
	struct engine_fixture *f, const char *as, const char *method, const char *uid)
{
	char params[96];

	snprintf(params, sizeof(params), "{\"uid\":\"%s\"}", uid);
	engine_rpc(f, as, method, params);
	engine_credit(f, 2);
}

/* Bob is a contact of alice's, carol has got a message from her, dave is a stranger; all are
 * connected. */
static void know(struct engine_fixture *f)
{
	static const char *const users[] = {"alice", "bob", "carol", "dave"};

	/* A time at which an hour can have been saved up. */
	f->now.wall_ms += 4 * QUARTER_MS;
	for (size_t i = 0; i < 4; i++)
		engine_add_session(f, IM_UP_OPEN, users[i], users[i], IM_UPF_NEW_DEVICE);
	engine_send(f);
	engine_credit(f, 2);
	rpc_uid_of(f, "alice", "contact.request", "bob");
	rpc_uid_of(f, "bob", "contact.accept", "alice");
	engine_message(f, "alice", "carol", "hi");
	engine_credit(f, 2);
}

/* Returns whether anybody was told. */
static bool rename_to(struct engine_fixture *f, const char *nick)
{
	char params[96];

	snprintf(params, sizeof(params), "{\"nick\":\"%s\"}", nick);
	engine_credit(f, 4);
	engine_rpc(f, "alice", "user.update", params);
	assert_true(engine_told_part(f, "\"changed\":true"));
	return engine_told_part(f, "{\"event\":\"profile\"");
}

static void policy(struct engine_fixture *f, enum im_presence_policy p)
{
	f->rig.set.rpc.presence_policy = p;
	engine_set(f->rig.engine, &f->rig.set);
}

static void contacts_and_those_talked_to_hear_of_it(void **state)
{
	struct engine_fixture *f = *state;

	know(f);
	assert_true(rename_to(f, "Al"));
	assert_told(f, "inbox0 bob,carol event {\"event\":\"profile\",\"uid\":\"alice\","
		       "\"nick\":\"Al\",\"avatar\":\"\",\"rev\":1}");
	assert_int_equal(engine_count(f, "inbox0 "), 1);
	/* The own devices hear the whole of it, which is kept. */
	assert_told(f, "inbox alice event {\"event\":\"user\",\"uid\":\"alice\",\"nick\":\"Al\","
		       "\"avatar\":\"\",\"rev\":1,");
	engine_rpc(f, "bob", "sync", "{\"cursor\":\"\"}");
	assert_false(engine_told_part(f, "\"profile\""));
	engine_credit(f, 2);
	/* What others do not see is not told them. */
	engine_rpc(f, "alice", "user.update", "{\"read_receipts\":false}");
	assert_int_equal(engine_count(f, "inbox0 "), 0);
}

static void who_is_away_sees_it_in_lists(void **state)
{
	struct engine_fixture *f = *state;

	know(f);
	engine_add_session(f, IM_UP_CLOSE, "bob", "bob", 0);
	engine_send(f);
	engine_credit(f, 2);
	assert_true(rename_to(f, "Al"));
	assert_told(f, "inbox0 carol event {\"event\":\"profile\"");
	engine_rpc(f, "bob", "contact.list", "{}");
	assert_true(engine_told_part(f, "\"nick\":\"Al\",\"avatar\":\"\",\"rev\":1,"));
}

static void a_block_is_a_block_for_profiles_too(void **state)
{
	struct engine_fixture *f = *state;

	know(f);
	rpc_uid_of(f, "carol", "block.add", "alice");
	rpc_uid_of(f, "alice", "block.add", "bob");
	assert_false(rename_to(f, "Al"));
	rpc_uid_of(f, "carol", "block.remove", "alice");
	rename_to(f, "Ally");
	assert_told(f, "inbox0 carol event {\"event\":\"profile\"");
}

static void who_takes_no_messages_hears_no_names(void **state)
{
	struct engine_fixture *f = *state;

	know(f);
	engine_rpc(f, "carol", "user.update", "{\"direct_policy\":\"contacts\"}");
	engine_credit(f, 2);
	rename_to(f, "Al");
	assert_told(f, "inbox0 bob event {\"event\":\"profile\"");
	f->rig.set.rpc.direct_policy = IM_DIRECT_CONTACTS;
	engine_set(f->rig.engine, &f->rig.set);
	engine_rpc(f, "carol", "user.update", "{\"direct_policy\":\"default\"}");
	engine_credit(f, 2);
	rename_to(f, "Ally");
	assert_told(f, "inbox0 bob event {\"event\":\"profile\"");
}

static void it_is_told_to_who_may_see_presence(void **state)
{
	struct engine_fixture *f = *state;

	know(f);
	policy(f, IM_PRESENCE_CONTACTS);
	rename_to(f, "A");
	assert_told(f, "inbox0 bob event {\"event\":\"profile\"");
	policy(f, IM_PRESENCE_SELF);
	assert_false(rename_to(f, "B"));
	policy(f, IM_PRESENCE_EVERYONE);
	assert_true(rename_to(f, "C"));
}

static void four_changes_an_hour_are_told(void **state)
{
	struct engine_fixture *f = *state;
	char nick[8];

	know(f);
	for (int i = 0; i < 8; i++) {
		snprintf(nick, sizeof(nick), "n%d", i);
		assert_int_equal(rename_to(f, nick), i < IM_PROFILE_TOLD_PER_HOUR);
	}
	/* The version grows all the same, and the own devices hear of each. */
	assert_told(f, "inbox alice event {\"event\":\"user\",\"uid\":\"alice\",\"nick\":\"n7\","
		       "\"avatar\":\"\",\"rev\":8,");
	f->now.wall_ms += QUARTER_MS - 1;
	assert_false(rename_to(f, "early"));
	f->now.wall_ms += 1;
	assert_true(rename_to(f, "due"));
	assert_true(engine_told_part(f, "\"nick\":\"due\",\"avatar\":\"\",\"rev\":10}"));
	assert_false(rename_to(f, "again"));
	f->now.wall_ms += 30 * QUARTER_MS;
	for (int i = 0; i < 8; i++) {
		snprintf(nick, sizeof(nick), "m%d", i);
		assert_int_equal(rename_to(f, nick), i < IM_PROFILE_TOLD_PER_HOUR);
	}
	/* A clock that was set back. */
	f->now.wall_ms -= 40 * QUARTER_MS;
	for (int i = 0; i < 8; i++) {
		snprintf(nick, sizeof(nick), "k%d", i);
		assert_int_equal(rename_to(f, nick), i < IM_PROFILE_TOLD_PER_HOUR);
	}
}

static void what_is_told_is_paid_for_before_it_is_done(void **state)
{
	struct engine_fixture *f = *state;

	know(f);
	f->rig.set.rate_cost = COST_PROFILE / 4;
	engine_set(f->rig.engine, &f->rig.set);
	assert_true(rename_to(f, "a"));
	engine_rpc(f, "alice", "user.update", "{\"nick\":\"b\"}");
	assert_true(engine_told_part(f, "\"code\":-32008"));
	assert_false(engine_told_part(f, "\"event\""));
	engine_credit(f, 2);
	/* What is told to nobody costs nothing. */
	engine_rpc(f, "alice", "user.update", "{\"read_receipts\":false}");
	assert_true(engine_told_part(f, "\"changed\":true"));
	engine_credit(f, 2);
	engine_rpc(f, "alice", "user.get", "{}");
	assert_true(engine_told_part(f, "\"nick\":\"a\",\"avatar\":\"\",\"rev\":1,"));
	engine_credit(f, 2);
	f->now.wall_ms += 4000;
	assert_true(rename_to(f, "b"));
}

#define T(name)                                                                 \
	cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down), \
		cmocka_unit_test_setup_teardown(name, engine_set_up_sqlite, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(contacts_and_those_talked_to_hear_of_it),
		T(who_is_away_sees_it_in_lists),
		T(a_block_is_a_block_for_profiles_too),
		T(who_takes_no_messages_hears_no_names),
		T(it_is_told_to_who_may_see_presence),
		T(four_changes_an_hour_are_told),
		T(what_is_told_is_paid_for_before_it_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
