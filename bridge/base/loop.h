/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop: waits for any number of file descriptors and timers and calls whoever has asked.
 * In the shape that libraries with a connection of their own want (libmosquitto, hiredis' adapters,
 * libpq's PQsocket): reading and writing are asked for and given up apart, as often as one likes;
 * all of it may be done from within a callback, the freeing of what is being called included.
 *
 * One thread. How many there may be is for those who make them to say.
 */
#ifndef IM_BRIDGE_LOOP_H
#define IM_BRIDGE_LOOP_H

#include <stdint.h>

#include "common/err.h"

struct loop;
struct loop_io;    /* a watched descriptor */
struct loop_timer; /* calls once each time that it is set */

#define LOOP_READ 1u
#define LOOP_WRITE 2u

/* ready: LOOP_READ or LOOP_WRITE. Called for each that is asked for still, reading first: what the
 * first call gives up, the descriptor included, is not told by a second one. An error or a hang-up
 * is told as all that is asked for: the read or write that follows says what it is. */
typedef void (*loop_io_fn)(void *arg, unsigned ready);
typedef void (*loop_timer_fn)(void *arg);
/* Milliseconds, never set back. */
typedef int64_t (*loop_clock_fn)(void *arg);

int loop_open(loop_clock_fn clock, void *arg, struct loop **out) IM_MUST_CHECK;
/* What is still watched or set is not called any more, and is to be given up before. */
void loop_close(struct loop **l);

/* Nothing is asked for at first. IM_E_EXISTS: the descriptor is watched; IM_E_IO, with errno: it
 * cannot be. */
int loop_watch(
	struct loop *l, int fd, loop_io_fn fn, void *arg, struct loop_io **out) IM_MUST_CHECK;
/* *io may be NULL. At the latest right after its descriptor was closed, as libraries do that by
 * themselves: another one that is opened then may get the same number, and is not touched. It is
 * not called any more, not in this turn either. */
void loop_unwatch(struct loop_io **io);
/* Cheap when nothing changes by it, and when the other one follows before the turn ends. */
void loop_add(struct loop_io *io, unsigned what);
void loop_del(struct loop_io *io, unsigned what);

/* NULL: out of memory. */
struct loop_timer *loop_timer_new(struct loop *l, loop_timer_fn fn, void *arg);
/* *t may be NULL. It is not called any more. */
void loop_timer_free(struct loop_timer **t);
/* Calls once after so many ms, whatever was set before. One that is set by a callback is called in
 * the next turn at the earliest, so that nobody waits for those who always want to be called. */
void loop_timer_set(struct loop_timer *t, int64_t after_ms);
void loop_timer_stop(struct loop_timer *t);

/* Waits until something is ready or due, most_ms at most (negative: without end) or until a signal
 * comes, and calls. Not from within a callback. IM_E_IO: the loop cannot go on. */
int loop_turn(struct loop *l, int64_t most_ms) IM_MUST_CHECK;

#endif
