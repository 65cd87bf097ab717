/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the users that have jobs, each in a ring for either kind while it may be served. Called by
 * readers.c, under its lock. */
#include "bridge/read/turns.h"

#include <stdlib.h>

#include "bridge/rpc/read_job.h"
#include "common/hash.h"
#include "common/limits.h"

/* So many requests run before a greeting or an arrival that waits has its turn. */
#define REQUESTS_IN_A_ROW 8

enum lane { REQUESTS, OTHERS, LANES };

struct queue {
	struct read_job *first, **end;
	uint32_t n;
	bool ringed;
	struct turn *next; /* in the ring */
};

struct turn {
	uint64_t user;
	unsigned running;
	bool refused; /* by the hash table */
	struct queue lane[LANES];
	UT_hash_handle hh;
};

struct ring {
	struct turn *first, *last;
	uint32_t waiting; /* jobs of all users, whether or not they may run */
};

struct turns {
	struct turn *users;
	struct ring ring[LANES];
	unsigned share;    /* threads of one user */
	unsigned in_a_row; /* requests run while others waited */
	uint32_t running;
};

static const uint32_t waiting_max[LANES] = {IM_READS_WAITING, IM_GREETINGS_WAITING};

static enum lane lane_of(const struct read_job *job)
{
	return job->kind == READ_REQUEST ? REQUESTS : OTHERS;
}

struct turns *turns_new(unsigned threads)
{
	struct turns *t = calloc(1, sizeof(*t));

	if (t)
		t->share = threads / 2 ? threads / 2 : 1;
	return t;
}

static void free_jobs(struct queue *q)
{
	struct read_job *job;

	while ((job = q->first)) {
		q->first = job->next;
		read_job_free(job);
	}
}

void turns_free(struct turns **t)
{
	struct turn *u, *next;

	if (!*t)
		return;
	HASH_ITER (hh, (*t)->users, u, next) {
		HASH_DEL((*t)->users, u);
		free_jobs(&u->lane[REQUESTS]);
		free_jobs(&u->lane[OTHERS]);
		free(u);
	}
	free(*t);
	*t = NULL;
}

static struct turn *find(struct turns *t, uint64_t user)
{
	struct turn *u;

	HASH_FIND(hh, t->users, &user, sizeof(user), u);
	return u;
}

static struct turn *find_or_add(struct turns *t, uint64_t user)
{
	struct turn *u = find(t, user);

	if (u)
		return u;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->user = user;
	for (int i = 0; i < LANES; i++)
		u->lane[i].end = &u->lane[i].first;
	HASH_ADD(hh, t->users, user, sizeof(u->user), u);
	if (!u->refused)
		return u;
	free(u);
	return NULL;
}

/* Puts a user who may be served at the end of the ring. */
static void ring(struct turns *t, struct turn *u, enum lane lane)
{
	struct queue *q = &u->lane[lane];
	struct ring *r = &t->ring[lane];

	if (q->ringed || !q->first || u->running >= t->share)
		return;
	q->ringed = true;
	q->next = NULL;
	if (r->last)
		r->last->lane[lane].next = u;
	else
		r->first = u;
	r->last = u;
}

/* Takes the first one out of it. */
static struct turn *unring(struct turns *t, enum lane lane)
{
	struct ring *r = &t->ring[lane];
	struct turn *u = r->first;

	r->first = u->lane[lane].next;
	if (!r->first)
		r->last = NULL;
	u->lane[lane].ringed = false;
	return u;
}

static void put(struct turns *t, struct turn *u, struct read_job *job)
{
	enum lane lane = lane_of(job);
	struct queue *q = &u->lane[lane];

	job->next = NULL;
	*q->end = job;
	q->end = &job->next;
	q->n++;
	t->ring[lane].waiting++;
	ring(t, u, lane);
}

int turns_push(struct turns *t, struct read_job *job)
{
	struct turn *u = find_or_add(t, job->user);
	enum lane lane = lane_of(job);

	if (!u)
		return IM_E_NOMEM;
	if (u->lane[lane].n >= waiting_max[lane])
		return IM_E_FULL;
	put(t, u, job);
	return IM_OK;
}

/* The first job in a lane whose user may have a thread. */
static struct read_job *pop(struct turns *t, enum lane lane)
{
	struct read_job *job;
	struct turn *u;
	struct queue *q;

	do {
		if (!t->ring[lane].first)
			return NULL;
		u = unring(t, lane);
		/* Who has his share already comes back when a job of his ends. */
	} while (u->running >= t->share);
	q = &u->lane[lane];
	job = q->first;
	q->first = job->next;
	if (!q->first)
		q->end = &q->first;
	q->n--;
	t->ring[lane].waiting--;
	u->running++;
	t->running++;
	ring(t, u, lane);
	return job;
}

struct read_job *turns_pop(struct turns *t)
{
	bool others = t->ring[OTHERS].first != NULL;
	bool greet = others && t->in_a_row >= REQUESTS_IN_A_ROW;
	struct read_job *job = pop(t, greet ? OTHERS : REQUESTS);

	if (!job)
		job = pop(t, greet ? REQUESTS : OTHERS);
	if (job)
		t->in_a_row = others && lane_of(job) == REQUESTS ? t->in_a_row + 1 : 0;
	return job;
}

static void ended(struct turns *t, struct turn *u)
{
	u->running--;
	t->running--;
	ring(t, u, REQUESTS);
	ring(t, u, OTHERS);
}

void turns_end(struct turns *t, const struct read_job *job)
{
	struct turn *u = find(t, job->user);

	ended(t, u);
	if (u->running || u->lane[REQUESTS].first || u->lane[OTHERS].first)
		return;
	HASH_DEL(t->users, u);
	free(u);
}

void turns_back(struct turns *t, struct read_job *job)
{
	struct turn *u = find(t, job->user);

	put(t, u, job);
	ended(t, u);
}

uint32_t turns_waiting_requests(const struct turns *t)
{
	return t->ring[REQUESTS].waiting;
}

uint32_t turns_waiting_others(const struct turns *t)
{
	return t->ring[OTHERS].waiting;
}

uint32_t turns_running(const struct turns *t)
{
	return t->running;
}
