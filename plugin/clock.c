/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the machine's clocks; used by whoever has a struct clock. */
#include "plugin/clock.h"

#include <time.h>

static int64_t wall_ms(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t mono_us(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t cpu_us(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct clock clock_system(void)
{
	return (struct clock){wall_ms, mono_us, NULL, cpu_us};
}
