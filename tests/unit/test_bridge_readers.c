/* SPDX-License-Identifier: BSD-3-Clause */
/* The reading threads: answers, jobs as effects of a transaction, the bound, the end in the middle.
 */
#include "tests/unit/engine_fixture.h"

#include <poll.h>
#include <sqlite3.h>

#include "bridge/directory/directory_user.h"
#include "bridge/read/turns.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_request.h"
#include "bridge/search/search_index.h"

#define DEADLINE_MS 30000

/* Of the transaction in which the jobs are planned. */
static struct effects *fx;

static struct readers *open_with(
	struct engine_fixture *f, struct reader_parts p, unsigned threads, uint32_t queue_max)
{
	struct readers *r;
	struct im_buf why;

	p.backend = &f->rig.backend;
	p.store = f->rig.store;
	p.folder = f->rig.folder;
	p.log = f->rig.log;
	im_buf_init(&why, 0);
	if (readers_open(&p, threads, queue_max, &r, &why) != IM_OK)
		fail_msg("%.*s", IM_ARGS(why));
	im_buf_free(&why);
	return r;
}

static struct readers *open_readers(struct engine_fixture *f, unsigned threads, uint32_t queue_max)
{
	return open_with(f, (struct reader_parts){.search = false}, threads, queue_max);
}

static struct read_job *request_with(
	const char *uid, uint64_t user, const char *method, const char *params)
{
	struct read_job *job = read_job_new(READ_REQUEST, im_str(uid), IM_STR("phone"));

	assert_non_null(job);
	job->user = user;
	job->now_ms = 1;
	job->set.reply_max = 60000;
	rpc_request_parse(methods_find, im_str(method), im_str(params), &job->req);
	assert_int_equal(job->req.code, IM_OK);
	return job;
}

static struct read_job *request(const char *uid, uint64_t user, const char *method)
{
	return request_with(uid, user, method, "{}");
}

/* The next finished job, waited for. */
static struct read_job *wait_job(struct readers *r)
{
	struct pollfd p = {.fd = readers_fd(r), .events = POLLIN};
	struct read_job *job;

	while (!(job = readers_take(r, 0)))
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	return job;
}

static void threads_answer_and_wake_the_loop(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 3, 1000);
	struct pollfd p = {.fd = readers_fd(r), .events = POLLIN};

	assert_int_equal(poll(&p, 1, 0), 0);
	for (unsigned i = 0; i < 200; i++)
		read_job_plan(request("bob", 2 + i, "user.get"), fx);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(readers_queued(r), 0);
	readers_run(r, effects_reads(fx), 0, 0);
	for (int i = 0; i < 200; i++) {
		struct read_job *job = wait_job(r);

		assert_false(job->failed);
		assert_non_null(memmem(job->reply.p, job->reply.n, "\"uid\":\"bob\"", 11));
		read_job_free(job);
	}
	assert_null(readers_take(r, 0));
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(readers_queued(r), 0);
	readers_close(&r);
}

static void what_is_for_another_plugin_is_not_passed_by(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 1, 1000);
	struct pollfd p = {.fd = readers_fd(r), .events = POLLIN};
	struct read_job *job;

	read_job_plan(request("bob", 2, "user.get"), fx);
	readers_run(r, effects_reads(fx), 0, 1);
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	assert_null(readers_take(r, 0));
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_false(readers_has(r, 0));
	assert_true(readers_has(r, 1));
	job = readers_take(r, 1);
	assert_non_null(job);
	read_job_free(job);
	assert_false(readers_has(r, 1));
	readers_close(&r);
}

static void discarded_jobs_never_run(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 1, 1000);
	struct read_job *job;

	read_job_plan(request("bob", 2, "user.get"), fx);
	effects_reset(fx);
	read_job_plan(request("carol", 3, "user.get"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	job = wait_job(r);
	assert_memory_equal(job->uid, "carol", 5);
	read_job_free(job);
	assert_null(readers_take(r, 0));
	readers_close(&r);
}

static void beyond_the_bound_the_answer_is_busy(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 1, 0);
	struct read_job *job;

	read_job_plan(request("bob", 2, "user.get"), fx);
	read_job_plan(read_job_new(READ_HELLO, IM_STR("bob"), IM_STR("phone")), fx);
	readers_run(r, effects_reads(fx), 7, 0);
	job = wait_job(r);
	assert_true(job->busy);
	assert_str(im_buf_view(&job->reply),
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32009,\"message\":\"busy: "
		"too "
		"many requests wait to be answered; try again in a moment\","
		"\"data\":{\"retry_ms\":1000}}}");
	read_job_free(job);
	job = wait_job(r);
	assert_str(im_buf_view(&job->reply),
		"{\"event\":\"hello\",\"device\":\"phone\",\"cursor\":\"7\",\"behind\":true}");
	read_job_free(job);
	readers_close(&r);
}

static void requests_go_before_greetings(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 1, 100);
	struct read_job *job;
	int before = 0, hellos = 0;

	for (int i = 0; i < 1000; i++)
		read_job_plan(read_job_new(READ_HELLO, IM_STR("bob"), IM_STR("phone")), fx);
	for (unsigned i = 0; i < 50; i++)
		read_job_plan(request("bob", 2 + i, "user.get"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	for (int i = 0; i < 1050; i++) {
		job = wait_job(r);
		if (job->kind == READ_HELLO)
			hellos++;
		else
			before = hellos;
		read_job_free(job);
	}
	assert_int_equal(hellos, 1000);
	/* One in nine, and what was run before the requests were there. */
	assert_in_range(before, 0, 200);
	readers_close(&r);
}

static void answers_that_nobody_takes_count(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 0, 10);
	unsigned busy = 0;

	for (int i = 0; i < 30; i++)
		read_job_plan(request("bob", 2, "user.get"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	for (int i = 0; i < 30; i++) {
		struct read_job *job = wait_job(r);

		busy += memmem(job->reply.p, job->reply.n, "-32009", 6) != NULL;
		read_job_free(job);
	}
	assert_int_equal(busy, 20);
	read_job_plan(request("bob", 2, "user.get"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	read_job_free(wait_job(r));
	readers_close(&r);
}

static void closing_drops_what_waits(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 2, 10000);

	for (unsigned i = 0; i < 5000; i++)
		read_job_plan(request("bob", 2 + i % 500, "user.get"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	read_job_plan(request("bob", 2, "user.get"), fx);
	readers_close(&r);
	assert_null(r);
}

/* -- time -- */

/* Each question costs so much. */
struct clock {
	int64_t us, step_us;
};

static int64_t tick(void *arg)
{
	struct clock *c = arg;

	return c->us += c->step_us;
}

#define MESSAGES 500

/* Alice and bob have said a lot, and it can be searched. */
static void talk(struct engine_fixture *f)
{
	struct store_reader *log;
	struct search_index *index;
	struct im_buf why;
	uint32_t n;

	im_buf_init(&why, 0);
	for (int i = 0; i < MESSAGES; i++)
		engine_add_message(f, "alice", "bob", "a needle in the hay of bob");
	engine_send(f);
	assert_int_equal(f->rig.backend.reader_open(f->rig.store, &log), IM_OK);
	assert_int_equal(
		search_index_open(f->rig.folder, &f->rig.backend, log, &index, &why), IM_OK);
	assert_int_equal(search_index_pass(index, 10000, 1000, &n), IM_OK);
	assert_int_equal(n, MESSAGES);
	search_index_stop(&index);
}

static struct readers *open_clocked(struct engine_fixture *f, struct clock *c)
{
	return open_with(
		f, (struct reader_parts){.search = true, .clock = tick, .clock_arg = c}, 0, 100);
}

static struct read_job *run_job(struct readers *r, struct read_job *job)
{
	read_job_plan(job, fx);
	readers_run(r, effects_reads(fx), MESSAGES, 0);
	return wait_job(r);
}

static struct read_job *search_job(void)
{
	return request_with("bob", 2, "search", "{\"q\":\"needle\",\"limit\":500}");
}

static bool has(const struct read_job *job, const char *part)
{
	return memmem(job->reply.p, job->reply.n, part, strlen(part)) != NULL;
}

/* No view of a job that was ended is left: the write-ahead log can start over. */
static void assert_no_view(struct engine_fixture *f, const char *name)
{
	char path[128];
	sqlite3 *db;
	int frames, moved;

	snprintf(path, sizeof(path), "%s/%s.db", f->rig.folder, name);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &frames, &moved),
		SQLITE_OK);
	sqlite3_close(db);
}

static void a_search_has_a_short_turn_and_a_second_one(void **state)
{
	struct engine_fixture *f = *state;
	struct clock slow = {.step_us = 1500};
	struct readers *r;
	struct read_job *job;

	talk(f);
	/* Nobody counts: it is done in one turn. */
	r = open_clocked(f, &(struct clock){.step_us = 0});
	job = run_job(r, search_job());
	assert_true(has(job, "\"hits\":[{"));
	assert_false(job->second);
	read_job_free(job);
	readers_close(&r);
	/* 25 ms are over soon, 250 are enough. */
	r = open_clocked(f, &slow);
	job = run_job(r, search_job());
	assert_true(job->second);
	assert_false(job->busy);
	assert_true(has(job, "\"hits\":[{"));
	read_job_free(job);
	assert_no_view(f, "messages");
	assert_no_view(f, "directory");
	assert_no_view(f, "search");
	readers_close(&r);
}

static void what_takes_too_long_is_busy_and_leaves_no_view(void **state)
{
	struct engine_fixture *f = *state;
	struct clock slow = {.step_us = 40000};
	struct readers *r;
	struct read_job *job;

	talk(f);
	r = open_clocked(f, &slow);
	for (int i = 0; i < 3; i++) {
		job = run_job(r, search_job());
		assert_true(job->second && job->busy);
		assert_true(has(job, "\"code\":-32009"));
		assert_true(has(job, "\"data\":{\"retry_ms\":5000}"));
		read_job_free(job);
		job = run_job(r, request_with("bob", 2, "conv.history",
					 "{\"conv\":\"u/alice\",\"limit\":500}"));
		assert_true(job->busy && !job->second);
		assert_true(has(job, "\"data\":{\"retry_ms\":5000}"));
		read_job_free(job);
		job = run_job(r, request_with("bob", 2, "sync", "{\"cursor\":\"\",\"limit\":500}"));
		assert_true(job->busy);
		read_job_free(job);
		assert_no_view(f, "messages");
		assert_no_view(f, "directory");
		assert_no_view(f, "search");
	}
	/* A small one is answered all the same, by the same handles. */
	job = run_job(r, request("bob", 2, "user.get"));
	assert_false(job->busy);
	assert_true(has(job, "\"uid\":\"bob\""));
	read_job_free(job);
	slow.step_us = 0;
	job = run_job(r, search_job());
	assert_true(has(job, "\"hits\":[{"));
	read_job_free(job);
	readers_close(&r);
}

/* A device that cannot be looked up in time is behind: pulling for nothing costs little. */
static void a_greeting_in_want_of_time_says_behind(void **state)
{
	struct engine_fixture *f = *state;
	struct clock slow = {.step_us = 1000000};
	struct readers *r;
	struct read_job *job;

	talk(f);
	r = open_clocked(f, &slow);
	job = read_job_new(READ_HELLO, IM_STR("bob"), IM_STR("phone"));
	assert_non_null(job);
	job->user = 2;
	job = run_job(r, job);
	assert_true(has(job, "\"behind\":true"));
	read_job_free(job);
	readers_close(&r);
}

static void a_user_who_floods_is_busy_and_the_others_are_not(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 2, 1000);
	unsigned busy = 0, others = 0;

	for (int i = 0; i < 200; i++)
		read_job_plan(request("bob", 2, "conv.list"), fx);
	for (unsigned i = 0; i < 20; i++)
		read_job_plan(request("carol", 3 + i, "user.get"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	for (int i = 0; i < 220; i++) {
		struct read_job *job = wait_job(r);

		busy += job->busy;
		if (job->uid[0] == 'c') {
			assert_false(job->busy);
			others++;
		}
		read_job_free(job);
	}
	assert_int_equal(others, 20);
	/* 32 wait, one runs; a few more by what has ended meanwhile. */
	assert_in_range(busy, 100, 200 - IM_READS_WAITING);
	readers_close(&r);
}

/* -- several in one array -- */

/* So many of one kind, numbered from 1. */
static struct read_job *batch(
	const char *uid, uint64_t user, unsigned n, const char *method, const char *params)
{
	struct read_job *job = read_job_new(READ_REQUEST, im_str(uid), IM_STR("phone"));
	struct im_buf text, why;

	assert_non_null(job);
	job->user = user;
	job->now_ms = 1;
	job->set.reply_max = 60000;
	im_buf_init(&text, 0);
	im_buf_init(&why, 0);
	for (unsigned i = 0; i < n; i++)
		im_buf_printf(&text,
			"%c{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\",\"params\":%s}",
			i ? ',' : '[', i + 1, method, params);
	im_buf_c(&text, ']');
	assert_int_equal(
		rpc_batch_parse(methods_find, im_buf_view(&text), &job->batch, &why), IM_OK);
	assert_true(rpc_batch_next(job->batch, &job->req));
	im_buf_free(&text);
	im_buf_free(&why);
	return job;
}

static unsigned count(const struct read_job *job, const char *part)
{
	struct im_str rest = im_buf_view(&job->reply);
	const char *at;
	unsigned n = 0;

	while ((at = memmem(rest.p, rest.n, part, strlen(part)))) {
		rest.n -= (size_t)(at - rest.p) + 1;
		rest.p = at + 1;
		n++;
	}
	return n;
}

/* Threads are none, so each turn is taken by hand. */
static void a_batch_is_one_place_and_a_turn_for_each_request(void **state)
{
	struct engine_fixture *f = *state;
	struct im_buf why;
	struct reader *one;
	struct turns *t = turns_new(1);
	struct read_job *job, *alone = request("bob", 2, "user.get");
	struct read_job *other = request("carol", 3, "user.get");
	const struct reader_parts p = {.backend = &f->rig.backend,
		.store = f->rig.store,
		.folder = f->rig.folder,
		.log = f->rig.log};
	unsigned turns = 0;

	im_buf_init(&why, 0);
	assert_int_equal(reader_open(&p, &one, &why), IM_OK);
	assert_int_equal(turns_push(t, batch("bob", 2, 50, "user.get", "{}")), IM_OK);
	assert_int_equal(turns_push(t, alone), IM_OK);
	assert_int_equal(turns_push(t, other), IM_OK);
	assert_int_equal(turns_waiting_requests(t), 3);
	/* After one of the fifty it is another user's turn, then the same one's other request's. */
	job = turns_pop(t);
	assert_non_null(job->batch);
	assert_false(reader_run(one, job));
	turns_back(t, job);
	for (int i = 0; i < 2; i++) {
		job = turns_pop(t);
		assert_ptr_equal(job, i ? alone : other);
		assert_true(reader_run(one, job));
		turns_end(t, job);
		read_job_free(job);
	}
	for (turns = 2;; turns++) {
		job = turns_pop(t);
		if (reader_run(one, job))
			break;
		turns_back(t, job);
	}
	assert_int_equal(turns, 50);
	assert_false(job->failed);
	assert_int_equal(count(job, "\"result\":{\"uid\":\"bob\""), 50);
	turns_end(t, job);
	read_job_free(job);
	turns_free(&t);
	reader_close(&one);
	im_buf_free(&why);
}

/* Each has the time that it would have alone, a search its two turns. */
static void each_of_a_batch_has_its_own_time(void **state)
{
	struct engine_fixture *f = *state;
	struct clock slow = {.step_us = 1500};
	struct readers *r;
	struct read_job *job;

	talk(f);
	/* Enough for a search of 250 ms, and for fifty of them. */
	r = open_clocked(f, &slow);
	job = run_job(r, batch("bob", 2, 20, "search", "{\"q\":\"needle\",\"limit\":1}"));
	assert_int_equal(count(job, "\"hits\":[{"), 20);
	assert_int_equal(job->busy, 0);
	read_job_free(job);
	/* Those that take too long are busy, and nothing else of the array is. */
	slow.step_us = 40000;
	job = run_job(
		r, batch("bob", 2, 3, "conv.history", "{\"conv\":\"u/alice\",\"limit\":500}"));
	assert_int_equal(job->busy, 3);
	assert_int_equal(count(job, "{\"code\":-32009,"), 3);
	assert_int_equal(count(job, "\"data\":{\"retry_ms\":5000}"), 3);
	assert_true(has(job, "\"id\":3,\"error\""));
	read_job_free(job);
	assert_no_view(f, "messages");
	assert_no_view(f, "directory");
	assert_no_view(f, "search");
	readers_close(&r);
}

static void a_batch_that_finds_no_place_is_one_refusal(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 1, 0);
	struct read_job *job;

	read_job_plan(batch("bob", 2, 50, "user.get", "{}"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	job = wait_job(r);
	assert_int_equal(job->busy, 1);
	assert_str(im_buf_view(&job->reply),
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32009,\"message\":\"busy: "
		"too many requests wait to be answered; try again in a moment\","
		"\"data\":{\"retry_ms\":1000}}}");
	read_job_free(job);
	readers_close(&r);
}

/* Threads, and the end in the middle. */
static void batches_of_many_users_are_answered_whole(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 3, 1000);

	for (unsigned i = 0; i < 100; i++)
		read_job_plan(batch("bob", 2 + i, 50, "user.get", "{}"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	for (int i = 0; i < 100; i++) {
		struct read_job *job = wait_job(r);

		assert_int_equal(count(job, "\"result\":{\"uid\":\"bob\""), 50);
		read_job_free(job);
	}
	for (unsigned i = 0; i < 100; i++)
		read_job_plan(batch("bob", 2 + i, 50, "user.get", "{}"), fx);
	readers_run(r, effects_reads(fx), 0, 0);
	read_job_free(wait_job(r));
	readers_close(&r);
	assert_null(r);
}

static void names_beyond_their_bound_make_no_job(void **state)
{
	char name[IM_DEVICE_MAX + 1];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_null(read_job_new(READ_HELLO, IM_STR("bob"), (struct im_str){name, sizeof(name)}));
	assert_null(read_job_new(READ_HELLO, (struct im_str){name, sizeof(name)}, IM_STR("phone")));
}

static int set_up(void **state)
{
	fx = effects_new();
	return fx ? engine_set_up_sqlite(state) : -1;
}

static int tear_down(void **state)
{
	effects_free(&fx);
	return engine_tear_down(state);
}

#define E(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		E(threads_answer_and_wake_the_loop),
		E(what_is_for_another_plugin_is_not_passed_by),
		E(discarded_jobs_never_run),
		E(beyond_the_bound_the_answer_is_busy),
		E(requests_go_before_greetings),
		E(answers_that_nobody_takes_count),
		E(closing_drops_what_waits),
		E(a_search_has_a_short_turn_and_a_second_one),
		E(what_takes_too_long_is_busy_and_leaves_no_view),
		E(a_greeting_in_want_of_time_says_behind),
		E(a_user_who_floods_is_busy_and_the_others_are_not),
		E(a_batch_is_one_place_and_a_turn_for_each_request),
		E(each_of_a_batch_has_its_own_time),
		E(a_batch_that_finds_no_place_is_one_refusal),
		E(batches_of_many_users_are_answered_whole),
		cmocka_unit_test(names_beyond_their_bound_make_no_job),
	};

	return cmocka_run_group_tests_name("bridge readers", tests, NULL, NULL);
}
