/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose job is run next: a queue a user, and the users in turn, so that one who asks without end
 * waits for himself. Requests go first; what is looked up for a user's devices (greetings,
 * arrivals) has one turn in so many, and a queue of its own. One user runs at most half of the
 * threads at a time.
 *
 * Pure: no threads, no time. A queue that is full says so, and its user's job is the caller's
 * again.
 */
#ifndef IM_BRIDGE_TURNS_H
#define IM_BRIDGE_TURNS_H

#include <stdint.h>

#include "common/err.h"

struct read_job;
struct turns;

/* threads: how many run jobs. NULL: out of memory. */
struct turns *turns_new(unsigned threads);
/* Frees the jobs that wait, too. */
void turns_free(struct turns **t);

/* IM_E_FULL: too many of this user's wait already; IM_E_NOMEM. The job is then not taken. */
int turns_push(struct turns *t, struct read_job *job) IM_MUST_CHECK;
/* The next job, which runs until turns_end; NULL: none may run now. */
struct read_job *turns_pop(struct turns *t);
void turns_end(struct turns *t, const struct read_job *job);
/* A job that ran goes to the back of its user's queue, to be run once more. */
void turns_back(struct turns *t, struct read_job *job);

/* Of all users. */
uint32_t turns_waiting_requests(const struct turns *t);
uint32_t turns_waiting_others(const struct turns *t);
uint32_t turns_running(const struct turns *t);

#endif
