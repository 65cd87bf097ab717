/* SPDX-License-Identifier: BSD-3-Clause */
/* Linux schedules threads, so both calls are for the calling thread alone: sched(7). */
#include "background.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICE 10

void background_enter(void)
{
	const struct sched_param none = {0};
	id_t self = (id_t)gettid();

	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	if (getpriority(PRIO_PROCESS, self) < NICE)
		(void)setpriority(PRIO_PROCESS, self, NICE);
}
