/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded cache of a few numbers by two numbers: a fixed table, four places a bucket, the one
 * unused longest gives way. Used by the SQLite store for heads, conversation ids and speakers. Keys
 * are the database's own ids, never chosen by clients, so the hash needs no key of its own.
 */
#ifndef IM_BRIDGE_IDCACHE_H
#define IM_BRIDGE_IDCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

#define IDCACHE_VALUES 4

struct idcache_entry {
	uint64_t key[2]; /* key[0] == 0: empty */
	uint64_t value[IDCACHE_VALUES];
};

struct idcache {
	struct idcache_entry *entries;
	uint32_t buckets; /* a power of two */
};

/* Room for at least `entries` entries of 48 bytes. */
int idcache_init(struct idcache *c, uint32_t entries) IM_MUST_CHECK;
void idcache_clear(struct idcache *c);
/* Forgets everything, keeps the memory. */
void idcache_reset(struct idcache *c);
bool idcache_get(struct idcache *c, uint64_t k0, uint64_t k1, uint64_t value_out[IDCACHE_VALUES]);
void idcache_put(struct idcache *c, uint64_t k0, uint64_t k1, const uint64_t value[IDCACHE_VALUES]);
void idcache_drop(struct idcache *c, uint64_t k0, uint64_t k1);

#endif
