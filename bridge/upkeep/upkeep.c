/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing but the parts. Called by main's loop when nothing else is to be done. */
#include "bridge/upkeep/upkeep.h"

#include <stdlib.h>

#include "bridge/upkeep/ordinals.h"
#include "bridge/upkeep/retention.h"

struct upkeep {
	struct retention *retention;
	struct ordinals *ordinals;
};

struct upkeep *upkeep_new(const struct upkeep_parts *p)
{
	struct retention_parts rp = {p->backend, p->store, p->dir, p->index, p->health, p->log};
	struct ordinals_parts op = {p->backend, p->store, p->log, p->mono_ms};
	struct upkeep *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->retention = retention_new(&rp);
	u->ordinals = ordinals_new(&op);
	if (!u->retention || !u->ordinals)
		upkeep_free(&u);
	return u;
}

void upkeep_free(struct upkeep **u)
{
	if (!*u)
		return;
	retention_free(&(*u)->retention);
	ordinals_free(&(*u)->ordinals);
	free(*u);
	*u = NULL;
}

void upkeep_set(struct upkeep *u, int64_t retention_days)
{
	retention_set(u->retention, retention_days);
}

int64_t upkeep_step(struct upkeep *u, int64_t wall_ms, int64_t mono_ms)
{
	int64_t wait = retention_step(u->retention, wall_ms, mono_ms);
	int64_t other = ordinals_step(u->ordinals, mono_ms);

	return other < wait ? other : wait;
}

uint64_t upkeep_unnumbered(const struct upkeep *u)
{
	return ordinals_left(u->ordinals);
}
