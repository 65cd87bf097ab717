/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the counting of a job's time. Called by whoever has a job, and by SQLite on the same thread.
 */
#include "db/deadline.h"

#include <stddef.h>
#include <time.h>

#define WAITING_COUNTS 8

static int64_t now_us(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t used_us(const struct deadline *d)
{
	return d->clock ? d->clock(d->arg) : now_us(CLOCK_THREAD_CPUTIME_ID);
}

void deadline_begin(struct deadline *d, int64_t allowed_ms)
{
	d->used_us = used_us(d);
	d->wall_us = now_us(CLOCK_MONOTONIC);
	d->allowed_us = allowed_ms * 1000;
	d->passed = false;
}

void deadline_end(struct deadline *d)
{
	d->allowed_us = 0;
}

int deadline_passed(void *arg)
{
	struct deadline *d = arg;

	if (d->allowed_us == 0)
		return 0;
	if (used_us(d) - d->used_us >= d->allowed_us ||
		(!d->clock &&
			(now_us(CLOCK_MONOTONIC) - d->wall_us) / WAITING_COUNTS >= d->allowed_us))
		d->passed = true;
	return d->passed;
}
