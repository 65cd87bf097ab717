/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets; time is a parameter. Pure. */
#ifndef IM_PLUGIN_RATELIMIT_H
#define IM_PLUGIN_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: full. */
struct ratelimit {
	int64_t spent_us; /* the bucket's missing part, as time until it is full again */
	int64_t seen_us;
};

/* Takes `amount` from a bucket that refills by `rate` a second (0: no limit) and holds what
 * burst_us of it bring. False: not enough there, nothing taken. An amount above what the bucket
 * holds passes when it is full. */
bool ratelimit_take(
	struct ratelimit *l, int64_t now_us, int64_t rate, int64_t burst_us, int64_t amount);
/* The same, but taken in any case: for what has happened already. */
void ratelimit_spend(
	struct ratelimit *l, int64_t now_us, int64_t rate, int64_t burst_us, int64_t amount);
/* True if something is left. */
bool ratelimit_open(const struct ratelimit *l, int64_t now_us, int64_t burst_us);
/* True if the bucket is full, so that forgetting it changes nothing. */
bool ratelimit_idle(const struct ratelimit *l, int64_t now_us);

#endif
