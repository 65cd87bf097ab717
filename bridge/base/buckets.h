/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token buckets by number, of users (cost.h) or rooms (ceiling.h), by the time of day: one for each
 * that has taken something lately, of which the oldest may be forgiven. What a transaction has
 * taken is taken back with it. In memory only.
 */
#ifndef IM_BRIDGE_BUCKETS_H
#define IM_BRIDGE_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "common/ratelimit.h"
#include "common/siphash.h"

struct buckets;

/* NULL: out of memory. */
struct buckets *buckets_new(const struct im_sipkey *key, size_t entries);
void buckets_free(struct buckets **b);
/* The bucket of this number, to be taken from now. Valid until the next call. */
struct im_ratelimit *buckets_change(struct buckets *b, uint64_t number, int64_t now_us);
/* What was taken since stays taken; or is given back. */
void buckets_keep(struct buckets *b);
void buckets_undo(struct buckets *b);

#endif
