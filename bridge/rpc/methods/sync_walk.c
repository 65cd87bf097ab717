/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the merge of conversations by log position. Called by sync; must not know what a page is. */
#include "bridge/rpc/methods/sync_walk.h"

#include <stdlib.h>

#include "bridge/rpc/conv_seek.h"

/* Positive, so that it is no error code: what the run of one conversation stops with when another
 * conversation is next. */
#define STOP_RUN 0x7001

struct place {
	struct conv_item *item;
	uint64_t gid, seq; /* of the next message to show */
};

struct heap {
	struct place *v;
	size_t n;
};

static void heap_push(struct heap *h, struct place p)
{
	size_t i = h->n++;

	while (i > 0 && h->v[(i - 1) / 2].gid > p.gid) {
		h->v[i] = h->v[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->v[i] = p;
}

static struct place heap_pop(struct heap *h)
{
	struct place top = h->v[0], last = h->v[--h->n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && h->v[child + 1].gid < h->v[child].gid)
			child++;
		if (last.gid <= h->v[child].gid)
			break;
		h->v[i] = h->v[child];
		i = child;
	}
	h->v[i] = last;
	return top;
}

static int collect(struct rpc_read *rd, struct conv_set *set, uint64_t cursor, uint64_t through,
	struct heap *heap)
{
	struct rpc_call *c = &rd->call;
	int rc = conv_set_heads(rd, set);

	for (size_t i = 0; i < set->n && rc == IM_OK; i++) {
		struct conv_item *item = &set->v[i];
		struct place p = {.item = item};
		struct store_head first;

		if (item->head.seq == 0 || item->head.gid <= cursor)
			continue;
		rc = conv_item_resolve(c, item, NULL);
		if (rc != IM_OK)
			return rc;
		if (item->hidden || !conv_item_followed(item) || item->head.seq <= item->floor)
			continue;
		rc = conv_seek(rd, item->conv, item->floor, item->head, cursor, &first);
		if (rc != IM_OK)
			return rc;
		p.gid = first.gid;
		p.seq = first.seq;
		if (p.gid <= through)
			heap_push(heap, p);
	}
	return rc;
}

struct run {
	struct conv_item *item;
	uint64_t until;
	struct place next;
	sync_walk_fn fn;
	void *arg;
};

static int on_run(void *arg, const struct store_msg *m)
{
	struct run *r = arg;

	if (m->gid > r->until) {
		r->next.gid = m->gid;
		r->next.seq = m->seq;
		return STOP_RUN;
	}
	return r->fn(r->arg, r->item, m);
}

static int merge(
	struct rpc_read *rd, struct heap *heap, uint64_t through, sync_walk_fn fn, void *arg)
{
	int rc;

	while (heap->n > 0) {
		struct place p = heap_pop(heap);
		struct run r = {.item = p.item,
			.until = heap->n > 0 ? heap->v[0].gid - 1 : through,
			.next = {.item = p.item},
			.fn = fn,
			.arg = arg};

		rc = rd->backend->read_conv(
			rd->log, p.item->conv, p.seq, p.item->head.seq, false, on_run, &r);
		if (rc == STOP_RUN) {
			if (r.next.gid <= through)
				heap_push(heap, r.next);
		} else if (rc != IM_OK) {
			return rc;
		}
	}
	return IM_OK;
}

struct stretch {
	struct rpc_read *rd;
	struct conv_set *set;
	sync_walk_fn fn;
	void *arg;
};

static int on_stretch(void *arg, const struct store_msg *m)
{
	struct stretch *t = arg;
	struct conv_item *item = conv_set_find(t->set, m->conv);
	int rc;

	if (item == NULL)
		return IM_OK;
	rc = conv_item_resolve(&t->rd->call, item, NULL);
	if (rc != IM_OK)
		return rc;
	if (item->hidden || !conv_item_followed(item) || m->seq <= item->floor)
		return IM_OK;
	return t->fn(t->arg, item, m);
}

int sync_walk(struct rpc_read *rd, struct conv_set *set, uint64_t cursor, uint64_t through,
	sync_walk_fn fn, void *arg)
{
	struct stretch t = {rd, set, fn, arg};
	struct heap heap = {NULL, 0};
	uint64_t along;
	int rc;

	if (cursor >= through || set->n == 0)
		return IM_OK;
	along = through - cursor < set->n ? through : cursor + set->n;
	rc = rd->backend->read_log(rd->log, cursor + 1, along, false, on_stretch, &t);
	if (rc != IM_OK || along == through)
		return rc;
	cursor = along;
	heap.v = calloc(set->n, sizeof(*heap.v));
	if (heap.v == NULL)
		return IM_E_NOMEM;
	rc = collect(rd, set, cursor, through, &heap);
	if (rc == IM_OK)
		rc = merge(rd, &heap, through, fn, arg);
	free(heap.v);
	return rc;
}
