/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What password hashing may cost on the engine's thread, during which nothing is committed: an
 * eighth of its time. Half of what is saved up is kept for users who have not asked within the last
 * minute, so that some who ask all the time keep nobody else from changing a password. Pure: the
 * clock and the cost are parameters.
 */
#ifndef IM_BRIDGE_HASH_BUDGET_H
#define IM_BRIDGE_HASH_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define HASH_BUDGET_SLOTS 256 /* users of a minute, with the default parameters */
#define HASH_BUDGET_SHARE 8   /* one part in so many of the time */
#define HASH_BUDGET_SAVED_MS \
	240 /* of work; also one call that costs more passes when all is there */
#define HASH_BUDGET_USER_MS 2000 /* least time between two calls of one user */
#define HASH_BUDGET_AGAIN_MS 60000

struct hash_budget {
	struct {
		uint64_t user;
		int64_t at_ms;
	} slot[HASH_BUDGET_SLOTS];
	unsigned next;
	int64_t spent_ms; /* of work, at... */
	int64_t at_ms;
};

/* Starts full; zeroed memory is a valid budget too. */
void hash_budget_init(struct hash_budget *b);
/* True if this user may hash now what takes about cost_ms, and counts it. */
bool hash_budget_take(struct hash_budget *b, uint64_t user, int64_t now_ms, int64_t cost_ms);

#endif
