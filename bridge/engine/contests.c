/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what is counted. Called by moves.c. */
#include "bridge/engine/contests.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/base/assoc.h"

/* Client ids that were taken over lately; 64 bytes each. */
#define CONTESTED_MAX 4096

#define TAKEOVERS 5
#define WITHIN_MS 10000
#define STAYS_MS 30000

struct contested {
	int64_t at_ms[TAKEOVERS]; /* the oldest first; 0: not so often */
	int64_t until_ms;
};

struct contests {
	struct im_sipkey key;
	struct assoc *of;
};

struct contests *contests_new(const struct im_sipkey *key)
{
	struct contests *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->key = *key;
	c->of = assoc_new(CONTESTED_MAX, sizeof(struct contested));
	if (!c->of)
		contests_free(&c);
	return c;
}

void contests_free(struct contests **c)
{
	if (!*c)
		return;
	assoc_free(&(*c)->of);
	free(*c);
	*c = NULL;
}

static void count(struct contested *e, int64_t at_ms)
{
	memmove(e->at_ms, e->at_ms + 1, sizeof(e->at_ms) - sizeof(e->at_ms[0]));
	e->at_ms[TAKEOVERS - 1] = at_ms;
}

enum contest contests_move(struct contests *c, struct im_str device, int64_t at_ms)
{
	struct contested *e = assoc_change(c->of, im_siphash(&c->key, device.p, device.n));

	/* A clock that was set back, and not another broker's record that comes a little late. */
	if (at_ms < e->at_ms[TAKEOVERS - 1] - WITHIN_MS)
		*e = (struct contested){0};
	if (at_ms < e->until_ms)
		return CONTEST_GOES_ON;
	if (!e->at_ms[0] || at_ms - e->at_ms[0] > WITHIN_MS) {
		count(e, at_ms);
		return CONTEST_NONE;
	}
	e->until_ms = at_ms + STAYS_MS;
	return CONTEST_BEGINS;
}

void contests_settle(struct contests *c, bool committed)
{
	if (committed)
		assoc_keep(c->of);
	else
		assoc_undo(c->of);
}
