/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The follower of the log: every sink gets all of it, once and in order, from its own position,
 * however the others fare; and what is stopped or has failed in the middle goes on where it was.
 */
#include <pthread.h>
#include <semaphore.h>

#include "bridge/store/follower.h"
#include "tests/unit/unit.h"

#define STRETCH 100

struct sink {
	uint64_t committed; /* its position */
	uint64_t next;      /* what the stretch in hand is to bring */
	int64_t begun_ms;
	unsigned begins, commits, rollbacks, rests;
	uint64_t fail_at; /* take fails at this message */
	bool fail_begin, fail_commit, rest_more;
	int rest_code;
	/* Take ends its follower at this message, and waits until the test has seen it. */
	struct follower *end;
	uint64_t end_at;
	sem_t *ended, *seen;
};

struct fixture {
	struct store *store;
	struct store_reader *reader;
	struct store_backend backend;
	struct follower *f;
	struct follower_now now;
	uint64_t head;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct im_buf why;

	assert_non_null(f);
	im_buf_init(&why, 0);
	assert_int_equal(store_memory.open("", &f->store, &why), IM_OK);
	assert_int_equal(store_memory.reader_open(f->store, &f->reader), IM_OK);
	f->backend = store_memory;
	f->now = (struct follower_now){.wall_ms = 7000, .mono_ms = 1000};
	f->f = follower_new(&f->backend, f->reader);
	assert_non_null(f->f);
	im_buf_free(&why);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	follower_stop(&f->f);
	store_memory.reader_close(f->reader);
	store_memory.close(f->store);
	free(f);
	return 0;
}

static void append(struct fixture *f, uint64_t n)
{
	uint64_t conv;

	assert_int_equal(store_memory.begin(f->store), IM_OK);
	assert_int_equal(store_memory.conv(f->store, IM_CONV_GROUP, 1, 0, true, &conv), IM_OK);
	for (uint64_t i = 0; i < n; i++) {
		struct store_msg m = {.gid = ++f->head,
			.conv = conv,
			.seq = f->head,
			.sender = 1,
			.enc = IM_ENC_TEXT,
			.body = IM_STR("x")};
		assert_int_equal(store_memory.append(f->store, &m), IM_OK);
	}
	assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
}

/* -- a sink that looks at everything -- */

static uint64_t position(void *arg)
{
	const struct sink *s = arg;
	return s->committed;
}

static int begin(void *arg, int64_t now_ms)
{
	struct sink *s = arg;
	if (s->fail_begin)
		return IM_E_IO;
	s->begins++;
	s->begun_ms = now_ms;
	s->next = s->committed + 1;
	return IM_OK;
}

static int take(void *arg, const struct store_msg *m)
{
	struct sink *s = arg;
	assert_int_equal(m->gid, s->next);
	if (m->gid == s->end_at) {
		follower_end(s->end);
		sem_post(s->ended);
		while (sem_wait(s->seen))
			;
	}
	if (m->gid == s->fail_at)
		return IM_E_IO;
	s->next++;
	return IM_OK;
}

static int commit(void *arg, uint64_t gid)
{
	struct sink *s = arg;
	assert_int_equal(gid, s->next - 1);
	if (s->fail_commit)
		return IM_E_IO;
	s->commits++;
	s->committed = gid;
	return IM_OK;
}

static void rollback(void *arg)
{
	struct sink *s = arg;
	s->rollbacks++;
	s->next = 0;
}

static int rest(void *arg, int64_t now_ms, bool *more_out)
{
	struct sink *s = arg;
	(void)now_ms;
	s->rests++;
	*more_out = s->rest_more;
	return s->rest_code;
}

static void add(struct fixture *f, struct sink *s, uint32_t stretch)
{
	const struct follower_sink sink = {
		s, stretch, position, begin, take, commit, rollback, rest};
	assert_int_equal(follower_add(f->f, &sink), IM_OK);
}

/* The main thread runs as it likes, and so often that the log is read. */
static bool calm_turn(struct fixture *f)
{
	bool more = false;

	for (int i = 0; i < BACKGROUND_STEPS_CALM; i++) {
		f->now.mono_ms += FOLLOWER_STEP_MS;
		f->now.wall_ms += FOLLOWER_STEP_MS;
		more = follower_turn(f->f, &f->now);
		if (more)
			break;
	}
	return more;
}

/* -- positions -- */

static void every_sink_goes_on_from_its_own_position(void **state)
{
	struct fixture *f = *state;
	struct sink a = {0}, b = {.committed = 5};

	add(f, &a, STRETCH);
	add(f, &b, STRETCH);
	append(f, 8);
	assert_false(calm_turn(f));
	assert_int_equal(a.committed, 8);
	assert_int_equal(b.committed, 8);
	assert_int_equal(a.begun_ms, f->now.wall_ms);
	append(f, 2);
	assert_false(calm_turn(f));
	assert_int_equal(a.committed, 10);
	assert_int_equal(b.committed, 10);
	assert_int_equal(a.commits, 2);
	/* Nothing new: no stretch begins. */
	assert_false(calm_turn(f));
	assert_int_equal(a.begins, 2);
	assert_int_equal(a.rollbacks + b.rollbacks, 0);
}

static void a_stretch_is_many_views_up_to_its_limit(void **state)
{
	struct fixture *f = *state;
	const uint32_t stretch = 2 * FOLLOWER_VIEW_MESSAGES + 500;
	struct sink a = {0};

	add(f, &a, stretch);
	append(f, stretch + 3);
	assert_true(calm_turn(f));
	assert_int_equal(a.committed, stretch);
	assert_int_equal(a.commits, 1);
	/* What is left over is taken in at once. */
	assert_false(follower_turn(f->f, &f->now));
	assert_int_equal(a.committed, stretch + 3);
	assert_int_equal(a.commits, 2);
}

static void a_sink_that_has_ended_is_given_nothing(void **state)
{
	struct fixture *f = *state;
	struct sink a = {.committed = FOLLOWER_ENDED}, b = {0};

	add(f, &a, STRETCH);
	add(f, &b, STRETCH);
	append(f, 3);
	(void)calm_turn(f);
	assert_int_equal(a.begins, 0);
	assert_true(a.rests > 0);
	assert_int_equal(b.committed, 3);
}

static void sinks_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct sink a = {0};
	const struct follower_sink sink = {&a, 1, position, begin, take, commit, rollback, NULL};

	for (int i = 0; i < FOLLOWER_SINKS_MAX; i++)
		assert_int_equal(follower_add(f->f, &sink), IM_OK);
	assert_int_equal(follower_add(f->f, &sink), IM_E_FULL);
}

/* -- failing -- */

static void one_that_fails_is_left_alone_and_the_others_go_on(void **state)
{
	struct fixture *f = *state;
	struct sink a = {.fail_at = 4}, b = {0};
	int64_t failed_ms;

	add(f, &a, STRETCH);
	add(f, &b, STRETCH);
	append(f, 6);
	assert_false(calm_turn(f));
	failed_ms = f->now.mono_ms;
	/* Nothing of the stretch counts, and nothing else is done in that turn. */
	assert_int_equal(a.committed, 0);
	assert_int_equal(a.rollbacks, 1);
	assert_int_equal(a.commits, 0);
	assert_int_equal(b.committed, 6);
	assert_int_equal(a.rests, b.rests - 1);
	a.fail_at = 0;
	append(f, 1);
	while (f->now.mono_ms + FOLLOWER_STEP_MS < failed_ms + FOLLOWER_BACKOFF_MS) {
		f->now.mono_ms += FOLLOWER_STEP_MS;
		(void)follower_turn(f->f, &f->now);
	}
	assert_int_equal(b.committed, 7);
	assert_int_equal(a.begins, 1);
	(void)calm_turn(f);
	assert_int_equal(a.committed, 7);
	assert_int_equal(a.commits, 1);
}

static void whatever_fails_leaves_the_position(void **state)
{
	struct fixture *f = *state;
	struct sink a = {.fail_begin = true};
	bool more;

	add(f, &a, STRETCH);
	append(f, 3);
	assert_int_equal(follower_serve(f->f, 0, STRETCH, 0, &more), IM_E_IO);
	assert_int_equal(a.rollbacks, 0);
	a.fail_begin = false;
	a.fail_commit = true;
	assert_int_equal(follower_serve(f->f, 0, STRETCH, 0, &more), IM_E_IO);
	assert_int_equal(a.rollbacks, 1);
	assert_int_equal(a.committed, 0);
	a.fail_commit = false;
	a.rest_code = IM_E_FULL;
	assert_int_equal(follower_serve(f->f, 0, STRETCH, 0, &more), IM_E_FULL);
	assert_false(more);
	assert_int_equal(a.committed, 3);
	assert_int_equal(a.rollbacks, 1);
}

static int broken_log(struct store_reader *r, uint64_t lo, uint64_t hi, bool descending,
	store_msg_fn fn, void *arg)
{
	int rc = store_memory.read_log(r, lo, lo, descending, fn, arg);
	(void)hi;
	return rc ? rc : IM_E_IO;
}

static void a_log_that_breaks_off_counts_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct sink a = {0};
	bool more;

	add(f, &a, STRETCH);
	append(f, 3);
	f->backend.read_log = broken_log;
	assert_int_equal(follower_serve(f->f, 0, STRETCH, 0, &more), IM_E_IO);
	assert_int_equal(a.begins, 1);
	assert_int_equal(a.rollbacks, 1);
	assert_int_equal(a.committed, 0);
	f->backend.read_log = store_memory.read_log;
	assert_int_equal(follower_serve(f->f, 0, STRETCH, 0, &more), IM_OK);
	assert_int_equal(a.committed, 3);
}

/* -- pace -- */

static void a_slow_one_does_not_hold_up_another(void **state)
{
	struct fixture *f = *state;
	struct sink slow = {0}, fast = {0};

	add(f, &slow, 1);
	add(f, &fast, STRETCH);
	append(f, 5);
	assert_true(calm_turn(f));
	assert_int_equal(slow.committed, 1);
	assert_int_equal(fast.committed, 5);
	for (unsigned i = 2; i <= 5; i++) {
		assert_true(follower_turn(f->f, &f->now));
		assert_int_equal(slow.committed, i);
	}
	assert_false(follower_turn(f->f, &f->now));
	assert_int_equal(slow.committed, 5);
	assert_int_equal(fast.commits, 1);
}

static void reading_is_put_off_while_processors_are_short_and_the_rest_is_not(void **state)
{
	struct fixture *f = *state;
	struct sink a = {0};

	add(f, &a, STRETCH);
	append(f, 2);
	for (int i = 1; i < BACKGROUND_STEPS_MAX; i++) {
		f->now.main.ran_ns += 1000;
		f->now.main.waited_ns += 1000;
		assert_false(follower_turn(f->f, &f->now));
		assert_int_equal(a.committed, 0);
		assert_int_equal(a.rests, i);
	}
	f->now.main.waited_ns += 1000;
	(void)follower_turn(f->f, &f->now);
	assert_int_equal(a.committed, 2);
}

/* What a sink has begun is not put off. */
static void what_is_left_over_goes_on_at_once(void **state)
{
	struct fixture *f = *state;
	struct sink a = {.rest_more = true};

	add(f, &a, STRETCH);
	assert_true(follower_turn(f->f, &f->now));
	append(f, 1);
	f->now.main.waited_ns += 1000;
	assert_true(follower_turn(f->f, &f->now));
	assert_int_equal(a.committed, 1);
}

/* -- the thread -- */

/* What it has taken when it is stopped counts, and no more. */
static void stopped_in_the_middle_it_keeps_what_it_has(void **state)
{
	struct fixture *f = *state;
	struct sink a = {.end = f->f, .end_at = 3};
	sem_t ended, seen;
	bool more;

	sem_init(&ended, 0, 0);
	sem_init(&seen, 0, 0);
	a.ended = &ended;
	a.seen = &seen;
	add(f, &a, STRETCH);
	append(f, 6);
	assert_int_equal(follower_start(f->f), IM_OK);
	follower_wake(f->f);
	while (sem_wait(&ended))
		;
	a.rests = 0; /* the thread is in take */
	sem_post(&seen);
	follower_stop(&f->f);
	assert_null(f->f);
	assert_int_equal(a.committed, 3);
	assert_int_equal(a.commits, 1);
	assert_int_equal(a.rollbacks, 0);
	assert_int_equal(a.rests, 0);
	/* Another one goes on behind it. */
	f->f = follower_new(&f->backend, f->reader);
	a.end_at = 0;
	add(f, &a, STRETCH);
	assert_int_equal(follower_serve(f->f, 0, STRETCH, 0, &more), IM_OK);
	assert_int_equal(a.committed, 6);
	assert_int_equal(a.commits, 2);
	sem_destroy(&ended);
	sem_destroy(&seen);
}

static void between_turns_it_ends_at_once(void **state)
{
	struct fixture *f = *state;
	struct sink a = {0};

	add(f, &a, STRETCH);
	append(f, 1);
	follower_end(f->f);
	assert_int_equal(follower_start(f->f), IM_OK);
	follower_stop(&f->f);
	assert_int_equal(a.begins, 0);
	assert_int_equal(a.rests, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_sink_goes_on_from_its_own_position),
		CASE(a_stretch_is_many_views_up_to_its_limit),
		CASE(a_sink_that_has_ended_is_given_nothing),
		CASE(sinks_are_bounded),
		CASE(one_that_fails_is_left_alone_and_the_others_go_on),
		CASE(whatever_fails_leaves_the_position),
		CASE(a_log_that_breaks_off_counts_for_nothing),
		CASE(a_slow_one_does_not_hold_up_another),
		CASE(reading_is_put_off_while_processors_are_short_and_the_rest_is_not),
		CASE(what_is_left_over_goes_on_at_once),
		CASE(stopped_in_the_middle_it_keeps_what_it_has),
		CASE(between_turns_it_ends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
