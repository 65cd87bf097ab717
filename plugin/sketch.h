/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buckets (common/ratelimit.h) for keys that clients choose, in a fixed amount of memory. A key has
 * a bucket in each of a few rows and shares it with whatever else falls there; what counts is the
 * fullest. So nothing is ever thrown out: with more keys than places a stranger may be taken for
 * somebody who has spent something, but nobody who has is taken for a stranger. Pure.
 */
#ifndef IM_PLUGIN_SKETCH_H
#define IM_PLUGIN_SKETCH_H

#include "common/ratelimit.h"

struct sketch;

/* NULL: out of memory. */
struct sketch *sketch_new(void);
void sketch_free(struct sketch **s);
/* `key` is a keyed hash: all its bits are used. The rest as in ratelimit.h. */
void sketch_spend(struct sketch *s, uint64_t key, int64_t now_us, int64_t rate, int64_t burst_us,
	int64_t amount);
bool sketch_open(const struct sketch *s, uint64_t key, int64_t now_us, int64_t burst_us);

#endif
