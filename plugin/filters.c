/* SPDX-License-Identifier: BSD-3-Clause */
/* The filters of one session. Held by clients.c, asked by acl_subscribe.c. A session has few, so
 * that looking through all of them is quickest. */
#include "plugin/filters.h"

#include <stdlib.h>

#include "common/limits.h"

static uint64_t number(const struct im_sipkey *key, struct im_str filter)
{
	return im_siphash(key, filter.p, filter.n);
}

/* Its place; n: it is not in there. */
static uint16_t find(const struct filters *f, uint64_t v)
{
	uint16_t i = 0;

	while (i < f->n && f->v[i] != v)
		i++;
	return i;
}

static bool room_for_one(struct filters *f)
{
	uint16_t room = f->room ? (uint16_t)(f->room * 2) : 4;
	uint64_t *v;

	if (f->n < f->room)
		return true;
	v = realloc(f->v, room * sizeof(*v));
	if (!v)
		return false;
	f->v = v;
	f->room = room;
	return true;
}

static bool full(const struct filters *f, bool im, const struct filters_limits *l)
{
	if (im ? f->im >= l->im : f->n - f->im >= l->others)
		return true;
	return !f->whole && l->broker_count >= l->im + l->others;
}

void filters_begin(struct filters *f, int broker_count)
{
	/* 2.0.11 counts no shared ones, so where there is nothing else 0 says nothing. */
	if (broker_count == 0 && f->n > f->shared)
		filters_clear(f);
}

int filters_add(struct filters *f, const struct im_sipkey *key, const struct filters_one *one,
	const struct filters_limits *limits)
{
	uint64_t v = number(key, one->text);

	if (f->n == 0 && limits->broker_count == 0)
		f->whole = true;
	if (find(f, v) < f->n)
		return IM_OK;
	if (full(f, one->im, limits))
		return IM_E_FULL;
	if (one->text.n > IM_FILTER_BYTES_MAX - f->bytes || one->levels > limits->levels)
		return IM_E_TOO_LARGE;
	if (!room_for_one(f))
		return IM_E_NOMEM;
	f->v[f->n++] = v;
	f->im += one->im;
	f->shared += one->shared;
	f->bytes += (uint32_t)one->text.n;
	f->levels += one->levels;
	return IM_OK;
}

void filters_remove(struct filters *f, const struct im_sipkey *key, const struct filters_one *one)
{
	uint16_t i = find(f, number(key, one->text));

	if (i == f->n)
		return;
	f->v[i] = f->v[--f->n];
	f->im -= one->im;
	f->shared -= one->shared;
	f->bytes -= (uint32_t)one->text.n;
	f->levels -= one->levels;
}

void filters_clear(struct filters *f)
{
	free(f->v);
	*f = (struct filters){0};
}
