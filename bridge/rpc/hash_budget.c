/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the count of recent password hashes. Called by the handlers that hash; knows no clock. */
#include "bridge/rpc/hash_budget.h"

#include <string.h>

void hash_budget_init(struct hash_budget *b)
{
	memset(b, 0, sizeof(*b));
}

/* How long ago the user asked last; INT64_MAX: longer than anybody remembers. A clock that jumped
 * back must not lock anybody out. */
static int64_t asked_ms_ago(const struct hash_budget *b, uint64_t user, int64_t now_ms)
{
	int64_t least = INT64_MAX;

	for (unsigned i = 0; i < HASH_BUDGET_SLOTS; i++) {
		int64_t age_ms = now_ms - b->slot[i].at_ms;

		if (b->slot[i].user == user && age_ms >= 0 && age_ms < least)
			least = age_ms;
	}
	return least;
}

static int64_t spent_now(const struct hash_budget *b, int64_t now_ms)
{
	int64_t back_ms = (now_ms - b->at_ms) / HASH_BUDGET_SHARE;

	return now_ms < b->at_ms || back_ms >= b->spent_ms ? 0 : b->spent_ms - back_ms;
}

bool hash_budget_take(struct hash_budget *b, uint64_t user, int64_t now_ms, int64_t cost_ms)
{
	int64_t ago_ms = asked_ms_ago(b, user, now_ms);
	int64_t spent_ms = spent_now(b, now_ms);
	int64_t open_ms =
		ago_ms < HASH_BUDGET_AGAIN_MS ? HASH_BUDGET_SAVED_MS / 2 : HASH_BUDGET_SAVED_MS;

	if (ago_ms < HASH_BUDGET_USER_MS || (spent_ms > 0 && spent_ms + cost_ms > open_ms))
		return false;
	b->spent_ms = spent_ms + cost_ms;
	b->at_ms = now_ms;
	b->slot[b->next].user = user;
	b->slot[b->next].at_ms = now_ms;
	b->next = (b->next + 1) % HASH_BUDGET_SLOTS;
	return true;
}
