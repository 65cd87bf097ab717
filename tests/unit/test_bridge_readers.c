/* SPDX-License-Identifier: BSD-3-Clause */
/* The reading threads: answers, order of hold and release, the bound, the end in the middle. */
#include "engine_fixture.h"

#include <poll.h>

#include "../../bridge/directory_user.h"

#define DEADLINE_MS 30000

static struct readers *open_readers(struct engine_fixture *f, unsigned threads, uint32_t queue_max)
{
	struct readers_parts p = {.backend = &f->backend,
		.store = f->store,
		.folder = f->folder,
		.log = f->log,
		.threads = threads,
		.queue_max = queue_max};
	struct readers *r;
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(readers_open(&p, &r, &why), IM_OK);
	im_buf_free(&why);
	return r;
}

static struct readers_job *request(const char *uid, uint64_t user, const char *method)
{
	struct readers_job *job = readers_job_new(READERS_REQUEST, im_str(uid), IM_STR("phone"));

	assert_non_null(job);
	job->user = user;
	job->now_ms = 1;
	job->set.reply_max = 60000;
	rpc_request_parse(im_str(method), IM_STR("{}"), &job->req);
	assert_int_equal(job->req.code, IM_OK);
	return job;
}

/* The next finished job, waited for. */
static struct readers_job *wait_job(struct readers *r)
{
	struct pollfd p = {.fd = readers_fd(r), .events = POLLIN};
	struct readers_job *job;

	while (!(job = readers_take(r)))
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	return job;
}

static void threads_answer_and_wake_the_loop(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 3, 1000);
	struct pollfd p = {.fd = readers_fd(r), .events = POLLIN};

	assert_int_equal(poll(&p, 1, 0), 0);
	for (int i = 0; i < 200; i++)
		readers_hold(r, request("bob", 2, "user.get"));
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(readers_queued(r), 0);
	readers_release(r, 0);
	for (int i = 0; i < 200; i++) {
		struct readers_job *job = wait_job(r);

		assert_false(job->failed);
		assert_non_null(memmem(job->reply.p, job->reply.n, "\"uid\":\"bob\"", 11));
		readers_job_free(job);
	}
	assert_null(readers_take(r));
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(readers_queued(r), 0);
	readers_close(&r);
}

static void discarded_jobs_never_run(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 1, 1000);
	struct readers_job *job;

	readers_hold(r, request("bob", 2, "user.get"));
	readers_discard(r);
	readers_hold(r, request("carol", 3, "user.get"));
	readers_release(r, 0);
	job = wait_job(r);
	assert_memory_equal(job->uid, "carol", 5);
	readers_job_free(job);
	assert_null(readers_take(r));
	readers_close(&r);
}

static void beyond_the_bound_the_answer_is_busy(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 1, 0);
	struct readers_job *job;

	readers_hold(r, request("bob", 2, "user.get"));
	readers_hold(r, readers_job_new(READERS_HELLO, IM_STR("bob"), IM_STR("phone")));
	readers_release(r, 7);
	job = wait_job(r);
	assert_non_null(memmem(job->reply.p, job->reply.n, "-32009", 6));
	readers_job_free(job);
	job = wait_job(r);
	assert_str(im_buf_view(&job->reply),
		"{\"event\":\"hello\",\"device\":\"phone\",\"cursor\":\"7\",\"behind\":true}");
	readers_job_free(job);
	readers_close(&r);
}

static void requests_go_before_greetings(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 1, 100);
	struct readers_job *job;
	int before = 0, hellos = 0;

	for (int i = 0; i < 1000; i++)
		readers_hold(r, readers_job_new(READERS_HELLO, IM_STR("bob"), IM_STR("phone")));
	for (int i = 0; i < 50; i++)
		readers_hold(r, request("bob", 2, "user.get"));
	readers_release(r, 0);
	for (int i = 0; i < 1050; i++) {
		job = wait_job(r);
		if (job->kind == READERS_HELLO)
			hellos++;
		else
			before = hellos;
		readers_job_free(job);
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
		readers_hold(r, request("bob", 2, "user.get"));
	readers_release(r, 0);
	for (int i = 0; i < 30; i++) {
		struct readers_job *job = wait_job(r);

		busy += memmem(job->reply.p, job->reply.n, "-32009", 6) != NULL;
		readers_job_free(job);
	}
	assert_int_equal(busy, 20);
	readers_hold(r, request("bob", 2, "user.get"));
	readers_release(r, 0);
	readers_job_free(wait_job(r));
	readers_close(&r);
}

static void closing_drops_what_waits(void **state)
{
	struct engine_fixture *f = *state;
	struct readers *r = open_readers(f, 2, 10000);

	for (int i = 0; i < 5000; i++)
		readers_hold(r, request("bob", 2, "user.get"));
	readers_release(r, 0);
	readers_hold(r, request("bob", 2, "user.get"));
	readers_close(&r);
	assert_null(r);
}

static void names_beyond_their_bound_make_no_job(void **state)
{
	char name[IM_DEVICE_MAX + 1];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_null(
		readers_job_new(READERS_HELLO, IM_STR("bob"), (struct im_str){name, sizeof(name)}));
	assert_null(readers_job_new(
		READERS_HELLO, (struct im_str){name, sizeof(name)}, IM_STR("phone")));
}

#define E(name) cmocka_unit_test_setup_teardown(name, engine_set_up_sqlite, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		E(threads_answer_and_wake_the_loop),
		E(discarded_jobs_never_run),
		E(beyond_the_bound_the_answer_is_busy),
		E(requests_go_before_greetings),
		E(answers_that_nobody_takes_count),
		E(closing_drops_what_waits),
		cmocka_unit_test(names_beyond_their_bound_make_no_job),
	};

	return cmocka_run_group_tests_name("bridge readers", tests, NULL, NULL);
}
