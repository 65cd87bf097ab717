/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * epoll, and a heap of timers. What is asked for is told to the kernel once a turn, before waiting:
 * libraries ask for writing and give it up again with every packet. What is given up is freed then,
 * too, when neither the kernel's list nor a callback can name it.
 */
#include "bridge/base/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Taken from the kernel at a time; it begins with those that have waited. */
#define EVENTS 64

struct loop_io {
	struct loop *l;
	int fd; /* -1: given up, or closed while another one got its number */
	loop_io_fn fn;
	void *arg;
	unsigned want, told;
	bool listed; /* among `changed` */
	struct loop_io *next_changed, *next_gone;
};

struct loop_timer {
	struct loop *l;
	loop_timer_fn fn;
	void *arg;
	int64_t at_ms;
	uint64_t order; /* when it was set: first of those of one time */
	size_t place;   /* in the heap, from 1; 0: not set */
};

struct loop {
	int fd;
	loop_clock_fn clock;
	void *clock_arg;
	struct loop_io **by_fd;
	size_t fds;
	struct loop_io *changed, *gone;
	struct loop_timer **heap; /* [1..set], the earliest first; room for all there are */
	size_t timers, set, room;
	uint64_t order;
};

int loop_open(loop_clock_fn clock, void *arg, struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (!l)
		return IM_E_NOMEM;
	l->clock = clock;
	l->clock_arg = arg;
	l->fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->fd < 0) {
		free(l);
		return IM_E_IO;
	}
	*out = l;
	return IM_OK;
}

static void free_gone(struct loop *l)
{
	while (l->gone) {
		struct loop_io *io = l->gone;

		l->gone = io->next_gone;
		free(io);
	}
}

void loop_close(struct loop **l)
{
	if (!*l)
		return;
	free_gone(*l);
	close((*l)->fd);
	free((*l)->by_fd);
	free((*l)->heap);
	free(*l);
	*l = NULL;
}

/* -- descriptors -- */

static int make_room_for(struct loop *l, int fd)
{
	size_t n = l->fds ? l->fds : 16;
	struct loop_io **table;

	if ((size_t)fd < l->fds)
		return IM_OK;
	while (n <= (size_t)fd)
		n *= 2;
	table = realloc(l->by_fd, n * sizeof(struct loop_io *));
	if (!table)
		return IM_E_NOMEM;
	for (size_t i = l->fds; i < n; i++)
		table[i] = NULL;
	l->by_fd = table;
	l->fds = n;
	return IM_OK;
}

/* Edge-triggered while nothing is asked for: errors and hang-ups cannot be masked, and would be
 * told again and again. */
static int tell(struct loop_io *io, int op)
{
	struct epoll_event e = {.data.ptr = io};

	e.events = io->want ? 0 : EPOLLET;
	e.events |= io->want & LOOP_READ ? EPOLLIN : 0;
	e.events |= io->want & LOOP_WRITE ? EPOLLOUT : 0;
	if (epoll_ctl(io->l->fd, op, io->fd, &e))
		return errno == EEXIST ? IM_E_EXISTS : errno == ENOMEM ? IM_E_NOMEM : IM_E_IO;
	io->told = io->want;
	return IM_OK;
}

int loop_watch(struct loop *l, int fd, loop_io_fn fn, void *arg, struct loop_io **out)
{
	struct loop_io *io;
	int rc;

	*out = NULL;
	if (fd < 0) {
		errno = EBADF;
		return IM_E_IO;
	}
	io = make_room_for(l, fd) ? NULL : calloc(1, sizeof(*io));
	if (!io)
		return IM_E_NOMEM;
	*io = (struct loop_io){.l = l, .fd = fd, .fn = fn, .arg = arg};
	rc = tell(io, EPOLL_CTL_ADD);
	if (rc) {
		free(io);
		return rc;
	}
	/* The kernel has forgotten the one before when it was closed. */
	if (l->by_fd[fd])
		l->by_fd[fd]->fd = -1;
	l->by_fd[fd] = io;
	*out = io;
	return IM_OK;
}

void loop_unwatch(struct loop_io **io)
{
	struct loop_io *old = *io;
	struct loop *l;

	if (!old)
		return;
	*io = NULL;
	l = old->l;
	if (old->fd >= 0) {
		/* It fails when the descriptor is closed. */
		(void)epoll_ctl(l->fd, EPOLL_CTL_DEL, old->fd, NULL);
		l->by_fd[old->fd] = NULL;
	}
	old->fd = -1;
	old->next_gone = l->gone;
	l->gone = old;
}

static void want(struct loop_io *io, unsigned what)
{
	io->want = what;
	if (io->want == io->told || io->listed)
		return;
	io->listed = true;
	io->next_changed = io->l->changed;
	io->l->changed = io;
}

void loop_add(struct loop_io *io, unsigned what)
{
	want(io, io->want | what);
}

void loop_del(struct loop_io *io, unsigned what)
{
	want(io, io->want & ~what);
}

static int tell_changes(struct loop *l)
{
	int rc = IM_OK;

	while (l->changed) {
		struct loop_io *io = l->changed;

		l->changed = io->next_changed;
		io->listed = false;
		/* A change of what is known needs no memory: this fails for a descriptor that was
		 * closed and not given up. */
		if (io->fd >= 0 && io->want != io->told && tell(io, EPOLL_CTL_MOD))
			rc = IM_E_IO;
	}
	return rc;
}

static void serve(const struct epoll_event *e)
{
	struct loop_io *io = e->data.ptr;
	unsigned ready = 0;

	if (e->events & (EPOLLERR | EPOLLHUP))
		ready = LOOP_READ | LOOP_WRITE;
	if (e->events & EPOLLIN)
		ready |= LOOP_READ;
	if (e->events & EPOLLOUT)
		ready |= LOOP_WRITE;
	/* What a callback before it in this turn has given up is asked for no more. */
	for (unsigned one = LOOP_READ; one <= LOOP_WRITE; one <<= 1) {
		if (ready & io->want & one && io->fd >= 0)
			io->fn(io->arg, one);
	}
}

/* -- timers -- */

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

static void put(struct loop *l, struct loop_timer *t, size_t place)
{
	l->heap[place] = t;
	t->place = place;
}

/* t belongs at `place` or above it. */
static void rise(struct loop *l, struct loop_timer *t, size_t place)
{
	for (; place > 1 && earlier(t, l->heap[place / 2]); place /= 2)
		put(l, l->heap[place / 2], place);
	put(l, t, place);
}

/* t belongs at `place` or below it. */
static void sink(struct loop *l, struct loop_timer *t, size_t place)
{
	for (size_t down = 2 * place; down <= l->set; down = 2 * place) {
		if (down < l->set && earlier(l->heap[down + 1], l->heap[down]))
			down++;
		if (!earlier(l->heap[down], t))
			break;
		put(l, l->heap[down], place);
		place = down;
	}
	put(l, t, place);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_timer_fn fn, void *arg)
{
	size_t room = l->room ? 2 * l->room : 16;
	struct loop_timer *t = calloc(1, sizeof(*t));
	struct loop_timer **heap;

	if (!t)
		return NULL;
	if (l->timers + 1 >= l->room) {
		heap = realloc(l->heap, room * sizeof(struct loop_timer *));
		if (!heap) {
			free(t);
			return NULL;
		}
		l->heap = heap;
		l->room = room;
	}
	*t = (struct loop_timer){.l = l, .fn = fn, .arg = arg};
	l->timers++;
	return t;
}

void loop_timer_stop(struct loop_timer *t)
{
	struct loop *l = t->l;
	size_t place = t->place;
	struct loop_timer *last;

	if (!place)
		return;
	t->place = 0;
	last = l->heap[l->set--];
	if (last == t)
		return;
	if (place > 1 && earlier(last, l->heap[place / 2]))
		rise(l, last, place);
	else
		sink(l, last, place);
}

void loop_timer_set(struct loop_timer *t, int64_t after_ms)
{
	struct loop *l = t->l;
	int64_t now = l->clock(l->clock_arg);

	loop_timer_stop(t);
	t->at_ms = after_ms > INT64_MAX - now ? INT64_MAX : now + (after_ms > 0 ? after_ms : 0);
	t->order = ++l->order;
	rise(l, t, ++l->set);
}

void loop_timer_free(struct loop_timer **t)
{
	if (!*t)
		return;
	loop_timer_stop(*t);
	(*t)->l->timers--;
	free(*t);
	*t = NULL;
}

/* last: of what was set before this turn. */
static void call_due(struct loop *l, uint64_t last)
{
	int64_t now;

	if (!l->set)
		return;
	now = l->clock(l->clock_arg);
	while (l->set && l->heap[1]->at_ms <= now && l->heap[1]->order <= last) {
		struct loop_timer *t = l->heap[1];

		loop_timer_stop(t);
		t->fn(t->arg);
	}
}

/* -- turns -- */

static int wait_ms(const struct loop *l, int64_t most_ms)
{
	int64_t ms = most_ms < 0 ? INT_MAX : most_ms, due;

	if (l->set) {
		due = l->heap[1]->at_ms - l->clock(l->clock_arg);
		if (due < 0)
			due = 0;
		ms = due < ms ? due : ms;
	} else if (most_ms < 0) {
		return -1;
	}
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

int loop_turn(struct loop *l, int64_t most_ms)
{
	struct epoll_event events[EVENTS];
	uint64_t last = l->order;
	int n;

	if (tell_changes(l))
		return IM_E_IO;
	free_gone(l);
	n = epoll_wait(l->fd, events, EVENTS, wait_ms(l, most_ms));
	if (n < 0 && errno != EINTR)
		return IM_E_IO;
	for (int i = 0; i < n; i++)
		serve(&events[i]);
	call_due(l, last);
	return IM_OK;
}
