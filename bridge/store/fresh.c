/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The newest conversations; see fresh.h. An array in the order of ids, and chains through it from
 * two tables of buckets, newest first, so that taking back is undoing the additions one by one.
 */
#include "bridge/store/fresh.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS (64 * 1024) /* of each table; about as many as there are entries */
#define END UINT32_MAX

struct entry {
	struct fresh_conv c;
	uint32_t next_pair, next_a, next_b;
};

struct fresh {
	pthread_mutex_t lock;
	uint32_t holders;
	uint64_t base;
	struct entry *at;
	uint32_t n, cap;
	uint32_t by_pair[BUCKETS], by_user[BUCKETS];
};

struct fresh *fresh_new(uint64_t base)
{
	struct fresh *f = malloc(sizeof(*f));

	if (!f)
		return NULL;
	pthread_mutex_init(&f->lock, NULL);
	f->holders = 1;
	f->base = base;
	f->at = NULL;
	f->n = f->cap = 0;
	for (uint32_t i = 0; i < BUCKETS; i++)
		f->by_pair[i] = f->by_user[i] = END;
	return f;
}

struct fresh *fresh_hold(struct fresh *f)
{
	pthread_mutex_lock(&f->lock);
	f->holders++;
	pthread_mutex_unlock(&f->lock);
	return f;
}

void fresh_release(struct fresh **fp)
{
	struct fresh *f = *fp;
	uint32_t left;

	if (!f)
		return;
	*fp = NULL;
	pthread_mutex_lock(&f->lock);
	left = --f->holders;
	pthread_mutex_unlock(&f->lock);
	if (left > 0)
		return;
	pthread_mutex_destroy(&f->lock);
	free(f->at);
	free(f);
}

/* Ids are the database's own: the hash only has to spread them. */
static uint32_t bucket(uint64_t a, uint64_t b)
{
	uint64_t h = a * 0x9e3779b97f4a7c15u + b;

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	return (uint32_t)(h % BUCKETS);
}

static uint32_t *of_pair(struct fresh *f, const struct fresh_conv *c)
{
	return &f->by_pair[bucket(c->a, c->b)];
}

static uint32_t *of_user(struct fresh *f, uint64_t user)
{
	return &f->by_user[bucket(user, 0)];
}

static bool make_room(struct fresh *f)
{
	uint32_t cap = f->cap ? f->cap * 2 : 256;
	struct entry *at;

	if (f->n < f->cap)
		return true;
	at = realloc(f->at, cap * sizeof(*at));
	if (!at)
		return false;
	f->at = at;
	f->cap = cap;
	return true;
}

int fresh_add(struct fresh *f, const struct fresh_conv *c)
{
	struct entry *e;
	int rc = IM_E_NOMEM;

	pthread_mutex_lock(&f->lock);
	if (!make_room(f))
		goto out;
	e = &f->at[f->n];
	e->c = *c;
	e->next_pair = *of_pair(f, c);
	*of_pair(f, c) = f->n;
	if (c->a) {
		/* Where both are in one bucket, a's link is the one that is followed. */
		e->next_a = *of_user(f, c->a);
		*of_user(f, c->a) = f->n;
		e->next_b = *of_user(f, c->b);
		*of_user(f, c->b) = f->n;
	}
	f->n++;
	rc = IM_OK;
out:
	pthread_mutex_unlock(&f->lock);
	return rc;
}

void fresh_take_back(struct fresh *f, uint64_t id)
{
	pthread_mutex_lock(&f->lock);
	while (f->n > 0 && f->at[f->n - 1].c.id >= id) {
		const struct entry *e = &f->at[--f->n];

		if (e->c.a) {
			*of_user(f, e->c.b) = e->next_b;
			*of_user(f, e->c.a) = e->next_a;
		}
		*of_pair(f, &e->c) = e->next_pair;
	}
	pthread_mutex_unlock(&f->lock);
}

const struct fresh_conv *fresh_at(const struct fresh *f, uint32_t i)
{
	return &f->at[i].c;
}

uint64_t fresh_base(const struct fresh *f)
{
	return f->base;
}

uint32_t fresh_count(struct fresh *f)
{
	uint32_t n;

	pthread_mutex_lock(&f->lock);
	n = f->n;
	pthread_mutex_unlock(&f->lock);
	return n;
}

bool fresh_find(struct fresh *f, uint64_t a, uint64_t b, uint64_t *id_out)
{
	uint32_t i;

	pthread_mutex_lock(&f->lock);
	i = f->by_pair[bucket(a, b)];
	while (i != END && (f->at[i].c.a != a || f->at[i].c.b != b))
		i = f->at[i].next_pair;
	if (i != END)
		*id_out = f->at[i].c.id;
	pthread_mutex_unlock(&f->lock);
	return i != END;
}

int fresh_of_user(struct fresh *f, uint64_t user, struct fresh_conv **out, size_t *n_out)
{
	const uint32_t *head;
	size_t n = 0, cap = 0;
	int rc = IM_OK;

	*out = NULL;
	*n_out = 0;
	pthread_mutex_lock(&f->lock);
	head = of_user(f, user);
	for (uint32_t i = *head; i != END;) {
		const struct entry *e = &f->at[i];
		const struct fresh_conv *c = &e->c;

		i = of_user(f, c->a) == head ? e->next_a : e->next_b;
		if (c->a != user && c->b != user)
			continue;
		if (n == cap) {
			struct fresh_conv *more;

			cap = cap ? cap * 2 : 16;
			more = realloc(*out, cap * sizeof(*more));
			if (!more) {
				rc = IM_E_NOMEM;
				break;
			}
			*out = more;
		}
		(*out)[n++] = *c;
	}
	pthread_mutex_unlock(&f->lock);
	if (rc != IM_OK) {
		free(*out);
		*out = NULL;
		return rc;
	}
	*n_out = n;
	return IM_OK;
}
