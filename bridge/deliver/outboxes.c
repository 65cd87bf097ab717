/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list and the split. Called by fanout.c for tiers, by commit.c after a commit and by
 * engine.c with answers. Knows no link. */
#include "bridge/deliver/outboxes.h"

#include <stdlib.h>

#include "bridge/deliver/downq.h"
#include "bridge/deliver/split.h"
#include "common/limits.h"

struct outboxes {
	struct outbox *v[IM_PEERS_MAX];
	unsigned number[IM_PEERS_MAX]; /* of each */
	unsigned n;
	struct whereabouts *where;
	struct split *split; /* NULL until there are two */
	split_mask anyway;   /* for the time of a cut: those that may have anybody's sessions */
};

struct outboxes *outboxes_new(void)
{
	return calloc(1, sizeof(struct outboxes));
}

void outboxes_free(struct outboxes **all)
{
	if (!*all)
		return;
	split_free(&(*all)->split);
	free(*all);
	*all = NULL;
}

void outboxes_set_whereabouts(struct outboxes *all, struct whereabouts *w)
{
	all->where = w;
}

int outboxes_add(struct outboxes *all, struct outbox *o, unsigned number)
{
	if (number >= IM_PEERS_MAX)
		return IM_E_FULL;
	for (unsigned i = 0; i < all->n; i++)
		if (all->number[i] == number)
			return IM_E_EXISTS;
	if (all->n == 1 && !all->split) {
		all->split = split_new();
		if (!all->split)
			return IM_E_NOMEM;
	}
	all->v[all->n] = o;
	all->number[all->n++] = number;
	return IM_OK;
}

void outboxes_remove(struct outboxes *all, struct outbox *o)
{
	for (unsigned i = 0; i < all->n; i++) {
		if (all->v[i] != o)
			continue;
		all->n--;
		all->v[i] = all->v[all->n];
		all->number[i--] = all->number[all->n];
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

static split_mask where(void *arg, struct im_str uid)
{
	struct outboxes *all = arg;

	return all->anyway | whereabouts_of(all->where, uid);
}

static split_mask everywhere(void *arg, struct im_str uid)
{
	(void)arg;
	(void)uid;
	return IM_PEERS_ALL;
}

/* own: the one that was asked, or NULL. */
static int cut(struct outboxes *all, const struct effects_share *s, const struct outbox *own)
{
	split_mask to = 0, asked = 0;
	bool any;

	all->anyway = 0;
	for (unsigned i = 0; i < all->n; i++) {
		const split_mask bit = UINT32_C(1) << all->number[i];

		to |= bit;
		if (all->v[i] == own)
			asked = bit;
		if (!outbox_known(all->v[i]))
			all->anyway |= bit;
	}
	any = !all->where || all->anyway == to;
	if (!any)
		whereabouts_begin(all->where);
	return split_cut(all->split, s, asked, to, any ? everywhere : where, all);
}

/* What is planned, by whom it is for; whole: all of it, which `own` gets where there is no other,
 * or no memory for a cut: then the others miss it. Returns own's. */
static const struct effects_share *shares(struct outboxes *all, const struct effects *fx,
	const struct outbox *own, struct effects_share *whole, bool *sound_out)
{
	const struct effects_share *s = whole;

	effects_all(fx, whole);
	*sound_out = all->n > 1 && cut(all, whole, own) == IM_OK;
	for (unsigned i = 0; i < all->n && *sound_out; i++)
		if (all->v[i] == own)
			s = split_share(all->split, all->number[i]);
	return s;
}

/* And no more is planned. */
static void tell_others(
	struct outboxes *all, struct effects *fx, const struct outbox *own, bool sound)
{
	for (unsigned i = 0; i < all->n; i++) {
		if (all->v[i] == own)
			continue;
		if (sound)
			outbox_hear(all->v[i], split_share(all->split, all->number[i]));
		else
			outbox_miss(all->v[i]);
	}
	effects_reset(fx);
}

void outboxes_take(struct outboxes *all, struct effects *fx, struct outbox *own, uint64_t epoch,
	uint64_t recno)
{
	struct effects_share whole;
	const struct effects_share *s;
	bool sound;

	if (all->n == 1)
		own = all->v[0];
	s = shares(all, fx, own, &whole, &sound);
	if (own)
		outbox_take(own, s, epoch, recno);
	tell_others(all, fx, own, sound);
}

void outboxes_answer(struct outboxes *all, struct effects *fx, struct outbox *own)
{
	struct effects_share whole;
	bool sound;
	const struct effects_share *s = shares(all, fx, own, &whole, &sound);

	if (own)
		outbox_answer(own, s->records[EFFECTS_CONTROL]);
	tell_others(all, fx, own, sound);
}

void outboxes_miss(const struct outboxes *all)
{
	for (unsigned i = 0; i < all->n; i++)
		outbox_miss(all->v[i]);
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
