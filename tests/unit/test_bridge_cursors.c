/* SPDX-License-Identifier: BSD-3-Clause */
/* What devices acknowledge without waiting for an answer: gathered, the newest of each is written,
 * and its sender hears of it. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"
#include "common/limits.h"

static void add_ack(
	struct engine_fixture *f, const char *user, const char *device, const char *cursor)
{
	engine_add(f, (struct im_up_rec){.type = IM_UP_ACK,
			      .user = im_str(user),
			      .device = im_str(device),
			      .payload = im_str(cursor)});
}

static uint64_t cursor_of(struct engine_fixture *f, const char *device)
{
	struct directory_device d;

	assert_int_equal(directory_device_get(f->rig.dir, im_str(device), &d), IM_OK);
	return d.cursor;
}

static uint64_t commits(struct engine_fixture *f)
{
	return engine_health(f->rig.engine)->commits;
}

/* Devices "b" and "b2" of bob's, "c" of carol's; alice is connected and has sent bob n messages. */
static void begin(struct engine_fixture *f, int n)
{
	engine_add_session(f, IM_UP_OPEN, "alice", "a", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_OPEN, "bob", "b", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_OPEN, "bob", "b2", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_OPEN, "carol", "c", IM_UPF_NEW_DEVICE);
	for (int i = 0; i < n; i++)
		engine_add_message(f, "alice", "bob", "x");
	engine_send(f);
	engine_wait(f, 10);
	engine_forget(f);
}

static void the_newest_of_each_device_is_written(void **state)
{
	struct engine_fixture *f = *state;
	uint64_t before;

	begin(f, 5);
	before = commits(f);
	add_ack(f, "bob", "b", "2");
	add_ack(f, "bob", "b", "4");
	add_ack(f, "bob", "b", "3");
	add_ack(f, "bob", "b2", "1");
	engine_send(f);
	add_ack(f, "bob", "b2", "2");
	engine_send(f);
	/* They wait for company, and for no answer. */
	assert_int_equal(cursor_of(f, "b"), 0);
	assert_not_told(f, "inbox");
	engine_wait(f, 10);
	engine_forget(f);
	engine_wait(f, 100);
	assert_int_equal(cursor_of(f, "b"), 4);
	assert_int_equal(cursor_of(f, "b2"), 2);
	assert_told(f, "inbox0 alice event {\"event\":\"delivered\",\"conv\":\"u/bob\",\"seq\":4,");
	assert_int_equal(engine_count(f, "inbox0 alice event"), 1);
	/* Two batches, and one transaction that wrote. */
	assert_int_equal(commits(f) - before, 3);
	engine_wait(f, 1000);
	assert_int_equal(commits(f) - before, 3);
	/* Never back. */
	add_ack(f, "bob", "b", "1");
	engine_send(f);
	engine_wait(f, 10);
	engine_wait(f, 100);
	assert_int_equal(cursor_of(f, "b"), 4);
}

static void what_writes_to_the_directory_takes_them_along(void **state)
{
	struct engine_fixture *f = *state;

	begin(f, 3);
	add_ack(f, "bob", "b", "2");
	engine_send(f);
	assert_int_equal(cursor_of(f, "b"), 0);
	engine_rpc(f, "bob", "conv.read", "{\"conv\":\"u/alice\",\"seq\":1}");
	assert_int_equal(cursor_of(f, "b"), 2);
}

static void what_cannot_be_is_refused(void **state)
{
	struct engine_fixture *f = *state;

	begin(f, 3);
	add_ack(f, "bob", "b", "4");
	add_ack(f, "bob", "b", "no");
	add_ack(f, "bob", "c", "1"); /* carol's */
	add_ack(f, "bob", "gone", "1");
	add_ack(f, "nobody", "b", "1");
	engine_send(f);
	assert_told(f, "inbox bob ack [{\"id\":null,\"conv\":null,\"error\":{\"code\":-32602,");
	assert_true(engine_told_part(f, "no cursor of this server; give the newest one that sync"));
	engine_wait(f, 10);
	engine_forget(f);
	engine_wait(f, 100);
	assert_told(f, "inbox bob ack [{\"id\":null,\"conv\":null,\"error\":{\"code\":-32012,");
	assert_true(engine_told_part(f, "not registered; connect again with this client id"));
	assert_int_equal(cursor_of(f, "b"), 0);
	assert_int_equal(cursor_of(f, "c"), 0);
}

static bool known(struct engine_fixture *f, const char *device)
{
	struct directory_device d;

	return directory_device_get(f->rig.dir, im_str(device), &d) == IM_OK;
}

/* The device's end comes before its acknowledgement is written, which does not wait any longer. */
static void what_was_accepted_before_a_device_went_counts(void **state)
{
	struct engine_fixture *f = *state;

	begin(f, 3);
	engine_add_session(f, IM_UP_OPEN, "bob", "once", IM_UPF_NEW_DEVICE);
	add_ack(f, "bob", "once", "2");
	engine_add_session(f, IM_UP_CLOSE, "bob", "once", IM_UPF_GONE);
	engine_send(f);
	assert_int_equal(cursor_of(f, "once"), 2);
	assert_told(f, "inbox0 alice event {\"event\":\"delivered\",\"conv\":\"u/bob\",\"seq\":2,");
	/* In a transaction of its own it waits for company as ever. */
	engine_add_session(f, IM_UP_OPEN, "bob", "later", IM_UPF_NEW_DEVICE);
	engine_send(f);
	engine_wait(f, 10);
	add_ack(f, "bob", "later", "3");
	engine_send(f);
	assert_int_equal(cursor_of(f, "later"), 0);
	engine_add_session(f, IM_UP_CLOSE, "bob", "later", IM_UPF_GONE);
	engine_send(f);
	assert_int_equal(cursor_of(f, "later"), 3);
	assert_told(f, "inbox0 alice event {\"event\":\"delivered\",\"conv\":\"u/bob\",\"seq\":3,");
	assert_not_told(f, "inbox bob ack");
	engine_wait(f, 1000);
	assert_not_told(f, "inbox bob ack");
}

static void what_a_removed_device_had_acknowledged_counts(void **state)
{
	struct engine_fixture *f = *state;

	begin(f, 3);
	add_ack(f, "bob", "b2", "2");
	engine_send(f);
	engine_rpc(f, "bob", "device.remove", "{\"device\":\"b2\"}");
	assert_false(known(f, "b2"));
	assert_told(f, "inbox0 alice event {\"event\":\"delivered\",\"conv\":\"u/bob\",\"seq\":2,");
	assert_not_told(f, "inbox bob ack");
	engine_wait(f, 1000);
	assert_not_told(f, "inbox bob ack");
	/* What is sent after that is refused. */
	engine_credit(f, 2);
	add_ack(f, "bob", "b2", "3");
	engine_send(f);
	engine_wait(f, 10);
	engine_wait(f, 100);
	assert_told(f, "inbox bob ack [{\"id\":null,\"conv\":null,\"error\":{\"code\":-32012,");
}

static bool fail_commit; /* the next one */

static int commit(struct store *s, const struct store_mark *mark)
{
	if (!fail_commit)
		return store_memory.commit(s, mark);
	fail_commit = false;
	store_memory.rollback(s);
	return IM_E_IO;
}

static int set_up_faults(void **state)
{
	struct engine_fixture *f = engine_prepare(&store_memory);

	fail_commit = false;
	f->rig.backend.commit = commit;
	engine_open(f);
	engine_link(f);
	*state = f;
	return 0;
}

/* Writing what waits fails with the transaction, and is done again with it. */
static void what_was_settled_in_vain_is_written_again(void **state)
{
	struct engine_fixture *f = *state;

	begin(f, 2);
	engine_add_session(f, IM_UP_OPEN, "bob", "once", IM_UPF_NEW_DEVICE);
	engine_send(f);
	engine_wait(f, 10);
	add_ack(f, "bob", "once", "2");
	engine_send(f);
	fail_commit = true;
	engine_add_message(f, "alice", "bob", "x");
	engine_add_session(f, IM_UP_CLOSE, "bob", "once", IM_UPF_GONE);
	engine_send(f);
	assert_true(engine_stalled(f->rig.engine));
	engine_wait(f, 10000);
	assert_false(engine_stalled(f->rig.engine));
	assert_int_equal(cursor_of(f, "once"), 2);
}

static void more_than_may_wait_are_written_at_once(void **state)
{
	struct engine_fixture *f = *state;
	char device[32];

	begin(f, 2);
	for (int i = 0; i < IM_CURSORS_WAITING; i++) {
		snprintf(device, sizeof(device), "x%d", i);
		add_ack(f, "bob", i == 7 ? "b" : device, "1");
		if (i % 1000 == 999)
			engine_send(f);
	}
	assert_int_equal(cursor_of(f, "b"), 0);
	engine_send(f);
	assert_int_equal(cursor_of(f, "b"), 1);
}

static void who_stops_writes_what_waits(void **state)
{
	struct engine_fixture *f = *state;

	begin(f, 2);
	add_ack(f, "bob", "b", "1");
	engine_send(f);
	engine_drain(f->rig.engine);
	engine_wait(f, 1);
	assert_int_equal(cursor_of(f, "b"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_newest_of_each_device_is_written),
		CASE(what_writes_to_the_directory_takes_them_along),
		CASE(what_cannot_be_is_refused),
		CASE(what_was_accepted_before_a_device_went_counts),
		CASE(what_a_removed_device_had_acknowledged_counts),
		cmocka_unit_test_setup_teardown(
			what_was_settled_in_vain_is_written_again, set_up_faults, engine_tear_down),
		CASE(more_than_may_wait_are_written_at_once),
		CASE(who_stops_writes_what_waits),
	};

	return cmocka_run_group_tests_name("cursors", tests, NULL, NULL);
}
