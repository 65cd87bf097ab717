/* SPDX-License-Identifier: BSD-3-Clause */
/* Work that can wait: the thread itself steps back, and no other thread with it. */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "../../bridge/background.h"
#include "unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_calling_thread_steps_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
