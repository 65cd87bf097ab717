/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll loop with nanosecond deadlines; see loop.h. */
#include "tests/bench/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Several rounds of a few thousand connections; more only makes one turn longer. */
#define EVENTS_PER_TURN 512

uint64_t loop_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
}

int loop_open(struct loop *loop)
{
	/* The default of 50 us would show in every paced send. */
	prctl(PR_SET_TIMERSLACK, 1);
	loop->pause_ns = 0;
	loop->last_turn_ns = 0;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -1 : 0;
}

void loop_close(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

static int control(struct loop *loop, int op, int fd, struct loop_source *source, bool writing)
{
	struct epoll_event event = {
		.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = source};
	return epoll_ctl(loop->epoll_fd, op, fd, &event);
}

int loop_watch(struct loop *loop, int fd, struct loop_source *source, bool writing)
{
	return control(loop, EPOLL_CTL_ADD, fd, source, writing);
}

int loop_change(struct loop *loop, int fd, struct loop_source *source, bool writing)
{
	return control(loop, EPOLL_CTL_MOD, fd, source, writing);
}

int loop_turn(struct loop *loop, uint64_t until_ns)
{
	struct epoll_event events[EVENTS_PER_TURN];
	uint64_t now = loop_now_ns();
	if (loop->pause_ns && now < loop->last_turn_ns + loop->pause_ns) {
		struct timespec rest = timespec_of(loop->last_turn_ns + loop->pause_ns - now);
		nanosleep(&rest, NULL);
		now = loop_now_ns();
	}
	struct timespec wait = timespec_of(until_ns > now ? until_ns - now : 0);
	int n = epoll_pwait2(loop->epoll_fd, events, EVENTS_PER_TURN, &wait, NULL);
	if (n < 0)
		return errno == EINTR ? 0 : -1;
	loop->last_turn_ns = loop->pause_ns ? loop_now_ns() : 0;
	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;
		source->ready(source, events[i].events);
	}
	return 0;
}
