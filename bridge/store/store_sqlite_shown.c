/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Passing over operations. A walk ends at the first one that it meets, and goes on at the next
 * place through which another message is shown: by ordinals two looks into conv_log's index, and
 * two more for each doubling of the operations between. A message that was deleted from between
 * others leaves the count where it was, so that place may hold an operation; then the walk only
 * ends again.
 */
#include "bridge/store/store_sqlite_shown.h"

#include "bridge/store/store_sqlite_place.h"
#include "bridge/store/store_sqlite_read.h"

#define MET_OPERATION 0x7006 /* positive: no error code */

struct filter {
	store_msg_fn fn;
	void *arg;
	uint64_t at; /* the operation that was met */
};

static int on_message(void *arg, const struct store_msg *m)
{
	struct filter *f = arg;

	if (kind_shows(m->type))
		return f->fn(f->arg, m);
	f->at = m->seq;
	return MET_OPERATION;
}

/* Downwards from p, which holds an operation. *next_out 0: nothing is left. */
static int jump_down(
	struct sqldb *q, uint64_t conv, const struct store_place *p, uint64_t *next_out)
{
	struct store_place first, before;
	int rc = store_sqlite_first_place(q, conv, p, p->shown, &first, &before);

	*next_out = first.at.seq == p->at.seq ? p->at.seq - 1 : first.at.seq;
	return rc;
}

/* The first place at or above `seq` and below `end`, if another message is shown through it: then
 * *end is its seq. Else *lo moves up to it, or *end down to `seq`: there is none. */
static int look_up(
	struct sqldb *q, uint64_t conv, uint64_t seq, uint64_t shown, uint64_t *lo, uint64_t *end)
{
	struct store_place p;
	int rc = store_sqlite_place_up(q, conv, seq, &p);

	if (rc != IM_OK)
		return rc;
	if (p.at.seq == 0 || p.at.seq >= *end)
		*end = seq;
	else if (p.shown > shown)
		*end = p.at.seq;
	else
		*lo = p.at.seq;
	return rc;
}

/* Upwards from p, through hi: steps that double, because it is mostly near, and halves from there
 * on. *next_out hi + 1: nothing is left. */
static int jump_up(struct sqldb *q, uint64_t conv, const struct store_place *p, uint64_t hi,
	uint64_t *next_out)
{
	uint64_t lo = p->at.seq, end = hi + 1, step = 1;
	int rc = IM_OK;

	while (rc == IM_OK && lo + 1 < end) {
		uint64_t before = end;
		uint64_t asked = step && end - lo > step ? lo + step : lo + (end - lo) / 2;

		rc = look_up(q, conv, asked, p->shown, &lo, &end);
		step = end == before ? 2 * step : 0;
	}
	*next_out = end;
	return rc;
}

/* Where the walk goes on behind the operation at f->at: moves the end of lo..hi that is nearer. */
static int pass_over(struct sqldb *q, uint64_t conv, const struct filter *f, bool descending,
	uint64_t *lo, uint64_t *hi)
{
	struct store_place p;
	int rc = store_sqlite_place_up(q, conv, f->at, &p);

	if (rc != IM_OK)
		return rc;
	/* What an earlier version stored, as long as it has no ordinals: one after the other. */
	if (!p.numbered && descending)
		*hi = f->at - 1;
	else if (!p.numbered)
		*lo = f->at + 1;
	else if (descending)
		rc = jump_down(q, conv, &p, hi);
	else
		rc = jump_up(q, conv, &p, *hi, lo);
	return rc;
}

int store_sqlite_read_shown_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg)
{
	struct filter f = {fn, arg, 0};
	int rc = IM_OK;

	if (hi >= INT64_MAX)
		hi = INT64_MAX - 1;
	while (rc == IM_OK && lo <= hi) {
		rc = store_sqlite_read_conv(r, conv, lo, hi, descending, on_message, &f);
		if (rc != MET_OPERATION)
			break;
		rc = pass_over(&r->q, conv, &f, descending, &lo, &hi);
	}
	return rc;
}
