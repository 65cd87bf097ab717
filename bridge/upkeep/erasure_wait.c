/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns who waits. Called by erasure.c. */
#include "bridge/upkeep/erasure_wait.h"

#include <string.h>

void erasure_wait_init(struct erasure_wait *w)
{
	memset(w, 0, sizeof(*w));
}

void erasure_wait_clear(struct erasure_wait *w)
{
	for (size_t i = 0; i < w->n; i++)
		held_clear(&w->v[i].held);
	memset(w, 0, sizeof(*w));
}

void erasure_wait_for(struct erasure_wait *w, uint64_t id)
{
	w->asked = id;
}

static struct erasure_waiter *find(struct erasure_wait *w, struct im_str uid, struct im_str device)
{
	for (size_t i = 0; i < w->n; i++) {
		struct erasure_waiter *v = &w->v[i];

		if (v->id == w->asked && held_is_for(&v->held, uid, device))
			return v;
	}
	return NULL;
}

bool erasure_wait_add(
	struct erasure_wait *w, struct im_str uid, struct im_str device, struct im_str response)
{
	struct erasure_waiter *v;

	if (!w->asked)
		return false;
	v = find(w, uid, device);
	if (!v && w->n < ERASURE_WAITERS_MAX) {
		v = &w->v[w->n++];
		v->id = w->asked;
		held_init(&v->held);
	}
	w->asked = 0;
	return v && held_keep(&v->held, uid, device, response);
}

void erasure_wait_done(struct erasure_wait *w, uint64_t id, held_reply_fn reply, void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct erasure_waiter *v = &w->v[i];

		if (v->id > id) {
			struct erasure_waiter stays = *v;

			w->v[kept++] = stays;
			continue;
		}
		held_release(&v->held, reply, arg);
	}
	w->n = kept;
}
