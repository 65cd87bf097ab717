/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets, counted in time: what has been taken is the time that refilling it takes. Used for
 * each user's sends, for the work that a user's requests make, for what viewers of a room get, and
 * for what wrong passwords may cost. */
#include "common/ratelimit.h"

#define SECOND_US INT64_C(1000000)

static int64_t spent_now(const struct im_ratelimit *l, int64_t now_us)
{
	int64_t passed = now_us - l->seen_us;

	if (passed < 0)
		passed = 0;
	return passed >= l->spent_us ? 0 : l->spent_us - passed;
}

/* Time that refilling `amount` takes; bounded so that sums cannot overflow. */
static int64_t cost_us(int64_t rate, int64_t amount)
{
	double us = (double)amount / (double)rate * (double)SECOND_US;

	return us < 1e15 ? (int64_t)us : INT64_C(1000000000000000);
}

bool im_ratelimit_take(
	struct im_ratelimit *l, int64_t now_us, int64_t rate, int64_t burst_us, int64_t amount)
{
	int64_t spent, cost;

	if (rate <= 0)
		return true;
	spent = spent_now(l, now_us);
	cost = cost_us(rate, amount);
	if (spent > 0 && spent + cost > burst_us)
		return false;
	l->spent_us = spent + cost;
	l->seen_us = now_us;
	return true;
}

int64_t im_ratelimit_wait_us(const struct im_ratelimit *l, int64_t now_us, int64_t rate,
	int64_t burst_us, int64_t amount)
{
	int64_t spent = spent_now(l, now_us), cost;

	if (rate <= 0 || spent == 0)
		return 0;
	cost = cost_us(rate, amount);
	if (cost >= burst_us)
		return spent;
	return spent + cost > burst_us ? spent + cost - burst_us : 0;
}

void im_ratelimit_spend(
	struct im_ratelimit *l, int64_t now_us, int64_t rate, int64_t burst_us, int64_t amount)
{
	int64_t spent = spent_now(l, now_us) + cost_us(rate, amount);

	l->spent_us = spent > 2 * burst_us ? 2 * burst_us : spent;
	l->seen_us = now_us;
}

void im_ratelimit_clock(struct im_ratelimit *l, int64_t now_us)
{
	if (l->seen_us > now_us)
		l->seen_us = now_us;
}

bool im_ratelimit_open(const struct im_ratelimit *l, int64_t now_us, int64_t burst_us)
{
	return spent_now(l, now_us) < burst_us;
}

bool im_ratelimit_idle(const struct im_ratelimit *l, int64_t now_us)
{
	return spent_now(l, now_us) == 0;
}
