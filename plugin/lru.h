/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded table from byte keys to small values, for caches whose keys clients choose: hashed with
 * a secret key, and at the bound the entry that was not used for longest (nearly: second chance)
 * makes room. Pure.
 */
#ifndef IM_PLUGIN_LRU_H
#define IM_PLUGIN_LRU_H

#include <stddef.h>
#include <stdint.h>

#include "common/siphash.h"

struct lru;

/* Values have value_n bytes and begin as zeros. NULL: out of memory. */
struct lru *lru_new(const struct im_sipkey *key, uint32_t max, size_t value_n);
void lru_free(struct lru **l);
/* The value, or NULL. Valid until the next lru_put, lru_del or lru_clear. */
void *lru_get(struct lru *l, const void *k, size_t n);
/* The value of a new entry, or of the one that is there. NULL: out of memory. */
void *lru_put(struct lru *l, const void *k, size_t n);
void lru_del(struct lru *l, const void *k, size_t n);
void lru_clear(struct lru *l);
uint32_t lru_count(const struct lru *l);

#endif
