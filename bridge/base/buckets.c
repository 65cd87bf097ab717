/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns whose bucket is whose. Called by cost.c and ceiling.c; must not know what is paid for. */
#include "bridge/base/buckets.h"

#include <stdlib.h>

#include "bridge/base/assoc.h"

struct buckets {
	struct im_sipkey key;
	struct assoc *of;
};

struct bucket {
	uint64_t number;
	struct im_ratelimit l;
};

struct buckets *buckets_new(const struct im_sipkey *key, size_t entries)
{
	struct buckets *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->key = *key;
	b->of = assoc_new(entries, sizeof(struct bucket));
	if (!b->of)
		buckets_free(&b);
	return b;
}

void buckets_free(struct buckets **b)
{
	if (!*b)
		return;
	assoc_free(&(*b)->of);
	free(*b);
	*b = NULL;
}

struct im_ratelimit *buckets_change(struct buckets *b, uint64_t number, int64_t now_us)
{
	struct bucket *e = assoc_change(b->of, im_siphash(&b->key, &number, sizeof(number)));

	if (e->number != number)
		*e = (struct bucket){.number = number};
	im_ratelimit_clock(&e->l, now_us);
	return &e->l;
}

void buckets_keep(struct buckets *b)
{
	assoc_keep(b->of);
}

void buckets_undo(struct buckets *b)
{
	assoc_undo(b->of);
}
