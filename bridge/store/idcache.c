/* SPDX-License-Identifier: BSD-3-Clause */
/* A bounded cache of a few numbers by two numbers; see idcache.h. Pure. */
#include "bridge/store/idcache.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4

int idcache_init(struct idcache *c, uint32_t entries)
{
	uint32_t buckets = 1;

	while (buckets < (1u << 26) && buckets * WAYS < entries)
		buckets *= 2;
	c->buckets = buckets;
	c->entries = calloc((size_t)buckets * WAYS, sizeof(*c->entries));
	return c->entries ? IM_OK : IM_E_NOMEM;
}

void idcache_clear(struct idcache *c)
{
	free(c->entries);
	*c = (struct idcache){0};
}

void idcache_reset(struct idcache *c)
{
	memset(c->entries, 0, (size_t)c->buckets * WAYS * sizeof(*c->entries));
}

static struct idcache_entry *bucket_of(struct idcache *c, uint64_t k0, uint64_t k1)
{
	/* The finaliser of MurmurHash3 spreads consecutive ids over the buckets. */
	uint64_t h = k0 + k1 * 0x9e3779b97f4a7c15u;

	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	h ^= h >> 33;
	return c->entries + (size_t)(h & (c->buckets - 1)) * WAYS;
}

static int place_of(const struct idcache_entry *b, uint64_t k0, uint64_t k1)
{
	for (int i = 0; i < WAYS; i++)
		if (b[i].key[0] == k0 && b[i].key[1] == k1)
			return i;
	return -1;
}

/* Places are kept in order of use. */
static void move_to_front(struct idcache_entry *b, int from, struct idcache_entry e)
{
	memmove(b + 1, b, (size_t)from * sizeof(*b));
	b[0] = e;
}

bool idcache_get(struct idcache *c, uint64_t k0, uint64_t k1, uint64_t value_out[IDCACHE_VALUES])
{
	struct idcache_entry *b = bucket_of(c, k0, k1);
	int at = place_of(b, k0, k1);

	if (at < 0)
		return false;
	if (at > 0)
		move_to_front(b, at, b[at]);
	memcpy(value_out, b[0].value, sizeof(b[0].value));
	return true;
}

void idcache_put(struct idcache *c, uint64_t k0, uint64_t k1, const uint64_t value[IDCACHE_VALUES])
{
	struct idcache_entry *b = bucket_of(c, k0, k1);
	int at = place_of(b, k0, k1);
	struct idcache_entry e = {.key = {k0, k1}};

	memcpy(e.value, value, sizeof(e.value));
	move_to_front(b, at < 0 ? WAYS - 1 : at, e);
}

void idcache_drop(struct idcache *c, uint64_t k0, uint64_t k1)
{
	struct idcache_entry *b = bucket_of(c, k0, k1);
	int at = place_of(b, k0, k1);

	if (at < 0)
		return;
	memmove(b + at, b + at + 1, (size_t)(WAYS - 1 - at) * sizeof(*b));
	b[WAYS - 1] = (struct idcache_entry){0};
}
