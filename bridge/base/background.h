/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads whose work can wait: what a user waits for goes first where there are few cores. */
#ifndef IM_BRIDGE_BACKGROUND_H
#define IM_BRIDGE_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the calling thread one that takes no processor from another by waking up (SCHED_BATCH), and
 * of a busy one about a tenth (nice 10). Where the system refuses, it stays as it was. */
void background_enter(void);

/* What the main thread, which users wait for, has run, and has waited for a processor while it
 * could have run, since it began. */
struct background_main {
	int64_t ran_ns, waited_ns;
};

/* By /proc/self/schedstat (the kernel's sched-stats.rst); any thread. Zeros where the system does
 * not say: the main thread is never in need there. */
struct background_main background_main(void);

/* Turns of work, one a step, that are put off while the main thread is short of processors. Begins
 * as zeros. */
struct background_pace {
	struct background_main last;
	unsigned calm, steps; /* steps since it was short, and since the last turn */
};

/* The longest that a turn is put off, in steps, and how many calm ones end that earlier. */
#define BACKGROUND_STEPS_MAX 50
#define BACKGROUND_STEPS_CALM 3

/* Called once a step: is this one a turn? Pure. */
bool background_turn(struct background_pace *pace, struct background_main now);

#endif
