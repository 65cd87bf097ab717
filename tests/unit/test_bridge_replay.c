/* SPDX-License-Identifier: BSD-3-Clause */
/* Exactly once over the link: what is replayed is delivered and acked again, and stored once. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"

/* Records of one batch, kept so that they can be sent again. */
static char kept[65536];

static struct im_str keep(struct engine_fixture *f)
{
	assert_true(f->records.n < sizeof(kept));
	memcpy(kept, f->records.p, f->records.n);
	return (struct im_str){kept, f->records.n};
}

static void a_committed_batch_is_delivered_and_acked_again_but_not_stored(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_add_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":\"one\"}");
	engine_add_message(f, "alice", "bob", "two");
	engine_add_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_add_message(f, "bob", "g/team", "{\"id\":\"3\",\"body\":\"three\"}");
	records = keep(f);
	engine_send(f);
	engine_credit(f, 2);
	for (int round = 0; round < 3; round++) {
		if (round == 2)
			engine_restart(f);
		engine_unlinked(f->rig.engine, f->peer);
		engine_link(f);
		engine_send_again(f, 1, 4, records);
		assert_told(f, "message alice/ 1 text id=1 bob=u/alice alice=u/bob ,\"seq\":1,");
		assert_told(f, "message alice/ 2 text id= bob=u/alice");
		assert_told(f, "message bob/ 2 text id=3 g/team: alice bob ,\"seq\":2,");
		assert_told(f, "inbox alice ack [{\"id\":\"1\",\"conv\":\"u/bob\",\"seq\":1,"
			       "\"ts\":1000000}]");
		assert_told(f, "inbox bob ack [{\"id\":\"3\",\"conv\":\"g/team\",\"seq\":2,");
		assert_told(f, "committed 77:4");
		assert_not_told(f, "inbox alice rpc");
		engine_credit(f, 2);
	}
	engine_message(f, "alice", "bob", "next");
	assert_told(f, "message alice/phone 3 ");
}

static void a_batch_may_hold_old_and_new_records(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_message(f, "alice", "bob", "0");
	engine_add_message(f, "alice", "bob", "1");
	engine_add_message(f, "alice", "bob", "2");
	records = keep(f);
	engine_send(f);
	engine_add_message(f, "alice", "bob", "1");
	engine_add_message(f, "alice", "bob", "2");
	engine_add_message(f, "alice", "bob", "3");
	records = keep(f);
	engine_restart(f);
	engine_link(f);
	engine_send_again(f, 2, 3, records);
	assert_int_equal(engine_count(f, "message"), 3);
	assert_told(f, "message alice/phone 4 ");
	assert_not_told(f, "message alice/ 1 ");
	assert_told(f, "committed 77:4");
}

static void only_the_marks_that_cover_a_replay_are_read(void **state)
{
	struct engine_fixture *f = *state;
	char payload[16];

	/* More batches than marks are kept. */
	for (int i = 0; i < 70; i++) {
		snprintf(payload, sizeof(payload), "%d", i);
		engine_message(f, "alice", "bob", payload);
	}
	engine_restart(f);
	engine_link(f);
	engine_add_message(f, "alice", "bob", "69");
	engine_send_again(f, 70, 1, im_buf_view(&f->records));
	assert_int_equal(engine_count(f, "message"), 1);
	assert_told(f, "message alice/ 70 ");
	for (int i = 0; i < 69; i++)
		engine_add_message(f, "alice", "bob", "x");
	engine_send_again(f, 1, 70, im_buf_view(&f->records));
	assert_int_equal(engine_count(f, "message"), STORE_MARKS);
	assert_told(f, "committed 77:70");
}

static void a_gap_is_asked_for_and_dropped(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_message(f, "alice", "bob", "1");
	engine_add_message(f, "alice", "bob", "3");
	records = keep(f);
	engine_send_again(f, 3, 1, records);
	assert_told(f, "hello");
	assert_not_told(f, "committed");
	engine_send_again(f, 4, 1, records);
	assert_int_equal(f->told.n, 0);
	/* What follows the committed is taken even before the answer. */
	engine_send_again(f, 2, 1, records);
	assert_told(f, "committed 77:2");
	engine_send_again(f, 4, 1, records);
	assert_int_equal(f->told.n, 0);
	engine_sessions(f, (const char *const[]){NULL});
	engine_send_again(f, 3, 1, records);
	assert_told(f, "committed 77:3");
	assert_told(f, "message alice/phone 3 ");
}

static void the_answer_says_where_the_spool_begins(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_message(f, "alice", "bob", "1");
	engine_unlinked(f->rig.engine, f->peer);
	f->spool_first = UINT64_C(1) << 32;
	engine_link(f);
	engine_add_message(f, "alice", "bob", "{\"id\":\"x\",\"body\":1}");
	records = keep(f);
	engine_send_again(f, UINT64_C(1) << 32, 1, records);
	assert_told(f, "committed 77:4294967296");
	assert_told(f, "message alice/phone 2 ");
	engine_send_again(f, UINT64_C(1) << 33, 1, records);
	assert_told(f, "hello");
	assert_not_told(f, "committed");
}

/* Of a spool that has given no message the log knows nothing, so it is met anew by each process; it
 * is new where its first record is still there. */
static void a_spool_that_is_new_is_said_once(void **state)
{
	struct engine_fixture *f;
	const char *log;

	(void)state;
	engine_log_begin();
	f = engine_prepare(&store_memory);
	engine_open(f);
	engine_link(f);
	engine_add_session(f, IM_UP_OPEN, "alice", "phone", 0);
	engine_send(f);
	assert_told(f, "committed 77:1");
	for (int i = 0; i < 2; i++) {
		engine_restart(f);
		engine_link(f);
	}
	engine_tear_down((void **)&f);
	log = strstr(engine_log_end(), "info spool_begins epoch=77 first=1\n");
	assert_non_null(log);
	assert_null(strstr(strchr(log, '\n'), "spool_begins"));
}

/* The answer came, the first batch after it was lost. */
static void a_lost_batch_is_not_taken_for_a_beginning(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_message(f, "alice", "bob", "1");
	engine_unlinked(f->rig.engine, f->peer);
	engine_link(f);
	engine_add_message(f, "alice", "bob", "3");
	records = keep(f);
	engine_send_again(f, 3, 1, records);
	assert_told(f, "hello");
	assert_not_told(f, "committed");
}

static void half_an_answer_is_none(void **state)
{
	struct engine_fixture *f = *state;
	struct im_up_batch h = {ENGINE_EPOCH, 1, 0};
	struct im_buf frame;

	engine_unlinked(f->rig.engine, f->peer);
	engine_linked(f->rig.engine, f->peer, &f->now);
	for (int part = 1; part <= 2; part++) {
		im_buf_init(&frame, 0);
		im_frame_sessions_begin(&frame, (struct im_up_part){part == 1, part == 2, 1}, &h);
		if (part == 2) /* a HELLO in between makes the first part void */
			engine_wait(f, 5000);
		engine_up(f->rig.engine, f->peer, im_buf_view(&frame), &f->now);
		im_buf_free(&frame);
		assert_false(peer_ready(f->peer));
	}
	engine_wait(f, 5000);
	assert_told(f, "hello");
	engine_sessions(f, (const char *const[]){NULL});
	assert_true(peer_ready(f->peer));
}

static void another_epoch_is_another_spool(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "bob", "1");
	engine_add_message(f, "alice", "bob", "2");
	f->epoch = 78;
	f->spool_first = 1;
	engine_send_again(f, 1, 1, im_buf_view(&f->records));
	assert_told(f, "hello");
	assert_not_told(f, "committed");
	engine_unlinked(f->rig.engine, f->peer);
	engine_link(f);
	engine_send_again(f, 1, 1, im_buf_view(&f->records));
	assert_told(f, "committed 78:1");
	assert_told(f, "message alice/phone 2 ");
	/* And it is remembered as the newest. */
	engine_restart(f);
	engine_link(f);
	engine_send_again(f, 1, 1, im_buf_view(&f->records));
	assert_told(f, "committed 78:1");
	assert_told(f, "message alice/ 2 ");
}

static void reads_are_answered_again_and_log_writes_are_not_run_again(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_add_message(f, "alice", "bob", "1");
	engine_add_rpc(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	engine_add_rpc(f, "alice", "group.create", "{\"gid\":\"team\"}");
	records = keep(f);
	engine_send(f);
	assert_told(f, "inbox alice rpc/phone ");
	engine_credit(f, 2);
	engine_send_again(f, 1, 3, records);
	assert_told(f, "inbox bob rpc/phone ");
	assert_not_told(f, "inbox alice rpc/phone ");
}

static void a_batch_without_messages_costs_no_mark(void **state)
{
	struct engine_fixture *f = *state;

	engine_rpc(f, "bob", "user.get", "{}");
	assert_told(f, "committed 77:1");
	engine_message(f, "alice", "bob", "1");
	engine_rpc(f, "bob", "user.get", "{}");
	assert_told(f, "committed 77:3");
	/* The plugin has freed record 3; after a restart it goes on with 4. */
	engine_restart(f);
	engine_link(f);
	engine_message(f, "alice", "bob", "2");
	assert_told(f, "committed 77:4");
	assert_told(f, "message alice/phone 2 ");
}

static void unanswered_hellos_are_repeated(void **state)
{
	struct engine_fixture *f = *state;

	engine_unlinked(f->rig.engine, f->peer);
	engine_wait(f, 60000);
	assert_not_told(f, "hello");
	engine_forget(f);
	engine_linked(f->rig.engine, f->peer, &f->now);
	assert_told(f, "hello");
	engine_wait(f, 4999);
	assert_not_told(f, "hello");
	engine_wait(f, 1);
	assert_told(f, "hello");
	assert_false(peer_ready(f->peer));
	engine_sessions(f, (const char *const[]){NULL});
	assert_true(peer_ready(f->peer));
	engine_wait(f, 60000);
	assert_not_told(f, "hello");
}

/* A kick and a change of presence go with a link that breaks, as a delivery does. */
static void what_sessions_have_led_to_is_told_again(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_add_session(f, IM_UP_OPEN, "bob", "tab", IM_UPF_NEW_DEVICE);
	engine_send(f);
	engine_add_session(f, IM_UP_OPEN, "carol", "tab", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_OPEN, "nobody", "x", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_OPEN, "dave", "d", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_CLOSE, "dave", "d", 0);
	records = keep(f);
	engine_send(f);
	assert_told(f, "kick carol/tab");
	assert_told(f, "kick nobody");
	assert_told(f, "topic+ presence/dave {\"uid\":\"dave\",\"state\":\"offline\"");
	f->spool_first = 2;
	engine_unlinked(f->rig.engine, f->peer);
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_sessions(f, (const char *const[]){"bob", "tab", "", NULL});
	assert_not_told(f, "kick");
	engine_credit(f, 1);
	engine_send_again(f, 2, 4, records);
	assert_told(f, "kick carol/tab");
	assert_told(f, "kick nobody");
	assert_told(f, "topic+ presence/dave {\"uid\":\"dave\",\"state\":\"offline\"");
	assert_not_told(f, "kick dave");
	assert_not_told(f, "topic+ presence/bob");
	assert_told(f, "committed 77:5");
}

static void void_records_are_passed_over(void **state)
{
	struct engine_fixture *f = *state;

	engine_add(f, (struct im_up_rec){.type = IM_UP_NONE});
	engine_add_message(f, "alice", "bob", "1");
	engine_send(f);
	assert_told(f, "committed 77:2");
	assert_int_equal(engine_health(f->rig.engine)->records_malformed, 0);
}

static void to_nobody(void *arg, struct im_str frame)
{
	(void)arg;
	(void)frame;
}

static void a_spool_that_another_plugin_has_is_not_taken(void **state)
{
	struct engine_fixture *f = *state;
	struct peer *first = f->peer, *second;

	engine_sessions(f, (const char *const[]){"alice", "phone", "", "bob", "phone", "", NULL});
	engine_message(f, "alice", "bob", "1");
	assert_int_equal(engine_add_peer(f->rig.engine, 2, "two", to_nobody, NULL, &second), IM_OK);
	engine_linked(f->rig.engine, second, &f->now);
	assert_int_equal(peer_number(second), 1);
	f->peer = second;
	engine_sessions(f, (const char *const[]){NULL});
	assert_false(peer_ready(second));
	engine_add_message(f, "alice", "bob", "of a copied spool");
	engine_send(f);
	assert_not_told(f, "message ");
	/* The first one goes on with it, and the second one with its own. */
	f->peer = first;
	f->first = 2;
	f->next = 2;
	engine_message(f, "alice", "bob", "2");
	assert_told(f, "committed 77:2");
	assert_told(f, "message alice/phone 2 ");
	f->peer = second;
	f->epoch = 78;
	f->first = f->next = 1;
	engine_sessions(f, (const char *const[]){NULL});
	assert_true(peer_ready(second));
	f->peer = first;
	for (int i = 0; i < 3; i++)
		engine_credit(f, 10);
	f->peer = second;
	engine_message(f, "bob", "alice", "3");
	assert_told(f, "message bob/phone 3 ");
	assert_not_told(f, "committed");
	/* Both marks are there after a restart, whatever the order in which they come. */
	engine_restart(f);
	assert_int_equal(engine_add_peer(f->rig.engine, 2, "two", to_nobody, NULL, &second), IM_OK);
	engine_linked(f->rig.engine, second, &f->now);
	f->peer = second;
	engine_sessions(f, (const char *const[]){NULL});
	engine_add_message(f, "bob", "alice", "3");
	engine_send_again(f, 1, 1, im_buf_view(&f->records));
	assert_int_equal(engine_health(f->rig.engine)->records_replayed, 1);
	assert_int_equal(peer_spool(second)->recno, 1);
}

/* The bridge's end of the link is lost, with what was on its way, and made anew. */
static void lose_link(struct engine_fixture *f, uint64_t spool_first)
{
	f->spool_first = spool_first;
	engine_unlinked(f->rig.engine, f->peer);
	engine_forget(f);
	engine_linked(f->rig.engine, f->peer, &f->now);
}

/* A close leaves no mark in the log, so that it comes as if nobody had seen it, and it may come
 * before it is known who is connected. */
static void what_a_dead_process_has_told_is_told_again(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_add_session(f, IM_UP_OPEN, "carol", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	engine_add_session(f, IM_UP_CLOSE, "carol", "phone", 0);
	records = keep(f);
	engine_send(f);
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"offline\"");
	f->spool_first = 2;
	engine_restart(f);
	engine_link(f);
	assert_not_told(f, "topic+ presence/carol");
	engine_send_again(f, 2, 1, records);
	assert_told(f, "committed 77:2");
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"offline\"");
}

static void who_is_replayed_too_early_is_told_when_all_are_known(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_message(f, "alice", "bob", "a mark");
	engine_add_session(f, IM_UP_OPEN, "carol", "phone", IM_UPF_NEW_DEVICE);
	engine_add_session(f, IM_UP_CLOSE, "carol", "phone", 0);
	engine_add_message(f, "alice", "bob", "another");
	records = keep(f);
	engine_send(f);
	f->spool_first = 2;
	engine_restart(f);
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_send_again(f, 2, 3, records);
	assert_int_equal(engine_health(f->rig.engine)->records_replayed, 3);
	assert_told(f, "committed 77:4");
	engine_wait(f, 1000);
	assert_not_told(f, "topic+ presence/carol");
	engine_forget(f);
	engine_sessions(f, (const char *const[]){NULL});
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"offline\"");
}

static void what_a_snapshot_has_led_to_is_told_until_it_is_returned(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_session(f, IM_UP_OPEN, "carol", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	lose_link(f, 2);
	engine_sessions(f, (const char *const[]){NULL});
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"offline\"");
	for (int i = 0; i < 3; i++) {
		lose_link(f, 2);
		assert_int_equal(engine_told_part(f, "presence/carol"), i < 2);
		engine_credit(f, i);
	}
}

/* More than a transaction tells at once. */
static void what_is_told_by_time_is_told_until_it_is_returned(void **state)
{
	struct engine_fixture *f = *state;
	char name[8];

	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		engine_add_session(f, IM_UP_OPEN, name, name, IM_UPF_NEW_DEVICE | IM_UPF_NEW_USER);
	}
	engine_send(f);
	assert_told(f, "committed 77:600");
	assert_int_equal(engine_count(f, "topic+ presence/"), 500);
	engine_wait(f, 1);
	assert_int_equal(engine_count(f, "topic+ presence/u5"), 100);
	lose_link(f, 601);
	assert_int_equal(engine_count(f, "topic+ presence/u5"), 100);
	engine_credit(f, 1);
	lose_link(f, 601);
	assert_int_equal(engine_count(f, "topic+ presence/u5"), 0);
}

/* A frame that is given out again says what was so when it was made. What was told since waits
 * behind it. */
static void what_is_retained_is_told_in_order(void **state)
{
	struct engine_fixture *f = *state;

	engine_sessions(f, (const char *const[]){"carol", "phone", "", NULL});
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"online\"");
	engine_message(f, "alice", "bob", "at once");
	assert_told(f, "message alice/phone 1 ");
	engine_add_session(f, IM_UP_CLOSE, "carol", "phone", 0);
	engine_send(f);
	assert_not_told(f, "topic+ presence/carol");
	assert_not_told(f, "committed");
	engine_credit(f, 1);
	assert_told(f, "topic+ presence/carol {\"uid\":\"carol\",\"state\":\"offline\"");
	assert_told(f, "committed 77:2");
}

static void what_a_device_has_said_of_itself_is_told_again(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str records;

	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	engine_add_rpc(f, "bob", "presence.set", "{\"state\":\"away\"}");
	records = keep(f);
	engine_send(f);
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"away\"");
	lose_link(f, 2);
	engine_sessions(f, (const char *const[]){"bob", "phone", "", NULL});
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"away\"");
	engine_credit(f, 1);
	engine_send_again(f, 2, 1, records);
	assert_told(f, "topic+ presence/bob {\"uid\":\"bob\",\"state\":\"away\"");
}

#define T(name)                                                                 \
	cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down), \
		cmocka_unit_test_setup_teardown(name, engine_set_up_sqlite, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_committed_batch_is_delivered_and_acked_again_but_not_stored),
		T(a_batch_may_hold_old_and_new_records),
		T(only_the_marks_that_cover_a_replay_are_read),
		T(a_gap_is_asked_for_and_dropped),
		T(the_answer_says_where_the_spool_begins),
		cmocka_unit_test(a_spool_that_is_new_is_said_once),
		T(a_lost_batch_is_not_taken_for_a_beginning),
		T(half_an_answer_is_none),
		T(another_epoch_is_another_spool),
		T(reads_are_answered_again_and_log_writes_are_not_run_again),
		T(a_batch_without_messages_costs_no_mark),
		T(unanswered_hellos_are_repeated),
		T(what_sessions_have_led_to_is_told_again),
		T(what_a_dead_process_has_told_is_told_again),
		T(who_is_replayed_too_early_is_told_when_all_are_known),
		T(what_a_snapshot_has_led_to_is_told_until_it_is_returned),
		T(what_is_told_by_time_is_told_until_it_is_returned),
		T(what_is_retained_is_told_in_order),
		T(what_a_device_has_said_of_itself_is_told_again),
		T(void_records_are_passed_over),
		T(a_spool_that_another_plugin_has_is_not_taken),
	};

	return cmocka_run_group_tests_name("bridge replay", tests, NULL, NULL);
}
