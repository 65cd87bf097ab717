/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine while a shared log has not answered: what goes on, what waits and up to where, and
 * every kind of work that may be executed again. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"
#include "bridge/engine/waiting.h"
#include "common/limits.h"

/* A log to which nobody else appends. */
struct shared {
	struct shared_log log;
	enum shared_answer says;
	unsigned offers;
};

static struct shared shared;
static bool taken; /* the next place in messages.db is somebody else's */

static int append_message(struct store *s, const struct store_msg *m)
{
	return taken ? IM_E_CONFLICT : store_memory.append(s, m);
}

static enum shared_answer append(void *arg, struct writer *w, const struct shared_offer *o)
{
	struct shared *s = arg;

	(void)w;
	(void)o;
	s->offers++;
	return s->says;
}

static enum shared_answer ask(void *arg)
{
	(void)arg;
	return SHARED_UNKNOWN;
}

static int follow(void *arg, struct writer *w, struct writer_through *own_out)
{
	(void)arg;
	(void)w;
	(void)own_out;
	return IM_E_NONE;
}

static int set_up(void **state)
{
	struct engine_fixture *f = engine_prepare(&store_memory);

	shared = (struct shared){
		.log = {.arg = &shared, .append = append, .ask = ask, .follow = follow}};
	f->shared = &shared.log;
	f->rig.backend.append = append_message;
	taken = false;
	engine_open(f);
	engine_link(f);
	engine_forget(f);
	shared.says = SHARED_LATER;
	shared.offers = 0;
	*state = f;
	return 0;
}

static void answer(struct engine_fixture *f, enum shared_answer a)
{
	engine_forget(f);
	engine_appended(f->rig.engine, a, &f->now);
}

/* What was added, without a look at what readers have done. */
static void up(struct engine_fixture *f)
{
	struct im_up_batch h = {f->epoch, f->first, (uint32_t)(f->next - f->first)};
	struct im_buf frame;

	im_buf_init(&frame, 0);
	im_frame_batch_begin(&frame, &h);
	im_buf_str(&frame, im_buf_view(&f->records));
	assert_false(frame.failed);
	engine_up(f->rig.engine, f->peer, im_buf_view(&frame), &f->now);
	im_buf_free(&frame);
	im_buf_reset(&f->records);
	f->first = f->next;
}

static void answers_of_readers_go_out_meanwhile(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_rpc(f, "bob", "user.get", "{}");
	up(f);
	engine_add_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":1}");
	up(f);
	assert_true(engine_busy(f->rig.engine));
	engine_forget(f);
	engine_reads(f->rig.engine);
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"result\"");
	assert_not_told(f, "message");
	assert_not_told(f, "committed");
	/* And nothing of the transaction was lost by that. */
	answer(f, SHARED_DONE);
	assert_told(f, "message alice/phone 1 json id=1 bob=");
	assert_told(f, "inbox alice ack [{\"id\":\"1\"");
	assert_told(f, "committed 77:2");
}

static void reads_of_an_open_transaction_wait_for_it(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_message(f, "alice", "bob", "1");
	engine_add_rpc(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	engine_send(f);
	assert_int_equal(f->told.n, 0);
	/* It is executed again, and asked once. */
	answer(f, SHARED_MOVED);
	engine_reads(f->rig.engine);
	assert_int_equal(f->told.n, 0);
	answer(f, SHARED_DONE);
	engine_reads(f->rig.engine);
	assert_int_equal(engine_count(f, "inbox bob rpc/phone "), 1);
	assert_true(engine_told_part(f, "\"seq\":1,"));
}

/* A batch in several transactions: those that are done stay done. */
static void a_large_batch_goes_on_where_it_was(void **state)
{
	struct engine_fixture *f = *state;
	static char body[60001];
	unsigned parts = 0, messages = 0, acked = 0;
	char line[64];

	memset(body, 'x', sizeof(body) - 1);
	for (int i = 0; i < 200; i++)
		engine_add_message(f, "alice", "bob", body);
	engine_send(f);
	assert_int_equal(f->told.n, 0);
	while (engine_busy(f->rig.engine)) {
		answer(f, SHARED_MOVED);
		assert_int_equal(f->told.n, 0);
		answer(f, SHARED_DONE);
		parts += engine_count(f, "committed 77:");
		for (unsigned n = engine_count(f, "message alice/phone "); n; n--) {
			snprintf(line, sizeof(line), "message alice/phone %u text", ++messages);
			assert_told(f, line);
		}
		acked = engine_told(f, "committed 77:200");
	}
	assert_true(acked);
	assert_in_range(parts, 2, 5);
	assert_int_equal(messages, 200);
	assert_int_equal(shared.offers, 2 * parts);
	assert_int_equal(engine_health(f->rig.engine)->messages_stored, 200);
	assert_int_equal(engine_health(f->rig.engine)->commits_failed, 0);
}

static void frames_beyond_the_bound_are_asked_for_again(void **state)
{
	struct engine_fixture *f = *state;
	static char body[1800001];
	uint64_t first;

	memset(body, 'x', sizeof(body) - 1);
	engine_message(f, "alice", "bob", "1");
	first = f->first;
	for (size_t n = 0; n <= IM_FRAMES_WAITING_BYTES; n += sizeof(body)) {
		engine_add_message(f, "alice", "bob", body);
		up(f);
	}
	assert_int_equal(f->told.n, 0);
	shared.says = SHARED_DONE;
	answer(f, SHARED_DONE);
	assert_told(f, "message alice/phone 1 ");
	assert_told(f, "hello");
	/* All that was kept was taken, in order; the next one is the one that was not. */
	f->next = f->first = f->first - 1;
	assert_true(f->first > first + 10);
	engine_sessions(f, (const char *const[]){NULL});
	engine_message(f, "alice", "bob", "again");
	assert_told(f, "message alice/phone 2 ");
}

/* -- what else needs a transaction -- */

static bool linked(struct engine_fixture *f)
{
	struct health_gauges g;

	engine_gauges(f->rig.engine, &g);
	return g.linked;
}

static void a_snapshot_is_answered_when_it_is_there(void **state)
{
	struct engine_fixture *f = *state;
	const char *const bob[] = {"bob", "phone", "sub", NULL};
	struct directory_user u;

	engine_restart(f);
	shared.says = SHARED_DONE;
	engine_linked(f->rig.engine, f->peer, &f->now);
	shared.says = SHARED_LATER;
	engine_sessions(f, bob);
	assert_false(linked(f));
	assert_not_told(f, "topic+ presence/bob ");
	assert_not_told(f, "inbox bob event");
	answer(f, SHARED_MOVED);
	engine_reads(f->rig.engine);
	assert_false(linked(f));
	assert_int_equal(f->told.n, 0);
	answer(f, SHARED_DONE);
	engine_reads(f->rig.engine);
	assert_true(linked(f));
	assert_int_equal(engine_count(f, "topic+ presence/bob {\"uid\":\"bob\","), 1);
	assert_int_equal(engine_count(f, "inbox bob event {\"event\":\"hello\""), 1);
	assert_int_equal(directory_user_get(f->rig.dir, IM_STR("bob"), &u), IM_OK);
	assert_true(u.online);
}

/* However long the log takes: what was answered is not asked for again meanwhile. */
static void an_answer_that_takes_long_is_waited_for(void **state)
{
	struct engine_fixture *f = *state;

	engine_restart(f);
	engine_linked(f->rig.engine, f->peer, &f->now);
	assert_told(f, "hello");
	engine_sessions(f, (const char *const[]){"bob", "phone", "", NULL});
	for (int i = 0; i < 20; i++) {
		engine_wait(f, 3000);
		assert_not_told(f, "hello");
	}
	answer(f, SHARED_DONE);
	assert_true(linked(f));
	assert_not_told(f, "hello");
}

/* HELLO was said anew, because the link broke and is there again. */
static void an_answer_is_one_to_its_own_hello(void **state)
{
	struct engine_fixture *f = *state;
	const char *const bob[] = {"bob", "phone", "", NULL};

	engine_restart(f);
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_sessions(f, bob);
	engine_unlinked(f->rig.engine, f->peer);
	engine_linked(f->rig.engine, f->peer, &f->now);
	answer(f, SHARED_DONE);
	assert_false(linked(f));
	/* What was lost of it is said again, and it is answered. */
	engine_wait(f, 5000);
	assert_told(f, "hello");
	shared.says = SHARED_DONE;
	engine_sessions(f, bob);
	assert_true(linked(f));
}

static int create(void *arg, struct writer *w)
{
	uint64_t id;

	++*(unsigned *)arg;
	return directory_user_create(
		writer_directory(w), IM_STR("erin"), IM_ROLE_USER, (struct im_str){0}, 1, &id);
}

static void a_call_may_come_twice_and_is_done_once(void **state)
{
	struct engine_fixture *f = *state;
	unsigned calls = 0;
	struct directory_user u;

	assert_true(engine_call(f->rig.engine, create, &calls, &f->now));
	assert_true(engine_busy(f->rig.engine));
	assert_int_equal(calls, 1);
	answer(f, SHARED_MOVED);
	assert_int_equal(calls, 2);
	assert_true(engine_busy(f->rig.engine));
	answer(f, SHARED_DONE);
	assert_int_equal(calls, 2);
	assert_false(engine_busy(f->rig.engine));
	assert_int_equal(directory_user_get(f->rig.dir, IM_STR("erin"), &u), IM_OK);
}

static void presence_that_others_were_ahead_of_is_told_once(void **state)
{
	struct engine_fixture *f = *state;

	shared.says = SHARED_LATER;
	engine_add_session(f, IM_UP_OPEN, "bob", "phone", IM_UPF_NEW_DEVICE);
	engine_send(f);
	assert_int_equal(f->told.n, 0);
	answer(f, SHARED_MOVED);
	assert_int_equal(f->told.n, 0);
	answer(f, SHARED_DONE);
	assert_int_equal(engine_count(f, "topic+ presence/bob {\"uid\":\"bob\","), 1);
	/* By time alone: nothing else is begun while it is open. */
	shared.says = SHARED_LATER;
	engine_add_session(f, IM_UP_CLOSE, "bob", "phone", 0);
	engine_send(f);
	engine_wait(f, 10000);
	assert_int_equal(shared.offers, 3);
	answer(f, SHARED_DONE);
	assert_told(f, "topic+ presence/bob ");
}

static void an_answer_to_nothing_is_none(void **state)
{
	struct engine_fixture *f = *state;

	answer(f, SHARED_DONE);
	answer(f, SHARED_MOVED);
	assert_int_equal(f->told.n, 0);
	shared.says = SHARED_DONE;
	engine_message(f, "alice", "bob", "1");
	assert_told(f, "message alice/phone 1 ");
}

static void who_is_told_to_stop_waits_for_the_answer(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "bob", "1");
	engine_drain(f->rig.engine);
	assert_false(engine_idle(f->rig.engine));
	answer(f, SHARED_DONE);
	assert_told(f, "message alice/phone 1 ");
	assert_true(engine_idle(f->rig.engine));
}

/* Another process writes to messages.db: of what waits nothing is taken any more. */
static void who_has_to_end_takes_nothing_more(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "bob", "1");
	engine_add_rpc(f, "bob", "block.add", "{\"uid\":\"carol\"}");
	up(f);
	assert_int_equal(shared.offers, 1);
	taken = true;
	answer(f, SHARED_MOVED);
	assert_true(engine_fatal(f->rig.engine));
	assert_int_equal(f->told.n, 0);
	taken = false;
	shared.says = SHARED_DONE;
	answer(f, SHARED_DONE);
	engine_wait(f, 10000);
	assert_int_equal(f->told.n, 0);
	assert_int_equal(shared.offers, 1);
}

/* -- frames that wait -- */

static void frames_wait_in_their_order_and_go_with_their_link(void **state)
{
	struct waiting w = {0};
	struct waiting_frame *f;
	char who[2];
	struct peer *a = (struct peer *)&who[0], *b = (struct peer *)&who[1];

	(void)state;
	assert_null(waiting_take(&w));
	assert_int_equal(waiting_add(&w, a, IM_STR("1")), IM_OK);
	assert_int_equal(waiting_add(&w, b, IM_STR("2")), IM_OK);
	assert_int_equal(waiting_add(&w, a, IM_STR("3")), IM_OK);
	assert_int_equal(waiting_add(&w, b, IM_STR("4")), IM_OK);
	waiting_drop(&w, a);
	assert_int_equal(w.bytes, 2);
	f = waiting_take(&w);
	assert_ptr_equal(f->from, b);
	assert_int_equal(f->p[0], '2');
	free(f);
	assert_int_equal(waiting_add(&w, a, IM_STR("5")), IM_OK);
	f = waiting_take(&w);
	assert_int_equal(f->p[0], '4');
	free(f);
	waiting_drop(&w, NULL);
	assert_null(waiting_take(&w));
	assert_int_equal(w.bytes, 0);
	assert_int_equal(
		waiting_add(&w, a, (struct im_str){who, IM_FRAMES_WAITING_BYTES + 1}), IM_E_FULL);
	assert_int_equal(waiting_add(&w, a, IM_STR("6")), IM_OK);
	waiting_drop(&w, a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(answers_of_readers_go_out_meanwhile),
		T(reads_of_an_open_transaction_wait_for_it),
		T(a_large_batch_goes_on_where_it_was),
		T(frames_beyond_the_bound_are_asked_for_again),
		T(a_snapshot_is_answered_when_it_is_there),
		T(an_answer_that_takes_long_is_waited_for),
		T(an_answer_is_one_to_its_own_hello),
		T(a_call_may_come_twice_and_is_done_once),
		T(presence_that_others_were_ahead_of_is_told_once),
		T(an_answer_to_nothing_is_none),
		T(who_is_told_to_stop_waits_for_the_answer),
		T(who_has_to_end_takes_nothing_more),
		cmocka_unit_test(frames_wait_in_their_order_and_go_with_their_link),
	};

	return cmocka_run_group_tests_name("bridge append", tests, NULL, NULL);
}
