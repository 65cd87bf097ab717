/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rate. Called by fanout.c; must not know what a message is. */
#include "bridge/deliver/ceiling.h"

#include <stdlib.h>

#include "bridge/base/buckets.h"
#include "common/limits.h"

#define BURST_US INT64_C(1000000) /* what a second brings, in one go */
#define BESIDE_COST 2             /* of a bucket that fills as fast: half as many */

struct ceiling {
	struct buckets *all, *beside;
	struct health *health;
	int64_t rate;
};

struct ceiling *ceiling_new(const struct im_sipkey *key, struct health *health)
{
	struct ceiling *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->health = health;
	c->all = buckets_new(key, IM_CACHED_CEILINGS);
	c->beside = buckets_new(key, IM_CACHED_CEILINGS);
	if (!c->all || !c->beside)
		ceiling_free(&c);
	return c;
}

void ceiling_free(struct ceiling **c)
{
	if (!*c)
		return;
	buckets_free(&(*c)->all);
	buckets_free(&(*c)->beside);
	free(*c);
	*c = NULL;
}

void ceiling_set(struct ceiling *c, int64_t per_second)
{
	c->rate = per_second;
}

static bool take(struct buckets *b, uint64_t room, int64_t now_us, int64_t rate, int64_t amount)
{
	return im_ratelimit_take(buckets_change(b, room, now_us), now_us, rate, BURST_US, amount);
}

static void spend(struct ceiling *c, uint64_t room, int64_t now_us)
{
	im_ratelimit_spend(buckets_change(c->all, room, now_us), now_us, c->rate, BURST_US, 1);
}

/* What passes beside messages takes from all of the room as well, so that both together are no more
 * than the ceiling; it does not ask there whether something is left. */
bool ceiling_passes(struct ceiling *c, uint64_t room, int64_t now_ms, enum ceiling_share share)
{
	int64_t now_us = now_ms * 1000;
	bool passes = true;

	if (c->rate <= 0)
		return true;
	if (share == CEILING_SAID)
		passes = take(c->all, room, now_us, c->rate, 1);
	else if (share == CEILING_BESIDE)
		passes = take(c->beside, room, now_us, c->rate, BESIDE_COST);
	if (passes && share != CEILING_SAID)
		spend(c, room, now_us);
	if (!passes)
		c->health->messages_sampled++;
	return passes;
}

static void committed(void *arg)
{
	struct ceiling *c = arg;

	buckets_keep(c->all);
	buckets_keep(c->beside);
}

/* What the log has all the same is delivered by a replay, and takes its share then. */
static void rolled_back(void *arg, uint64_t first, bool logged)
{
	struct ceiling *c = arg;

	(void)first;
	(void)logged;
	buckets_undo(c->all);
	buckets_undo(c->beside);
}

struct tx_part ceiling_part(struct ceiling *c)
{
	return (struct tx_part){.commit = committed, .rollback = rolled_back, .arg = c};
}
