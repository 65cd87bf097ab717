/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing but its arithmetic. Called by downq.c and outbox.c. */
#include "bridge/deliver/steps.h"

#include <string.h>

#include "common/frame.h"

void steps_init(struct steps *s)
{
	memset(s, 0, sizeof(*s));
	s->held = UINT64_MAX;
	s->gap = true;
}

void steps_set(struct steps *s, bool on)
{
	s->gap |= !on;
	s->on = on;
}

static struct steps_wait *at(struct steps_lane *l, unsigned i)
{
	return &l->v[(l->head + i) % STEPS_WAITING];
}

static uint64_t oldest(const struct steps_lane *l)
{
	return l->n ? l->v[l->head].first : UINT64_MAX;
}

/* What a replay sends once more is older than what waits before it. */
static void lower(struct steps_lane *l, uint64_t first)
{
	for (unsigned i = l->n; i > 0 && at(l, i - 1)->first > first; i--)
		at(l, i - 1)->first = first;
}

void steps_wait(
	struct steps *s, enum effects_tier tier, uint64_t end, const struct effects_span *span)
{
	struct steps_lane *l = &s->lane[tier];
	struct steps_wait *last;

	if (!span->first)
		return;
	lower(l, span->first);
	if (l->n < STEPS_WAITING) {
		*at(l, l->n++) = (struct steps_wait){end, span->first, span->last};
		return;
	}
	last = at(l, l->n - 1);
	last->end = end;
	if (last->last < span->last)
		last->last = span->last;
}

void steps_pass(struct steps *s, enum effects_tier tier, uint64_t head)
{
	struct steps_lane *l = &s->lane[tier];

	while (l->n && l->v[l->head].end <= head) {
		l->head = (l->head + 1) % STEPS_WAITING;
		l->n--;
	}
}

static void hold(struct steps *s, uint64_t position)
{
	if (position < s->held)
		s->held = position;
}

void steps_drop(struct steps *s, enum effects_tier tier)
{
	hold(s, oldest(&s->lane[tier]));
}

void steps_lose(struct steps *s, const struct effects_span *span)
{
	if (span->first)
		hold(s, span->first);
}

bool steps_held(const struct steps *s)
{
	return s->held != UINT64_MAX;
}

void steps_gap(struct steps *s)
{
	s->gap = true;
}

/* Of all that waits but for this lane. */
static uint64_t beside(const struct steps *s, const struct steps_lane *but)
{
	uint64_t least = s->held;

	for (unsigned i = 0; i < EFFECTS_TIERS; i++) {
		const struct steps_lane *l = &s->lane[i];

		if (l != but && oldest(l) < least)
			least = oldest(l);
	}
	return least;
}

struct step steps_front(const struct steps *s, enum effects_tier tier)
{
	const struct steps_lane *l = &s->lane[tier];
	const struct steps_wait *mine = &l->v[l->head], *next;
	uint64_t least;

	if (!l->n)
		return (struct step){0};
	least = beside(s, l);
	next = &l->v[(l->head + 1) % STEPS_WAITING];
	if (l->n > 1 && next->first < least)
		least = next->first;
	if (least > mine->last)
		return (struct step){.all = true};
	return (struct step){.position = (least < mine->first ? least : mine->first) - 1};
}

struct step steps_now(const struct steps *s)
{
	uint64_t least = beside(s, NULL);

	if (least == UINT64_MAX)
		return (struct step){.all = true};
	return (struct step){.position = least - 1};
}

void steps_frame(struct steps *s)
{
	if (!s->on)
		return;
	s->fresh = true;
	s->number++;
	if (s->gap)
		s->held = UINT64_MAX;
}

void steps_say(struct steps *s, struct im_buf *frame, struct step now)
{
	struct im_down_rec r = {.type = IM_DOWN_STEP,
		.flags = (uint8_t)(now.all ? IM_DOWNF_ALL : 0),
		.epoch = now.position};

	if (!s->on || (!s->fresh && s->said.all == now.all && s->said.position == now.position))
		return;
	if (s->fresh) {
		r.recno = s->number;
		r.flags |= s->gap ? IM_DOWNF_GAP : 0;
		s->gap = s->fresh = false;
	}
	s->said = now;
	im_down_rec_put(frame, &r, NULL, 0);
}
