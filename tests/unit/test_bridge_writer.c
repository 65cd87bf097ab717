/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer's transaction, fan-out by size of group, and the early commit of a large fan-out;
 * through the engine, because that is how they are used. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/deliver/fanout.h"
#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "common/limits.h"

/* A group of n members, "m0".. , who exist; alice is the owner. */
static void add_group(struct engine_fixture *f, const char *gid, int kind, unsigned n)
{
	struct directory_group g = {
		.gid = im_str(gid), .kind = kind, .member_limit = 100000, .created_ms = 1};
	uint64_t group, id;
	char uid[16];

	assert_int_equal(directory_begin(f->rig.dir), IM_OK);
	assert_int_equal(directory_group_create(f->rig.dir, &g, &group), IM_OK);
	for (unsigned i = 0; i < n; i++) {
		struct directory_member m = {.group = group, .role = i ? 0 : DIRECTORY_OWNER};

		snprintf(uid, sizeof(uid), "m%u", i);
		if (i == 0)
			id = 1;
		else if (directory_user_create(
				 f->rig.dir, im_str(uid), 0, (struct im_str){0}, 1, &id))
			assert_int_equal(directory_user_get(f->rig.dir, im_str(uid),
						 &(struct directory_user){0}),
				IM_OK);
		m.user = id;
		assert_int_equal(directory_member_add(f->rig.dir, &m), IM_OK);
	}
	assert_int_equal(directory_commit(f->rig.dir), IM_OK);
}

static void a_tier_follows_the_groups_size(void **state)
{
	(void)state;
	assert_int_equal(fanout_tier(DIRECTORY_GROUP, 0), EFFECTS_SMALL);
	assert_int_equal(fanout_tier(DIRECTORY_GROUP, 100), EFFECTS_SMALL);
	assert_int_equal(fanout_tier(DIRECTORY_GROUP, 101), EFFECTS_MEDIUM);
	assert_int_equal(fanout_tier(DIRECTORY_GROUP, 1000), EFFECTS_MEDIUM);
	assert_int_equal(fanout_tier(DIRECTORY_GROUP, 1001), EFFECTS_LARGE);
	assert_int_equal(fanout_tier(DIRECTORY_ROOM, 1), EFFECTS_ROOM);
}

static void large_groups_are_delivered_in_chunks(void **state)
{
	struct engine_fixture *f = *state;

	add_group(f, "big", DIRECTORY_GROUP, 2 * IM_DELIVERIES_PER_FRAME + 10);
	engine_message(f, "alice", "g/big", "hi");
	assert_int_equal(engine_count(f, "message alice/phone 1 text id= g/big: "),
		2 * IM_DELIVERIES_PER_FRAME / IM_DELIVERIES_PER_RECORD);
	assert_int_equal(engine_count(f, "credit"), 2);
	assert_told(f, "committed 77:1");
	engine_credit(f, 1);
	assert_int_equal(engine_count(f, "message alice/phone 1 text id= g/big: "), 1);
}

static void a_direct_message_overtakes_a_large_group(void **state)
{
	struct engine_fixture *f = *state;
	static char body[30001];
	const char *p;

	add_group(f, "big", DIRECTORY_GROUP, 1500);
	memset(body, 'x', sizeof(body) - 1);
	engine_add_message(f, "alice", "g/big", body);
	engine_add_message(f, "alice", "bob", "quick");
	engine_send(f);
	p = memmem(f->told.p, f->told.n, "\ncommitted", 10);
	assert_non_null(p);
	assert_true(engine_told_part(f, "bob=u/alice"));
	assert_ptr_equal(memmem(f->told.p, (size_t)(p - f->told.p), "g/big", 5), NULL);
	/* Six chunks of 30 kB, of which the next direct message may have to wait for one. */
	assert_int_equal(engine_count(f, "message alice/phone 1 text id= g/big"), 1);
	assert_int_equal(engine_count(f, "credit"), 1);
	for (int i = 0; i < 6; i++)
		engine_credit(f, 1);
	engine_message(f, "alice", "bob", "idle again");
	assert_true(engine_idle(f->rig.engine));
}

static void a_large_fanout_is_committed_in_parts(void **state)
{
	struct engine_fixture *f = *state;
	static char body[60001];
	unsigned parts;

	add_group(f, "big", DIRECTORY_GROUP, 1500);
	memset(body, 'x', sizeof(body) - 1);
	for (int i = 0; i < 60; i++)
		engine_add_message(f, "alice", "g/big", body);
	engine_send(f);
	parts = engine_count(f, "committed");
	assert_in_range(parts, 3, 5);
	assert_told(f, "committed 77:60");
	assert_int_equal(engine_health(f->rig.engine)->messages_stored, 60);
	assert_int_equal(engine_health(f->rig.engine)->deliveries_dropped, 0);
}

static void a_backlog_beyond_the_bound_is_left_to_the_devices(void **state)
{
	struct engine_fixture *f = *state;
	static char body[60001];

	f->rig.set.backlog_bytes = 1024 * 1024;
	engine_set(f->rig.engine, &f->rig.set);
	add_group(f, "big", DIRECTORY_GROUP, 1500);
	memset(body, 'x', sizeof(body) - 1);
	for (int i = 0; i < 10; i++)
		engine_add_message(f, "alice", "g/big", body);
	engine_send(f);
	assert_told(f, "committed 77:10");
	assert_true(engine_health(f->rig.engine)->deliveries_dropped > 30);
}

static void signals_to_large_groups_and_rooms_are_refused(void **state)
{
	struct engine_fixture *f = *state;
	struct im_up_rec r = {
		.type = IM_UP_SIGNAL_GROUP, .user = IM_STR("alice"), .payload = IM_STR("1")};
	unsigned chunks;

	add_group(f, "limit", DIRECTORY_GROUP, IM_SIGNAL_MEMBERS_MAX);
	add_group(f, "room", DIRECTORY_ROOM, 1);
	r.target = IM_STR("limit");
	engine_add(f, r);
	engine_send(f);
	for (chunks = engine_count(f, "inbox0"); engine_count(f, "credit");
		chunks += engine_count(f, "inbox0"))
		engine_credit(f, engine_count(f, "credit"));
	assert_int_equal(chunks, (IM_SIGNAL_MEMBERS_MAX - 1) / IM_DELIVERIES_PER_RECORD + 1);
	r.target = IM_STR("room");
	engine_add(f, r);
	engine_send(f);
	assert_true(engine_told_part(f, "\"code\":-32013"));
}

/* The first line that was told, or the one after p; NULL at the end. */
static const char *line(const struct engine_fixture *f, const char *p)
{
	const char *end = f->told.p + f->told.n;

	if (!p)
		return f->told.n ? f->told.p : NULL;
	p = memchr(p, '\n', (size_t)(end - p));
	return p && p + 1 < end ? p + 1 : NULL;
}

static void a_groups_order_holds_while_it_changes_its_tier(void **state)
{
	struct engine_fixture *f = *state;
	static char body[50001];
	unsigned seq = 2, next;

	add_group(f, "shrinks", DIRECTORY_GROUP, 101);
	memset(body, 'x', sizeof(body) - 1);
	/* Two are out, one waits in the middle tier; what follows would go before it. */
	for (int i = 0; i < 3; i++)
		engine_message(f, "alice", "g/shrinks", body);
	engine_rpc(f, "alice", "group.kick", "{\"gid\":\"shrinks\",\"members\":[\"m1\"]}");
	assert_not_told(f, "message");
	engine_message(f, "alice", "g/shrinks", "now of 100");
	assert_not_told(f, "message");
	while (engine_credit(f, 1), engine_count(f, "credit")) {
		for (const char *p = line(f, NULL); p; p = line(f, p)) {
			if (sscanf(p, "message alice/%*[^0-9]%u", &next) == 1) {
				assert_in_range(next, seq, seq + 1);
				seq = next;
			}
		}
	}
	assert_int_equal(seq, 5);
	engine_credit(f, 2);
	assert_true(engine_idle(f->rig.engine));
}

static void frames_that_never_come_back_are_sent_again(void **state)
{
	struct engine_fixture *f = *state;
	static char body[50001];

	add_group(f, "team", DIRECTORY_GROUP, 5);
	memset(body, 'x', sizeof(body) - 1);
	engine_wait(f, 1000);
	for (int i = 0; i < 3; i++)
		engine_message(f, "alice", "g/team", body);
	engine_wait(f, 2999);
	assert_not_told(f, "message");
	engine_wait(f, 1);
	assert_told(f, "message alice/phone 1 ");
	assert_told(f, "message alice/phone 2 ");
	assert_not_told(f, "message alice/phone 3 ");
	/* Twice as long the next time, unless one came back. */
	engine_wait(f, 5999);
	assert_not_told(f, "message");
	engine_wait(f, 1);
	assert_told(f, "message alice/phone 1 ");
	assert_not_told(f, "hello");
	/* And then it may not know of this link: what has answered was for the one before. */
	engine_wait(f, 12000);
	assert_told(f, "message alice/phone 1 ");
	assert_told(f, "hello");
	engine_sessions(f, (const char *const[]){NULL});
	engine_credit(f, 2);
	assert_told(f, "message alice/phone 3 ");
	engine_wait(f, 1000);
	engine_wait(f, 3000);
	assert_told(f, "message alice/phone 3 ");
	engine_credit(f, 1);
	engine_wait(f, 100000);
	assert_not_told(f, "message");
}

static int count_event(void *arg, const struct directory_event *e)
{
	(void)e;
	++*(int *)arg;
	return IM_OK;
}

static void positions_are_never_used_twice(void **state)
{
	struct engine_fixture *f = *state;
	int events = 0;

	engine_message(f, "alice", "bob", "1");
	/* An event takes the next position, in the directory only. */
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_true(
		engine_told_part(f, "\"action\":\"invite\",\"by\":\"alice\",\"cursor\":\"3\"}"));
	assert_int_equal(directory_event_list(f->rig.dir, 2, 0, 100, count_event, &events), IM_OK);
	assert_int_equal(events, 1);
	assert_int_equal(directory_user_delete(f->rig.dir, 2, 9), IM_OK);
	engine_restart(f);
	engine_link(f);
	engine_message(f, "alice", "carol", "2");
	assert_true(engine_told_part(f, "\"cursor\":\"4\""));
}

static void the_directory_notes_positions_of_a_long_log(void **state)
{
	struct engine_fixture *f = *state;
	uint64_t applied;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\"}");
	for (int i = 0; i < 60; i++) {
		for (int k = 0; k < 2000; k++)
			engine_add_message(f, "alice", "bob", "x");
		engine_send(f);
	}
	assert_int_equal(directory_meta_get(f->rig.dir, "applied_gid", &applied), IM_OK);
	assert_in_range(applied, 100000, 120001);
}

#define T(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tier_follows_the_groups_size),
		T(large_groups_are_delivered_in_chunks),
		T(a_direct_message_overtakes_a_large_group),
		T(a_large_fanout_is_committed_in_parts),
		T(a_backlog_beyond_the_bound_is_left_to_the_devices),
		T(signals_to_large_groups_and_rooms_are_refused),
		T(a_groups_order_holds_while_it_changes_its_tier),
		T(frames_that_never_come_back_are_sent_again),
		T(positions_are_never_used_twice),
		T(the_directory_notes_positions_of_a_long_log),
	};

	return cmocka_run_group_tests_name("bridge writer", tests, NULL, NULL);
}
