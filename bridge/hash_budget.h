/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How often passwords may be hashed on the engine's thread. One hash costs about 15 ms by design,
 * during which nothing is committed; without a bound one client could stop everybody. Pure: the
 * clock is a parameter.
 */
#ifndef IM_BRIDGE_HASH_BUDGET_H
#define IM_BRIDGE_HASH_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define HASH_BUDGET_SLOTS 32
#define HASH_BUDGET_PER_SECOND 4 /* calls; each verifies one password and hashes one */
#define HASH_BUDGET_USER_MS 2000 /* least time between two calls of one user */

struct hash_budget {
	struct {
		uint64_t user;
		int64_t at_ms;
	} slot[HASH_BUDGET_SLOTS];
	unsigned next;
};

/* Starts full; zeroed memory is a valid budget too. */
void hash_budget_init(struct hash_budget *b);
/* True if this user may hash now, and counts it. */
bool hash_budget_take(struct hash_budget *b, uint64_t user, int64_t now_ms);

#endif
