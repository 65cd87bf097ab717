/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of all that a transaction has planned is for which of several plugins: of a record with
 * recipients each plugin gets those who may be there, in the record's order, and nothing of one
 * that has none there. What is an answer is for the one plugin that was asked. Everything else
 * (rooms, what a broker retains, what is to be forgotten, ends of sessions) is for all. Pure.
 *
 * Order, tiers and positions stay as they were planned. What a plugin is not sent is not missing
 * there, so it has no part in what is said of how far its link is (steps.h): its spans are those of
 * what it gets.
 */
#ifndef IM_BRIDGE_SPLIT_H
#define IM_BRIDGE_SPLIT_H

#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "common/err.h"
#include "common/limits.h"

/* A set of plugins: bit n for the one of number n, below IM_PEERS_MAX. */
typedef uint32_t split_mask;

/* Where this recipient may be. */
typedef split_mask (*split_where_fn)(void *arg, struct im_str uid);

struct split;

struct split *split_new(void);
void split_free(struct split **s);
/* all: what was planned. own: the one that was asked, or none. to: those there are. IM_E_NOMEM. */
int split_cut(struct split *s, const struct effects_share *all, split_mask own, split_mask to,
	split_where_fn where, void *arg) IM_MUST_CHECK;
/* One plugin's share of what was cut last; valid until the next cut and as long as what was
 * planned. */
const struct effects_share *split_share(const struct split *s, unsigned number);

#endif
