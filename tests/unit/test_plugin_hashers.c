/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads for passwords: what they do ahead of the broker, and what it can take back. */
#include <stdatomic.h>
#include <time.h>

#include "plugin/hashers.h"
#include "tests/unit/unit.h"

#define JOBS 100
#define AHEAD 8 /* each thread, as in hashers.c */

struct fixture {
	struct hashers *h;
	struct clock clock;
	atomic_uint looks; /* at the clock, two of each comparison */
	struct hash_job jobs[JOBS];
};

static int64_t look(void *arg)
{
	struct fixture *f = arg;

	return (int64_t)atomic_fetch_add(&f->looks, 1);
}

static struct fixture *start(unsigned threads)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->clock = (struct clock){.wall_ms = look, .mono_us = look, .arg = f};
	f->h = hashers_new(threads, &f->clock);
	assert_non_null(f->h);
	for (int i = 0; i < JOBS; i++) {
		/* No PHC string: nothing is computed. */
		f->jobs[i].work.stored[0] = '-';
		hashers_put(f->h, &f->jobs[i], false);
	}
	return f;
}

static void stop(struct fixture *f)
{
	hashers_free(&f->h);
	free(f);
}

static void a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void until_compared(struct fixture *f, unsigned n)
{
	while (atomic_load(&f->looks) < 2 * n)
		a_moment();
}

static struct hash_job *take(struct fixture *f)
{
	struct hash_job *job;

	while (!(job = hashers_take(f->h)))
		a_moment();
	return job;
}

static void what_nobody_takes_holds_the_threads_up(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 3; threads++) {
		struct fixture *f = start(threads);
		unsigned n = AHEAD * threads;

		until_compared(f, n);
		/* If they went on it would show in so long a time. */
		for (int i = 0; i < 20; i++)
			a_moment();
		/* Each may have begun with one when the last place was filled. */
		assert_in_range(atomic_load(&f->looks), 2 * n, 2 * (n + threads - 1));
		for (unsigned i = 0; i < threads; i++)
			(void)take(f);
		until_compared(f, n + 1);
		stop(f);
	}
}

static void each_comes_back_once_and_says_what_it_cost(void **state)
{
	struct fixture *f = start(1);
	unsigned withdrawn = 0;

	(void)state;
	/* In their order, with one thread. */
	for (int i = 0; i < JOBS / 2; i++) {
		assert_ptr_equal(take(f), &f->jobs[i]);
		assert_int_equal(f->jobs[i].done.result, IM_E_FORMAT);
		assert_int_equal(f->jobs[i].done.took_us, 1);
	}
	for (int i = JOBS - 1; i >= JOBS / 2; i--)
		withdrawn += hashers_withdraw(f->h, &f->jobs[i]);
	assert_true(withdrawn >= JOBS / 2 - AHEAD);
	for (unsigned i = withdrawn; i < JOBS / 2; i++)
		(void)take(f);
	assert_null(hashers_take(f->h));
	stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_takes_holds_the_threads_up),
		cmocka_unit_test(each_comes_back_once_and_says_what_it_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
