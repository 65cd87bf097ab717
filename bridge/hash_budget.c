/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the count of recent password hashes. Called by the handlers that hash; knows no clock. */
#include "hash_budget.h"

#include <string.h>

void hash_budget_init(struct hash_budget *b)
{
	memset(b, 0, sizeof(*b));
}

bool hash_budget_take(struct hash_budget *b, uint64_t user, int64_t now_ms)
{
	unsigned recent = 0;

	for (unsigned i = 0; i < HASH_BUDGET_SLOTS; i++) {
		int64_t age_ms = now_ms - b->slot[i].at_ms;

		/* A clock that jumped back must not lock anybody out. */
		if (b->slot[i].user == 0 || age_ms < 0)
			continue;
		if (b->slot[i].user == user && age_ms < HASH_BUDGET_USER_MS)
			return false;
		if (age_ms < 1000)
			recent++;
	}
	if (recent >= HASH_BUDGET_PER_SECOND)
		return false;
	b->slot[b->next].user = user;
	b->slot[b->next].at_ms = now_ms;
	b->next = (b->next + 1) % HASH_BUDGET_SLOTS;
	return true;
}
