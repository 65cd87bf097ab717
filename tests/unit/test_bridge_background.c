/* SPDX-License-Identifier: BSD-3-Clause */
/* Work that can wait: the thread itself steps back, and no other thread with it. */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "bridge/base/background.h"
#include "tests/unit/unit.h"

struct seen {
	int policy, nice;
};

static struct seen look(void)
{
	return (struct seen){sched_getscheduler(0), getpriority(PRIO_PROCESS, 0)};
}

static void *enter(void *arg)
{
	struct seen *seen = arg;

	background_enter();
	*seen = look();
	return NULL;
}

static void only_the_calling_thread_steps_back(void **state)
{
	const struct seen before = look();
	struct seen seen = {0}, after;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, enter, &seen), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	after = look();
	assert_int_equal(seen.policy, SCHED_BATCH);
	assert_int_equal(seen.nice, before.nice > 10 ? before.nice : 10);
	assert_int_equal(after.policy, before.policy);
	assert_int_equal(after.nice, before.nice);
}

struct main_thread {
	struct background_pace pace;
	struct background_main use;
};

/* A step in which the main thread ran, and waited for a processor, for so many milliseconds. */
static bool step(struct main_thread *m, int ran_ms, int waited_ms)
{
	m->use.ran_ns += ran_ms * 1000000;
	m->use.waited_ns += waited_ms * 1000000;
	return background_turn(&m->pace, m->use);
}

static void calm(struct main_thread *m)
{
	for (int i = 0; i < BACKGROUND_STEPS_CALM; i++)
		(void)step(m, 20, 2);
}

static void every_calm_step_is_a_turn(void **state)
{
	struct main_thread m = {0};

	(void)state;
	calm(&m);
	for (int i = 0; i < 100; i++)
		assert_true(step(&m, 20, 4));
	for (int i = 0; i < 100; i++)
		assert_true(step(&m, 0, 0));
}

static void a_main_thread_short_of_processors_puts_turns_off_but_not_for_ever(void **state)
{
	struct main_thread m = {0};

	(void)state;
	calm(&m);
	for (int round = 0; round < 3; round++) {
		for (int i = 1; i < BACKGROUND_STEPS_MAX; i++)
			assert_false(step(&m, 40, 20));
		assert_true(step(&m, 40, 20));
	}
}

static void turns_go_on_after_some_calm_steps_in_a_row(void **state)
{
	struct main_thread m = {0};

	(void)state;
	calm(&m);
	assert_false(step(&m, 40, 20));
	for (int i = 1; i < BACKGROUND_STEPS_CALM; i++)
		assert_false(step(&m, 20, 2));
	assert_false(step(&m, 40, 20));
	for (int i = 1; i < BACKGROUND_STEPS_CALM; i++)
		assert_false(step(&m, 20, 2));
	assert_true(step(&m, 20, 2));
}

static void *look_at_main(void *arg)
{
	*(struct background_main *)arg = background_main();
	return NULL;
}

/* What another thread reads is the main thread's, and goes up while that runs. */
static void the_main_thread_is_what_is_measured(void **state)
{
	struct background_main before, after;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, look_at_main, &before), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(before.ran_ns > 0);
	do {
		after = background_main();
	} while (after.ran_ns < before.ran_ns + 20000000);
	assert_true(after.waited_ns >= before.waited_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_calling_thread_steps_back),
		cmocka_unit_test(every_calm_step_is_a_turn),
		cmocka_unit_test(a_main_thread_short_of_processors_puts_turns_off_but_not_for_ever),
		cmocka_unit_test(turns_go_on_after_some_calm_steps_in_a_row),
		cmocka_unit_test(the_main_thread_is_what_is_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
