/* SPDX-License-Identifier: BSD-3-Clause */
/* Linux schedules threads: what is entered is entered by the calling thread alone, sched(7). */
#include "bridge/base/background.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICE 10
/* Waking up an idle processor counts as waiting: up to a fifth of what the main thread runs on a
 * node with little to do, and above a third on one that is short of processors. */
#define SHORT_PART 4

void background_enter(void)
{
	const struct sched_param none = {0};
	id_t self = (id_t)gettid();

	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	if (getpriority(PRIO_PROCESS, self) < NICE)
		(void)setpriority(PRIO_PROCESS, self, NICE);
}

struct background_main background_main(void)
{
	struct background_main m = {0};
	char text[80], *at;
	int fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	m.ran_ns = strtoll(text, &at, 10);
	m.waited_ns = strtoll(at, NULL, 10);
	return m;
}

bool background_turn(struct background_pace *pace, struct background_main now)
{
	int64_t ran = now.ran_ns - pace->last.ran_ns;
	int64_t waited = now.waited_ns - pace->last.waited_ns;

	pace->last = now;
	if (waited > ran / SHORT_PART)
		pace->calm = 0;
	else if (pace->calm < BACKGROUND_STEPS_CALM)
		pace->calm++;
	pace->steps++;
	if (pace->calm < BACKGROUND_STEPS_CALM && pace->steps < BACKGROUND_STEPS_MAX)
		return false;
	pace->steps = 0;
	return true;
}
