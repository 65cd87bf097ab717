/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what the units are worth. Called by intake for messages and by requests and the methods for
 * the rest; must not know what is paid for. */
#include "bridge/base/cost.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bridge/base/buckets.h"
#include "common/limits.h"

#define BURST_US INT64_C(4000000) /* what four seconds bring, in one go: as the plugin's rates */

struct cost {
	struct buckets *buckets;
	int64_t rate;
	uint64_t refused;
};

struct cost *cost_new(const struct im_sipkey *key)
{
	struct cost *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->buckets = buckets_new(key, IM_CACHED_COSTS);
	if (!c->buckets)
		cost_free(&c);
	return c;
}

void cost_free(struct cost **c)
{
	if (!*c)
		return;
	buckets_free(&(*c)->buckets);
	free(*c);
	*c = NULL;
}

void cost_set(struct cost *c, int64_t units_per_s)
{
	c->rate = units_per_s;
}

bool cost_take(struct cost *c, uint64_t user, int64_t now_ms, int64_t units, int64_t *wait_ms_out)
{
	struct im_ratelimit *l;
	int64_t now_us = now_ms * 1000;

	*wait_ms_out = 0;
	if (c->rate <= 0 || units <= 0)
		return true;
	l = buckets_change(c->buckets, user, now_us);
	if (im_ratelimit_take(l, now_us, c->rate, BURST_US, units))
		return true;
	*wait_ms_out = (im_ratelimit_wait_us(l, now_us, c->rate, BURST_US, units) + 999) / 1000;
	c->refused++;
	return false;
}

void cost_owe(struct cost *c, uint64_t user, int64_t now_ms, int64_t units)
{
	int64_t now_us = now_ms * 1000;

	if (c->rate > 0 && units > 0)
		im_ratelimit_spend(
			buckets_change(c->buckets, user, now_us), now_us, c->rate, BURST_US, units);
}

void cost_say(struct im_buf *why, int64_t wait_ms)
{
	im_buf_printf(why,
		"this and what you have asked for lately is more work than the node does for one "
		"user; ask again in %" PRId64 " ms",
		wait_ms);
}

static void committed(void *arg)
{
	struct cost *c = arg;

	buckets_keep(c->buckets);
}

static void rolled_back(void *arg, uint64_t first, bool logged)
{
	struct cost *c = arg;

	(void)first;
	/* A replay pays nothing. */
	if (logged)
		buckets_keep(c->buckets);
	else
		buckets_undo(c->buckets);
}

struct tx_part cost_part(struct cost *c)
{
	return (struct tx_part){.commit = committed, .rollback = rolled_back, .arg = c};
}

uint64_t cost_refused(const struct cost *c)
{
	return c->refused;
}
