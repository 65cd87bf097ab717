/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the numbers. Called by engine.c with copies of requests, by batch.c and commit.c when their
 * turn comes. */
#include "bridge/engine/ahead.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/rpc/read_job.h"
#include "common/limits.h"

/* Of one plugin: as many as wait for about a minute of a busy node. */
#define NUMBERS_MAX 65536

/* Each in ascending order. */
struct numbers {
	uint64_t *v;
	size_t n, cap;
};

struct ahead {
	struct numbers of[IM_PEERS_MAX];
};

struct ahead *ahead_new(void)
{
	return calloc(1, sizeof(struct ahead));
}

void ahead_free(struct ahead **a)
{
	if (!*a)
		return;
	for (unsigned i = 0; i < IM_PEERS_MAX; i++)
		free((*a)->of[i].v);
	free(*a);
	*a = NULL;
}

/* The first that is not below. */
static size_t place(const struct numbers *l, uint64_t recno)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (l->v[mid] < recno)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool is_there(const struct numbers *l, size_t at, uint64_t recno)
{
	return at < l->n && l->v[at] == recno;
}

static void take_out(struct numbers *l, size_t at, size_t n)
{
	l->n -= n;
	memmove(l->v + at, l->v + at + n, (l->n - at) * sizeof(*l->v));
}

static int grow(struct numbers *l)
{
	size_t cap = l->cap ? 2 * l->cap : 64;
	uint64_t *v;

	if (l->n < l->cap)
		return IM_OK;
	if (cap > NUMBERS_MAX)
		return IM_E_FULL;
	v = reallocarray(l->v, cap, sizeof(*v));
	if (!v)
		return IM_E_NOMEM;
	l->v = v;
	l->cap = cap;
	return IM_OK;
}

int ahead_add(struct ahead *a, unsigned peer, uint64_t recno, uint64_t committed)
{
	struct numbers *l = &a->of[peer];
	size_t at;
	int rc;

	take_out(l, 0, place(l, committed + 1));
	at = place(l, recno);
	if (is_there(l, at, recno))
		return IM_E_EXISTS;
	rc = grow(l);
	if (rc)
		return rc;
	memmove(l->v + at + 1, l->v + at, (l->n - at) * sizeof(*l->v));
	l->v[at] = recno;
	l->n++;
	return IM_OK;
}

void ahead_drop(struct ahead *a, unsigned peer, uint64_t recno)
{
	struct numbers *l = &a->of[peer];
	size_t at = place(l, recno);

	if (is_there(l, at, recno))
		take_out(l, at, 1);
}

bool ahead_has(const struct ahead *a, unsigned peer, uint64_t recno)
{
	const struct numbers *l = &a->of[peer];

	return l->n && is_there(l, place(l, recno), recno);
}

void ahead_forget(struct ahead *a, unsigned peer)
{
	a->of[peer].n = 0;
}

void ahead_pass_over(const struct ahead *a, unsigned peer, struct effects_read **reads)
{
	while (*reads) {
		struct effects_read *r = *reads;
		const struct read_job *job = read_job_of(r);

		if (job->kind != READ_REQUEST || !job->recno || !ahead_has(a, peer, job->recno)) {
			reads = &r->next;
			continue;
		}
		*reads = r->next;
		r->drop(r);
	}
}
