/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a job may have a thread. Asked from within SQLite, every few hundred steps of its
 * machine, which then ends the statement in hand. What counts is processor time, so that a busy
 * machine fails nobody; an eighth of the time that passed where that is more, so that waiting for a
 * disk ends, too.
 */
#ifndef IM_DB_DEADLINE_H
#define IM_DB_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/* Steps of SQLite's machine between two questions: some tens of microseconds. */
#define DEADLINE_STEPS 400

/* Microseconds of the calling thread; never set back. */
typedef int64_t (*deadline_clock)(void *arg);

struct deadline {
	deadline_clock clock; /* NULL: the thread's own */
	void *arg;
	int64_t wall_us, used_us; /* when it began */
	int64_t allowed_us;       /* 0: as long as it takes */
	bool passed;
};

void deadline_begin(struct deadline *d, int64_t allowed_ms);
/* From now on nothing ends. d->passed tells whether something was ended. */
void deadline_end(struct deadline *d);
/* For SQLite; arg is the struct deadline. 1: time is up. */
int deadline_passed(void *arg);

#endif
