/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list, and for the time of a commit the records that are everybody's. Called by
 * fanout.c for tiers, by commit.c after a commit and by engine.c with answers. Knows no link. */
#include "bridge/deliver/outboxes.h"

#include <stdlib.h>

#include "bridge/deliver/downq.h"
#include "common/frame.h"
#include "common/limits.h"

struct outboxes {
	struct outbox *v[IM_PEERS_MAX];
	unsigned n;
	struct im_buf control; /* without answers */
};

struct outboxes *outboxes_new(void)
{
	struct outboxes *all = calloc(1, sizeof(*all));

	if (all)
		im_buf_init(&all->control, 0);
	return all;
}

void outboxes_free(struct outboxes **all)
{
	if (!*all)
		return;
	im_buf_free(&(*all)->control);
	free(*all);
	*all = NULL;
}

int outboxes_add(struct outboxes *all, struct outbox *o)
{
	if (all->n == IM_PEERS_MAX)
		return IM_E_FULL;
	all->v[all->n++] = o;
	return IM_OK;
}

void outboxes_remove(struct outboxes *all, struct outbox *o)
{
	for (unsigned i = 0; i < all->n; i++) {
		if (all->v[i] == o)
			all->v[i--] = all->v[--all->n];
	}
}

enum effects_tier outboxes_tier(
	const struct outboxes *all, uint64_t group, enum effects_tier natural)
{
	enum effects_tier tier = natural;

	for (unsigned i = 0; i < all->n && tier == natural; i++)
		tier = downq_tier(outbox_queue(all->v[i]), group, natural);
	return tier;
}

void outboxes_pin(const struct outboxes *all, uint64_t group, enum effects_tier tier, size_t ahead)
{
	for (unsigned i = 0; i < all->n; i++)
		downq_pin(outbox_queue(all->v[i]), group, tier, ahead);
}

static void leave_out_answers(struct im_buf *out, struct im_str records)
{
	struct im_down_rec r;
	struct im_str rest = records;

	im_buf_reset(out);
	while (rest.n && !im_down_rec_read(&rest, &r)) {
		if (!effects_is_answer(&r))
			im_buf_put(out, records.p, records.n - rest.n);
		records = rest;
	}
}

static void tell_others(struct outboxes *all, const struct effects *fx, const struct outbox *own)
{
	if (all->n <= 1)
		return;
	leave_out_answers(&all->control, effects_view(fx, EFFECTS_CONTROL));
	for (unsigned i = 0; i < all->n; i++) {
		if (all->v[i] == own)
			continue;
		if (all->control.failed)
			outbox_miss(all->v[i]);
		else
			outbox_hear(all->v[i], fx, im_buf_view(&all->control));
	}
}

void outboxes_take(struct outboxes *all, struct effects *fx, struct outbox *own, uint64_t epoch,
	uint64_t recno)
{
	if (all->n == 1)
		own = all->v[0];
	if (own)
		outbox_take(own, fx, epoch, recno);
	tell_others(all, fx, own);
	effects_reset(fx);
}

void outboxes_answer(struct outboxes *all, struct effects *fx, struct outbox *own)
{
	outbox_answer(own, fx);
	tell_others(all, fx, own);
	effects_reset(fx);
}

size_t outboxes_bytes(const struct outboxes *all)
{
	size_t n = 0;

	for (unsigned i = 0; i < all->n; i++)
		n += downq_bytes(outbox_queue(all->v[i]));
	return n;
}

unsigned outboxes_outstanding(const struct outboxes *all)
{
	unsigned n = 0;

	for (unsigned i = 0; i < all->n; i++)
		n += downq_outstanding(outbox_queue(all->v[i]));
	return n;
}
