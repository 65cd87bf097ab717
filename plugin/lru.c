/* SPDX-License-Identifier: BSD-3-Clause */
/* The bounded table behind every cache of the plugin. Knows nothing of what it holds. */
#include "plugin/lru.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/hash.h"

struct node {
	UT_hash_handle hh;
	struct node *prev, *next;
	bool used;    /* since it last came to the front of the queue */
	bool refused; /* uthash had no memory for it */
	char *key;    /* behind the value */
	_Alignas(max_align_t) char value[];
};

struct lru {
	struct node *table;
	struct node *queue; /* the next to go first */
	struct im_sipkey key;
	uint32_t max;
	size_t value_n;
};

struct lru *lru_new(const struct im_sipkey *key, uint32_t max, size_t value_n)
{
	struct lru *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->key = *key;
	l->max = max ? max : 1;
	l->value_n = value_n;
	return l;
}

void lru_free(struct lru **l)
{
	if (!*l)
		return;
	lru_clear(*l);
	free(*l);
	*l = NULL;
}

static unsigned hash(const struct lru *l, const void *k, size_t n)
{
	return (unsigned)im_siphash(&l->key, k, n);
}

static struct node *find(struct lru *l, const void *k, size_t n, unsigned hashv)
{
	struct node *e;

	HASH_FIND_BYHASHVALUE(hh, l->table, k, n, hashv, e);
	return e;
}

static void drop(struct lru *l, struct node *e)
{
	HASH_DELETE(hh, l->table, e);
	DL_DELETE(l->queue, e);
	free(e);
}

void *lru_get(struct lru *l, const void *k, size_t n)
{
	struct node *e = find(l, k, n, hash(l, k, n));

	if (!e)
		return NULL;
	e->used = true;
	return e->value;
}

/* Makes room for one: entries used since their last turn go to the end once more. */
static void evict(struct lru *l)
{
	while (HASH_COUNT(l->table) >= l->max) {
		struct node *e = l->queue;

		if (!e->used) {
			drop(l, e);
			continue;
		}
		e->used = false;
		DL_DELETE(l->queue, e);
		DL_APPEND(l->queue, e);
	}
}

void *lru_put(struct lru *l, const void *k, size_t n)
{
	unsigned hashv = hash(l, k, n);
	struct node *e = find(l, k, n, hashv);

	if (e) {
		e->used = true;
		return e->value;
	}
	evict(l);
	e = calloc(1, sizeof(*e) + l->value_n + n);
	if (!e)
		return NULL;
	e->key = e->value + l->value_n;
	memcpy(e->key, k, n);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, l->table, e->key, n, hashv, e);
	if (e->refused) {
		free(e);
		return NULL;
	}
	DL_APPEND(l->queue, e);
	return e->value;
}

void lru_del(struct lru *l, const void *k, size_t n)
{
	struct node *e = find(l, k, n, hash(l, k, n));

	if (e)
		drop(l, e);
}

void lru_clear(struct lru *l)
{
	struct node *e, *tmp;

	HASH_CLEAR(hh, l->table);
	DL_FOREACH_SAFE (l->queue, e, tmp)
		free(e);
	l->queue = NULL;
}

uint32_t lru_count(const struct lru *l)
{
	return HASH_COUNT(l->table);
}
