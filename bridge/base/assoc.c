/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the table and nothing else; used by rights.c and buckets.c. */
#include "bridge/base/assoc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

/* Eight ways: one cache line of headers a set, and hardly an early eviction at 80 % load. */
#define WAYS 8

struct way {
	uint64_t hash;
	uint32_t generation; /* entry is there if it equals the table's */
	uint32_t used;       /* clock of the last put */
};

struct assoc {
	size_t sets; /* a power of two */
	size_t entry_bytes;
	uint32_t generation; /* never 0 */
	uint32_t clock;
	struct way *ways;
	char *entries;
	struct im_buf before; /* changed entries as they were, the newest last */
};

/* In front of an entry's bytes. */
struct before {
	size_t at;
	struct way way;
};

struct assoc *assoc_new(size_t entries, size_t entry_bytes)
{
	struct assoc *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->sets = 1;
	while (a->sets * WAYS < entries)
		a->sets *= 2;
	a->entry_bytes = (entry_bytes + 7) & ~(size_t)7;
	a->generation = 1;
	im_buf_init(&a->before, 0);
	a->ways = calloc(a->sets * WAYS, sizeof(*a->ways));
	a->entries = calloc(a->sets * WAYS, a->entry_bytes);
	if (!a->ways || !a->entries)
		assoc_free(&a);
	return a;
}

void assoc_free(struct assoc **a)
{
	if (!*a)
		return;
	free((*a)->ways);
	free((*a)->entries);
	im_buf_free(&(*a)->before);
	free(*a);
	*a = NULL;
}

static size_t first_way(const struct assoc *a, uint64_t hash)
{
	return (size_t)(hash & (a->sets - 1)) * WAYS;
}

static bool holds(const struct assoc *a, size_t i, uint64_t hash)
{
	return a->ways[i].generation == a->generation && a->ways[i].hash == hash;
}

static char *entry(const struct assoc *a, size_t i)
{
	return a->entries + i * a->entry_bytes;
}

void *assoc_get(const struct assoc *a, uint64_t hash)
{
	size_t first = first_way(a, hash);

	for (size_t i = first; i < first + WAYS; i++) {
		if (holds(a, i, hash))
			return entry(a, i);
	}
	return NULL;
}

/* Where this hash is, or is to go. */
static size_t place(const struct assoc *a, uint64_t hash)
{
	size_t first = first_way(a, hash);
	size_t at = first;
	uint32_t age = 0;

	for (size_t i = first; i < first + WAYS; i++) {
		if (holds(a, i, hash))
			return i;
		if (a->ways[i].generation != a->generation) {
			at = i;
			age = UINT32_MAX;
		} else if (a->clock - a->ways[i].used >= age && age != UINT32_MAX) {
			at = i;
			age = a->clock - a->ways[i].used;
		}
	}
	return at;
}

static void *put(struct assoc *a, size_t at, uint64_t hash)
{
	a->ways[at] = (struct way){hash, a->generation, a->clock++};
	return memset(entry(a, at), 0, a->entry_bytes);
}

void *assoc_put(struct assoc *a, uint64_t hash)
{
	return put(a, place(a, hash), hash);
}

void *assoc_change(struct assoc *a, uint64_t hash)
{
	size_t at = place(a, hash);
	const struct before was = {at, a->ways[at]};

	im_buf_put(&a->before, &was, sizeof(was));
	im_buf_put(&a->before, entry(a, at), a->entry_bytes);
	return holds(a, at, hash) ? entry(a, at) : put(a, at, hash);
}

void assoc_keep(struct assoc *a)
{
	im_buf_reset(&a->before);
}

void assoc_undo(struct assoc *a)
{
	struct im_buf *b = &a->before;
	struct before was;

	if (b->failed)
		assoc_clear(a);
	while (b->n) {
		b->n -= sizeof(was) + a->entry_bytes;
		memcpy(&was, b->p + b->n, sizeof(was));
		a->ways[was.at] = was.way;
		memcpy(entry(a, was.at), b->p + b->n + sizeof(was), a->entry_bytes);
	}
}

void assoc_drop(struct assoc *a, uint64_t hash)
{
	size_t first = first_way(a, hash);

	for (size_t i = first; i < first + WAYS; i++) {
		if (holds(a, i, hash))
			a->ways[i].generation = 0;
	}
}

void assoc_clear(struct assoc *a)
{
	im_buf_reset(&a->before);
	if (++a->generation)
		return;
	a->generation = 1;
	memset(a->ways, 0, a->sets * WAYS * sizeof(*a->ways));
}
