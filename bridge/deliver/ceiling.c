/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rate. Called by fanout.c; must not know what a message is. */
#include "bridge/deliver/ceiling.h"

#include <stdlib.h>

#include "bridge/base/buckets.h"
#include "common/limits.h"

#define BURST_US INT64_C(1000000) /* what a second brings, in one go */

struct ceiling {
	struct buckets *buckets;
	struct health *health;
	int64_t rate;
};

struct ceiling *ceiling_new(const struct im_sipkey *key, struct health *health)
{
	struct ceiling *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->health = health;
	c->buckets = buckets_new(key, IM_CACHED_CEILINGS);
	if (!c->buckets)
		ceiling_free(&c);
	return c;
}

void ceiling_free(struct ceiling **c)
{
	if (!*c)
		return;
	buckets_free(&(*c)->buckets);
	free(*c);
	*c = NULL;
}

void ceiling_set(struct ceiling *c, int64_t per_second)
{
	c->rate = per_second;
}

bool ceiling_passes(struct ceiling *c, uint64_t room, int64_t now_ms, bool sparable)
{
	int64_t now_us = now_ms * 1000;
	struct im_ratelimit *l;

	if (c->rate <= 0)
		return true;
	l = buckets_change(c->buckets, room, now_us);
	if (!sparable) {
		im_ratelimit_spend(l, now_us, c->rate, BURST_US, 1);
		return true;
	}
	if (im_ratelimit_take(l, now_us, c->rate, BURST_US, 1))
		return true;
	c->health->messages_sampled++;
	return false;
}

static void committed(void *arg)
{
	struct ceiling *c = arg;

	buckets_keep(c->buckets);
}

/* What the log has all the same is delivered by a replay, and takes its share then. */
static void rolled_back(void *arg, uint64_t first, bool logged)
{
	struct ceiling *c = arg;

	(void)first;
	(void)logged;
	buckets_undo(c->buckets);
}

struct tx_part ceiling_part(struct ceiling *c)
{
	return (struct tx_part){.commit = committed, .rollback = rolled_back, .arg = c};
}
