/* SPDX-License-Identifier: BSD-3-Clause */
/* A busy room: what its viewers get, what they are spared, and that all of it is stored. */
#include "bridge/deliver/ceiling.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"
#include "tests/unit/engine_fixture.h"

/* -- the buckets -- */

struct alone {
	struct ceiling *c;
	struct tx_part part;
};

static struct alone alone(int64_t rate)
{
	static const struct im_sipkey key = {"0123456789abcde"};
	static struct health health;
	struct alone a = {.c = ceiling_new(&key, &health)};

	health = (struct health){0};
	ceiling_set(a.c, rate);
	a.part = ceiling_part(a.c);
	return a;
}

/* How many of n pass. */
static int pass(struct alone *a, uint64_t room, int64_t now_ms, int n)
{
	int passed = 0;

	while (n-- > 0)
		passed += ceiling_passes(a->c, room, now_ms, CEILING_SAID);
	return passed;
}

/* The same of what is no message. */
static int beside(struct alone *a, uint64_t room, int64_t now_ms, int n)
{
	int passed = 0;

	while (n-- > 0)
		passed += ceiling_passes(a->c, room, now_ms, CEILING_BESIDE);
	return passed;
}

static void each_room_has_a_second_s_worth(void **state)
{
	struct alone a = alone(20);

	(void)state;
	assert_int_equal(pass(&a, 1, 10000, 50), 20);
	assert_int_equal(pass(&a, 2, 10000, 50), 20);
	assert_int_equal(pass(&a, 1, 10049, 50), 0);
	assert_int_equal(pass(&a, 1, 10050, 50), 1);
	assert_int_equal(pass(&a, 1, 10300, 50), 5);
	assert_int_equal(pass(&a, 1, 99999, 50), 20);
	/* A clock that is set back silences no room until it is where it was. */
	assert_int_equal(pass(&a, 1, 1000, 50), 0);
	assert_int_equal(pass(&a, 1, 2000, 50), 20);
	ceiling_set(a.c, 1);
	assert_int_equal(pass(&a, 3, 1000, 50), 1);
	assert_int_equal(pass(&a, 3, 1999, 50), 0);
	assert_int_equal(pass(&a, 3, 2000, 50), 1);
	ceiling_set(a.c, 0);
	assert_int_equal(pass(&a, 3, 2000, 50), 50);
	ceiling_free(&a.c);
}

static void what_is_not_spared_takes_its_share(void **state)
{
	struct alone a = alone(10);

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_true(ceiling_passes(a.c, 1, 1000, CEILING_NONE));
	assert_int_equal(pass(&a, 1, 1000, 10), 2);
	for (int i = 0; i < 1000; i++)
		assert_true(ceiling_passes(a.c, 1, 1000, CEILING_NONE));
	/* And is paid off within two seconds. */
	assert_int_equal(pass(&a, 1, 2000, 10), 0);
	assert_int_equal(pass(&a, 1, 3000, 10), 10);
	ceiling_free(&a.c);
}

/* Neither can take all of a room, and both together get no more than there is. */
static void messages_and_what_is_beside_them_keep_their_shares(void **state)
{
	struct alone a = alone(20);
	int said = 0, others = 0;

	(void)state;
	/* All of it, where nothing else is said; and the others have half all the same. */
	assert_int_equal(pass(&a, 1, 1000, 100), 20);
	assert_int_equal(beside(&a, 1, 1000, 100), 10);
	assert_int_equal(beside(&a, 2, 1000, 100), 10);
	assert_int_equal(pass(&a, 2, 1000, 100), 10);
	for (int64_t now_ms = 10000; now_ms < 20000; now_ms += 10) {
		others += beside(&a, 3, now_ms, 5);
		said += pass(&a, 3, now_ms, 5);
	}
	assert_in_range(others, 105, 110);
	assert_in_range(said, 95, 110);
	/* Whoever comes first. */
	said = others = 0;
	for (int64_t now_ms = 10000; now_ms < 20000; now_ms += 10) {
		said += pass(&a, 4, now_ms, 5);
		others += beside(&a, 4, now_ms, 5);
	}
	assert_in_range(others, 105, 110);
	assert_in_range(said, 95, 120);
	/* One a second is one in two seconds of each. */
	ceiling_set(a.c, 1);
	said = others = 0;
	for (int64_t now_ms = 100000; now_ms < 200000; now_ms += 100) {
		others += beside(&a, 5, now_ms, 3);
		said += pass(&a, 5, now_ms, 3);
	}
	assert_in_range(others, 49, 51);
	assert_in_range(said, 40, 60);
	ceiling_free(&a.c);
}

static void a_rollback_gives_back_what_was_taken(void **state)
{
	struct alone a = alone(10);

	(void)state;
	assert_int_equal(beside(&a, 9, 1000, 10), 5);
	a.part.rollback(a.part.arg, 1, false);
	assert_int_equal(beside(&a, 9, 1000, 10), 5);
	assert_int_equal(pass(&a, 9, 1000, 10), 5);
	a.part.commit(a.part.arg);
	a.part.rollback(a.part.arg, 1, false);
	assert_int_equal(beside(&a, 9, 1000, 10), 0);
	assert_int_equal(pass(&a, 1, 1000, 4), 4);
	a.part.commit(a.part.arg);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pass(&a, 1, 1000, 10), 6);
		assert_int_equal(pass(&a, 2, 1000, 20), 10);
		a.part.rollback(a.part.arg, 1, i == 1);
	}
	assert_int_equal(pass(&a, 1, 1000, 10), 6);
	a.part.commit(a.part.arg);
	a.part.rollback(a.part.arg, 1, false);
	assert_int_equal(pass(&a, 1, 1000, 10), 0);
	assert_int_equal(pass(&a, 2, 1000, 20), 10);
	a.part.commit(a.part.arg);
	/* Very many at once, too. */
	for (uint64_t room = 1; room <= 100; room++)
		(void)pass(&a, room, 1000, 10);
	a.part.rollback(a.part.arg, 1, false);
	assert_int_equal(pass(&a, 1, 1000, 10), 0);
	assert_int_equal(pass(&a, 100, 1000, 20), 10);
	ceiling_free(&a.c);
}

/* Whoever writes to very many rooms has the oldest of them forgiven, and no more. */
static void rooms_are_remembered_in_bounded_memory(void **state)
{
	struct alone a = alone(10);
	int64_t passed = 0;

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint64_t room = 1; room <= 1000; room++)
			passed += pass(&a, room, 1000, 10);
	assert_int_equal(passed, 10000);
	for (uint64_t room = 1; room <= 1000000; room++) {
		(void)pass(&a, room, 1000, 1);
		a.part.commit(a.part.arg);
	}
	assert_int_equal(pass(&a, 1000000, 1000, 10), 9);
	ceiling_free(&a.c);
}

/* -- a room -- */

static void limit(struct engine_fixture *f, int64_t rate)
{
	f->rig.set.room_messages_per_second = rate;
	engine_set(f->rig.engine, &f->rig.set);
}

static uint64_t sampled(const struct engine_fixture *f)
{
	return engine_health(f->rig.engine)->messages_sampled;
}

/* alice owns it, bob is an admin, carol and dave are members. Time enough for what made it. */
static void make_hall(struct engine_fixture *f)
{
	engine_rpc(f, "alice", "group.create",
		"{\"gid\":\"hall\",\"kind\":\"room\",\"members\":[\"bob\",\"carol\",\"dave\"]}");
	engine_rpc(
		f, "alice", "group.role", "{\"gid\":\"hall\",\"uid\":\"bob\",\"role\":\"admin\"}");
	engine_credit(f, 2);
	f->now.wall_ms += 10000;
	f->now.mono_ms += 10000;
}

/* n messages in one batch, with ids p0, p1, … How many are delivered. */
static unsigned say(struct engine_fixture *f, const char *from, const char *p, int n)
{
	char payload[64];

	engine_credit(f, 2);
	for (int i = 0; i < n; i++) {
		snprintf(payload, sizeof(payload), "{\"id\":\"%s%d\",\"body\":\"x\"}", p, i);
		engine_add_message(f, from, "g/hall", payload);
	}
	engine_send(f);
	return engine_count(f, "topic room/hall");
}

static void pass_time(struct engine_fixture *f)
{
	f->now.wall_ms += 1000;
	f->now.mono_ms += 1000;
}

static void what_members_say_is_sampled_and_all_of_it_kept(void **state)
{
	struct engine_fixture *f = *state;

	make_hall(f);
	limit(f, 5);
	assert_int_equal(say(f, "carol", "c", 12), 5);
	/* Those are the first ones; each of them is acknowledged. */
	assert_true(engine_told_part(f, "\"seq\":7,\"from\":\"carol\""));
	assert_false(engine_told_part(f, "\"seq\":8,\"from\":\"carol\""));
	for (int i = 0; i < 12; i++) {
		char part[64];

		snprintf(part, sizeof(part), "{\"id\":\"c%d\",\"conv\":\"g/hall\",\"seq\":%d,", i,
			3 + i);
		assert_true(engine_told_part(f, part));
	}
	assert_int_equal(sampled(f), 7);
	/* Another's too, for it is the room's; and the next second brings as many. */
	assert_int_equal(say(f, "dave", "d", 3), 0);
	pass_time(f);
	assert_int_equal(say(f, "dave", "e", 7), 5);
	assert_int_equal(sampled(f), 12);
	engine_rpc(f, "carol", "conv.history", "{\"conv\":\"g/hall\",\"after\":2,\"limit\":100}");
	for (int seq = 3; seq <= 24; seq++) {
		char part[64];

		snprintf(part, sizeof(part), "{\"conv\":\"g/hall\",\"seq\":%d,", seq);
		assert_true(engine_told_part(f, part));
	}
	/* Sent again it is the same one. */
	engine_message(f, "carol", "g/hall", "{\"id\":\"c11\",\"body\":\"x\"}");
	assert_true(engine_told_part(f, "{\"id\":\"c11\",\"conv\":\"g/hall\",\"seq\":14,"));
	assert_int_equal(sampled(f), 12);
	limit(f, 0);
	assert_int_equal(say(f, "carol", "f", 50), 50);
	assert_int_equal(sampled(f), 12);
}

static void those_who_run_it_are_always_heard(void **state)
{
	struct engine_fixture *f = *state;

	make_hall(f);
	limit(f, 5);
	assert_int_equal(say(f, "alice", "a", 20), 20);
	assert_int_equal(say(f, "bob", "b", 20), 20);
	assert_int_equal(sampled(f), 0);
	/* They have had the members' share as well. */
	assert_int_equal(say(f, "carol", "c", 5), 0);
	/* Who runs it no longer is a member like any other, and the other way round. */
	engine_rpc(
		f, "alice", "group.role", "{\"gid\":\"hall\",\"uid\":\"bob\",\"role\":\"member\"}");
	assert_int_equal(say(f, "bob", "d", 5), 0);
	engine_rpc(f, "alice", "group.role",
		"{\"gid\":\"hall\",\"uid\":\"carol\",\"role\":\"admin\"}");
	assert_int_equal(say(f, "carol", "e", 5), 5);
}

/* How many of n edits by carol of this message are delivered. */
static unsigned edit(struct engine_fixture *f, int seq, int n)
{
	unsigned told = 0;

	for (int i = 0; i < n; i++) {
		char params[64];

		snprintf(params, sizeof(params), "{\"conv\":\"g/hall\",\"seq\":%d,\"body\":\"%d\"}",
			seq, i);
		engine_credit(f, 2);
		engine_rpc(f, "carol", "msg.edit", params);
		assert_true(engine_told_part(f, "\"changed\":true"));
		told += engine_count(f, "topic room/hall");
	}
	return told;
}

/* Whether what this request writes is delivered. */
static bool told(struct engine_fixture *f, const char *uid, const char *method, const char *params)
{
	engine_credit(f, 2);
	engine_rpc(f, uid, method, params);
	assert_true(engine_told_part(f, "\"changed\":true"));
	return engine_count(f, "topic room/hall") == 1;
}

static void what_changes_a_message_is_heard_through_messages(void **state)
{
	struct engine_fixture *f = *state;

	make_hall(f);
	limit(f, 5);
	assert_int_equal(say(f, "carol", "c", 12), 5);
	assert_int_equal(sampled(f), 7);
	assert_true(told(f, "carol", "msg.edit", "{\"conv\":\"g/hall\",\"seq\":3,\"body\":\"y\"}"));
	assert_true(told(f, "carol", "msg.recall", "{\"conv\":\"g/hall\",\"seq\":4}"));
	assert_int_equal(sampled(f), 7);
	/* Of these there are half as many, whoever they are by; and they are stored. */
	assert_false(told(f, "dave", "group.leave", "{\"gid\":\"hall\"}"));
	assert_false(told(f, "carol", "msg.recall", "{\"conv\":\"g/hall\",\"seq\":6}"));
	assert_false(
		told(f, "carol", "msg.react", "{\"conv\":\"g/hall\",\"seq\":3,\"emoji\":\"+1\"}"));
	assert_int_equal(sampled(f), 10);
	engine_credit(f, 2);
	engine_rpc(f, "carol", "conv.history", "{\"conv\":\"g/hall\",\"after\":16,\"limit\":100}");
	assert_true(engine_told_part(f, "\"seq\":17,\"from\":\"dave\""));
	assert_true(engine_told_part(f, "\"seq\":18,\"from\":\"carol\""));
	assert_true(engine_told_part(f, "\"seq\":19,\"from\":\"carol\""));
	/* Copies are messages. */
	engine_credit(f, 2);
	engine_rpc(f, "carol", "msg.forward",
		"{\"from_conv\":\"g/hall\",\"seqs\":[3,5,7],\"to_conv\":\"g/hall\"}");
	assert_true(engine_told_part(f, "\"seqs\":[20,21,22]"));
	assert_int_equal(engine_count(f, "topic room/hall"), 0);
	assert_int_equal(sampled(f), 13);
	/* Those who run it are heard in all of these. */
	assert_true(
		told(f, "bob", "msg.react", "{\"conv\":\"g/hall\",\"seq\":3,\"emoji\":\"+1\"}"));
	assert_true(told(f, "bob", "msg.recall", "{\"conv\":\"g/hall\",\"seq\":3}"));
	assert_true(told(f, "alice", "group.invite", "{\"gid\":\"hall\",\"members\":[\"dave\"]}"));
	assert_true(told(f, "bob", "group.leave", "{\"gid\":\"hall\"}"));
	assert_int_equal(sampled(f), 13);
}

static void messages_are_heard_through_what_changes_others(void **state)
{
	struct engine_fixture *f = *state;

	make_hall(f);
	limit(f, 4);
	assert_int_equal(say(f, "carol", "c", 1), 1);
	for (int i = 0; i < 3; i++) {
		pass_time(f);
		pass_time(f);
		assert_int_equal(edit(f, 3, 20), 2);
		assert_int_equal(say(f, "dave", i == 0 ? "d" : i == 1 ? "e" : "f", 20), 2);
	}
	assert_int_equal(sampled(f), 3 * 36);
}

static void groups_and_other_rooms_have_no_part_in_it(void **state)
{
	struct engine_fixture *f = *state;

	make_hall(f);
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	engine_rpc(f, "alice", "group.create",
		"{\"gid\":\"yard\",\"kind\":\"room\",\"members\":[\"carol\"]}");
	engine_credit(f, 4);
	limit(f, 3);
	pass_time(f);
	assert_int_equal(say(f, "carol", "c", 10), 3);
	engine_credit(f, 2);
	for (int i = 0; i < 10; i++)
		engine_add_message(f, "carol", "g/team", "x");
	for (int i = 0; i < 10; i++)
		engine_add_message(f, "carol", "g/yard", "x");
	engine_send(f);
	assert_int_equal(engine_count(f, "message carol/phone"), 10);
	assert_int_equal(engine_count(f, "topic room/yard"), 3);
}

/* What has waited in the spool comes at one time, whenever it was sent. */
static void it_goes_by_when_it_is_delivered(void **state)
{
	struct engine_fixture *f = *state;

	make_hall(f);
	limit(f, 5);
	for (int i = 0; i < 20; i++)
		engine_add(f, (struct im_up_rec){.type = IM_UP_MSG_GROUP,
				      .user = IM_STR("carol"),
				      .device = IM_STR("phone"),
				      .target = IM_STR("hall"),
				      .ts_ms = f->now.wall_ms - 60000 + 1000 * i,
				      .payload = IM_STR("x")});
	engine_send(f);
	assert_int_equal(engine_count(f, "topic room/hall"), 5);
	assert_int_equal(sampled(f), 15);
}

/* A replay is a delivery like the first one: it has its ceiling, and the same are heard always. */
static void a_replay_has_the_same_ceiling(void **state)
{
	struct engine_fixture *f = *state;
	struct im_buf records;
	uint64_t first;

	make_hall(f);
	limit(f, 5);
	first = f->next;
	engine_credit(f, 2);
	for (int i = 0; i < 10; i++)
		engine_add_message(f, i % 2 ? "carol" : "bob", "g/hall", "x");
	im_buf_init(&records, 0);
	im_buf_put(&records, f->records.p, f->records.n);
	engine_send(f);
	assert_int_equal(engine_count(f, "topic room/hall"), 7);
	for (int round = 0; round < 2; round++) {
		if (round)
			engine_restart(f);
		limit(f, 5);
		engine_unlinked(f->rig.engine, f->peer);
		pass_time(f);
		pass_time(f);
		engine_link(f);
		engine_send_again(f, first, 10, im_buf_view(&records));
		assert_int_equal(engine_count(f, "topic room/hall"), 7);
		for (int seq = 3; seq < 13; seq += 2) {
			char part[64];

			snprintf(part, sizeof(part), "\"seq\":%d,\"from\":\"bob\"", seq);
			assert_true(engine_told_part(f, part));
		}
	}
	im_buf_free(&records);
	/* And all of it is there once. */
	engine_rpc(f, "carol", "conv.list", "{}");
	assert_true(engine_told_part(f, "\"head\":12,"));
}

/* What administrators do is heard in a replay, too, though they are no members, and a recall seems
 * to be its author's. */
static void a_replay_hears_operators_as_well(void **state)
{
	struct engine_fixture *f = *state;
	const struct im_up_rec commands = {.type = IM_UP_CONTROL,
		.user = IM_STR("dave"),
		.device = IM_STR("dave-1"),
		.payload = IM_STR("{\"commands\":["
				  "{\"command\":\"recallMessage\",\"conv\":\"g/hall\",\"seq\":3},"
				  "{\"command\":\"removeGroupMember\",\"gid\":\"hall\","
				  "\"members\":[\"carol\"]}]}")};
	struct im_buf records;
	uint64_t first;

	assert_int_equal(directory_user_set_role(f->rig.dir, 4, IM_ROLE_ADMIN), IM_OK);
	make_hall(f);
	assert_int_equal(say(f, "carol", "c", 2), 2);
	limit(f, 1);
	first = f->next;
	engine_credit(f, 2);
	engine_add_rpc(f, "carol", "msg.edit", "{\"conv\":\"g/hall\",\"seq\":4,\"body\":\"y\"}");
	engine_add(f, commands);
	im_buf_init(&records, 0);
	im_buf_put(&records, f->records.p, f->records.n);
	for (int round = 0; round < 2; round++) {
		if (round) {
			engine_unlinked(f->rig.engine, f->peer);
			pass_time(f);
			pass_time(f);
			engine_link(f);
			engine_send_again(f, first, 2, im_buf_view(&records));
		} else {
			engine_send(f);
		}
		assert_int_equal(engine_count(f, "topic room/hall"), 3);
		assert_true(engine_told_part(f, "\"type\":\"edit\""));
		assert_true(engine_told_part(f, "\"by\":\"administrator\""));
		assert_true(engine_told_part(f, "\"action\":\"kick\""));
	}
	im_buf_free(&records);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_room_has_a_second_s_worth),
		cmocka_unit_test(what_is_not_spared_takes_its_share),
		cmocka_unit_test(messages_and_what_is_beside_them_keep_their_shares),
		cmocka_unit_test(a_rollback_gives_back_what_was_taken),
		cmocka_unit_test(rooms_are_remembered_in_bounded_memory),
		CASE(what_members_say_is_sampled_and_all_of_it_kept),
		CASE(those_who_run_it_are_always_heard),
		CASE(what_changes_a_message_is_heard_through_messages),
		CASE(messages_are_heard_through_what_changes_others),
		CASE(a_replay_hears_operators_as_well),
		CASE(groups_and_other_rooms_have_no_part_in_it),
		CASE(it_goes_by_when_it_is_delivered),
		CASE(a_replay_has_the_same_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
