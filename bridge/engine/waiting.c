/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the copies. Called by the engine; must not know what is in them. */
#include "bridge/engine/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

int waiting_add(struct waiting *w, struct peer *from, struct im_str frame)
{
	struct waiting_frame *f;

	if (w->bytes + frame.n > IM_FRAMES_WAITING_BYTES)
		return IM_E_FULL;
	f = malloc(sizeof(*f) + frame.n);
	if (!f)
		return IM_E_NOMEM;
	*f = (struct waiting_frame){.from = from, .n = frame.n};
	memcpy(f->p, frame.p, frame.n);
	if (w->last)
		w->last->next = f;
	else
		w->first = f;
	w->last = f;
	w->bytes += frame.n;
	return IM_OK;
}

struct waiting_frame *waiting_take(struct waiting *w)
{
	struct waiting_frame *f = w->first;

	if (!f)
		return NULL;
	w->first = f->next;
	if (!w->first)
		w->last = NULL;
	w->bytes -= f->n;
	return f;
}

void waiting_drop(struct waiting *w, const struct peer *from)
{
	struct waiting all = *w;
	struct waiting_frame *f;

	*w = (struct waiting){0};
	while ((f = waiting_take(&all))) {
		if (!from || f->from == from) {
			free(f);
			continue;
		}
		f->next = NULL;
		if (w->last)
			w->last->next = f;
		else
			w->first = f;
		w->last = f;
		w->bytes += f->n;
	}
}
