/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of groups with their own retention and where the work stands. Called by upkeep
 * between transactions. */
#include "bridge/upkeep/retention.h"

#include <stdlib.h>

#include "bridge/directory/directory_group.h"
#include "bridge/upkeep/erase_group.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define GROUPS_PAGE 500
/* Messages deleted in one call: a few milliseconds. */
#define PRUNE_MAX 200
/* Pause while there is something to delete, when there was nothing, and between two looks at the
 * groups' settings. */
#define BUSY_MS 20
#define IDLE_MS 10000
#define SCAN_EVERY_MS (10 * 60 * 1000)

struct own {
	uint64_t conv;
	int64_t days;
};

enum stage { SCAN, OWN, ALL };

/* How late an expired body, or a group that is to be erased, may still be in the log of an idle
 * node. */
#define EXPIRE_EVERY_MS 1000

struct retention {
	struct retention_parts p;
	int64_t days;
	enum stage stage;
	struct own *own, *fresh; /* sorted by conv when complete; the list that is being read */
	size_t n_own, n_fresh, cap_fresh;
	uint64_t *except; /* the convs of `own` */
	uint64_t after;   /* the last group that was read */
	size_t next_own;
	int64_t due_ms, scan_at_ms, expire_at_ms, erase_at_ms;
	bool failed_said;
};

struct retention *retention_new(const struct retention_parts *p)
{
	struct retention *r = calloc(1, sizeof(*r));

	if (r)
		r->p = *p;
	return r;
}

void retention_free(struct retention **r)
{
	if (!*r)
		return;
	free((*r)->own);
	free((*r)->fresh);
	free((*r)->except);
	free(*r);
	*r = NULL;
}

void retention_set(struct retention *r, int64_t days)
{
	r->days = days;
	r->due_ms = 0;
}

/* One page of groups. */
struct page {
	struct own found[GROUPS_PAGE]; /* conv: the group's id for now */
	size_t n;
};

static int on_group(void *arg, uint64_t group, int64_t days)
{
	struct page *p = arg;

	p->found[p->n++] = (struct own){group, days};
	return IM_OK;
}

static int add(struct retention *r, uint64_t conv, int64_t days)
{
	struct own *v;

	if (r->n_fresh == r->cap_fresh) {
		r->cap_fresh = r->cap_fresh ? 2 * r->cap_fresh : 64;
		v = realloc(r->fresh, r->cap_fresh * sizeof(*v));
		if (!v)
			return IM_E_NOMEM;
		r->fresh = v;
	}
	r->fresh[r->n_fresh++] = (struct own){conv, days};
	return IM_OK;
}

static int by_conv(const void *a, const void *b)
{
	const struct own *x = a, *y = b;

	return x->conv < y->conv ? -1 : x->conv > y->conv;
}

/* The list is complete: it takes the old one's place. */
static int adopt(struct retention *r)
{
	uint64_t *except = malloc((r->n_fresh + 1) * sizeof(*except));

	if (!except)
		return IM_E_NOMEM;
	if (r->n_fresh)
		qsort(r->fresh, r->n_fresh, sizeof(*r->fresh), by_conv);
	for (size_t i = 0; i < r->n_fresh; i++)
		except[i] = r->fresh[i].conv;
	free(r->except);
	free(r->own);
	r->except = except;
	r->own = r->fresh;
	r->n_own = r->n_fresh;
	r->fresh = NULL;
	r->n_fresh = r->cap_fresh = r->next_own = 0;
	r->after = 0;
	r->stage = OWN;
	return IM_OK;
}

static int scan(struct retention *r)
{
	struct page p = {.n = 0};
	int rc = directory_group_retentions(r->p.dir, r->after, GROUPS_PAGE, on_group, &p);

	for (size_t i = 0; i < p.n && !rc; i++) {
		uint64_t conv;

		r->after = p.found[i].conv;
		rc = r->p.backend->conv(
			r->p.store, IM_CONV_GROUP, p.found[i].conv, 0, false, &conv);
		if (rc == IM_E_NONE)
			rc = IM_OK;
		else if (!rc)
			rc = add(r, conv, p.found[i].days);
	}
	return rc || p.n == GROUPS_PAGE ? rc : adopt(r);
}

static int prune(struct retention *r, uint64_t conv, int64_t days, int64_t wall_ms, uint32_t *n_out)
{
	int rc = r->p.backend->prune(r->p.store, conv, conv ? NULL : r->except, conv ? 0 : r->n_own,
		wall_ms - days * DAY_MS, PRUNE_MAX, n_out);

	if (!rc)
		r->p.health->pruned += *n_out;
	return rc;
}

/* One piece; *pause_out: until the next. */
static int piece(struct retention *r, int64_t wall_ms, int64_t mono_ms, int64_t *pause_out)
{
	uint32_t n = 0;
	int rc = IM_OK;

	*pause_out = BUSY_MS;
	switch (r->stage) {
	case SCAN:
		r->scan_at_ms = mono_ms;
		return scan(r);
	case OWN:
		if (r->next_own == r->n_own) {
			r->stage = ALL;
			return IM_OK;
		}
		rc = prune(r, r->own[r->next_own].conv, r->own[r->next_own].days, wall_ms, &n);
		if (!rc && n < PRUNE_MAX)
			r->next_own++;
		return rc;
	default:
		if (r->days)
			rc = prune(r, 0, r->days, wall_ms, &n);
		if (rc || n)
			return rc;
		*pause_out = IDLE_MS;
		r->next_own = 0;
		r->stage = mono_ms - r->scan_at_ms >= SCAN_EVERY_MS ? SCAN : OWN;
		return IM_OK;
	}
}

/* A bounded number of messages whose ttl is over. */
static int expire(struct retention *r, int64_t wall_ms, int64_t mono_ms)
{
	uint32_t n = 0;
	int rc = IM_OK;

	if (mono_ms < r->expire_at_ms)
		return rc;
	rc = r->p.backend->expire(r->p.store, wall_ms, PRUNE_MAX, &n);
	r->expire_at_ms = mono_ms + (n == PRUNE_MAX ? BUSY_MS : EXPIRE_EVERY_MS);
	return rc;
}

/* Groups that are to be erased. */
static int erase(struct retention *r, int64_t mono_ms)
{
	const struct erase_group_parts p = {
		r->p.backend, r->p.store, r->p.dir, r->p.index, r->p.health, r->p.log};
	bool more = false;
	int rc = IM_OK;

	if (mono_ms < r->erase_at_ms)
		return rc;
	rc = erase_group_step(&p, PRUNE_MAX, &more);
	r->erase_at_ms = mono_ms + (more ? BUSY_MS : EXPIRE_EVERY_MS);
	return rc;
}

static int64_t next_ms(const struct retention *r, int64_t mono_ms)
{
	int64_t at = r->due_ms < r->expire_at_ms ? r->due_ms : r->expire_at_ms;

	return (at < r->erase_at_ms ? at : r->erase_at_ms) - mono_ms;
}

int64_t retention_step(struct retention *r, int64_t wall_ms, int64_t mono_ms)
{
	int64_t pause = 0;
	int rc = expire(r, wall_ms, mono_ms);

	if (!rc)
		rc = erase(r, mono_ms);
	if (!rc && mono_ms < r->due_ms)
		return next_ms(r, mono_ms);
	if (!rc)
		rc = piece(r, wall_ms, mono_ms, &pause);
	if (rc) {
		if (!r->failed_said)
			log_line(r->p.log, LOG_LEVEL_ERROR, "retention_failed",
				"code=%d will=\"try again\"", rc);
		r->failed_said = true;
		pause = IDLE_MS;
		r->expire_at_ms = r->erase_at_ms = mono_ms + pause;
	} else {
		r->failed_said = false;
	}
	r->due_ms = mono_ms + pause;
	return next_ms(r, mono_ms);
}
