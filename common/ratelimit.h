/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets; time is a parameter. Pure. */
#ifndef IM_COMMON_RATELIMIT_H
#define IM_COMMON_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: full. */
struct im_ratelimit {
	int64_t spent_us; /* the bucket's missing part, as time until it is full again */
	int64_t seen_us;
};

/* Takes `amount` from a bucket that refills by `rate` a second (0: no limit) and holds what
 * burst_us of it bring. False: not enough there, nothing taken. An amount above what the bucket
 * holds passes when it is full. */
bool im_ratelimit_take(
	struct im_ratelimit *l, int64_t now_us, int64_t rate, int64_t burst_us, int64_t amount);
/* How long until such an amount can be taken; 0: at once. */
int64_t im_ratelimit_wait_us(const struct im_ratelimit *l, int64_t now_us, int64_t rate,
	int64_t burst_us, int64_t amount);
/* The same, but taken in any case: for what has happened already. */
void im_ratelimit_spend(
	struct im_ratelimit *l, int64_t now_us, int64_t rate, int64_t burst_us, int64_t amount);
/* A clock that was set back must not stop anybody until it is where it was: to be called before, by
 * whoever goes by the time of day. */
void im_ratelimit_clock(struct im_ratelimit *l, int64_t now_us);
/* True if something is left. */
bool im_ratelimit_open(const struct im_ratelimit *l, int64_t now_us, int64_t burst_us);
/* True if the bucket is full, so that forgetting it changes nothing. */
bool im_ratelimit_idle(const struct im_ratelimit *l, int64_t now_us);

#endif
