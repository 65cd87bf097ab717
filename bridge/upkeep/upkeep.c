/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing but the parts. Called by the service between transactions. */
#include "bridge/upkeep/upkeep.h"

#include <stdlib.h>

#include "bridge/upkeep/ordinals.h"
#include "bridge/upkeep/retention.h"

struct upkeep {
	held_reply_fn reply;
	void *arg;
	struct backup *backup;
	struct retention *retention;
	struct ordinals *ordinals;
	struct erasure *erasure;
};

int upkeep_new(const struct upkeep_parts *p, struct upkeep **out)
{
	struct backup_parts bp = {p->backend, p->store, p->dir, p->data_dir, p->log};
	struct retention_parts rp = {p->backend, p->store, p->dir, p->index, p->health, p->log};
	struct ordinals_parts op = {p->backend, p->store, p->log, p->mono_ms};
	struct erasure_parts xp = {.backend = p->backend,
		.store = p->store,
		.dir = p->dir,
		.index = p->index,
		.data_dir = p->data_dir,
		.log = p->log,
		.arg = p->arg,
		.renamed = p->renamed,
		.reply = p->reply};
	struct upkeep *u = calloc(1, sizeof(*u));
	int rc;

	*out = NULL;
	if (!u)
		return IM_E_NOMEM;
	u->reply = p->reply;
	u->arg = p->arg;
	u->backup = backup_new(&bp);
	u->retention = retention_new(&rp);
	u->ordinals = ordinals_new(&op);
	rc = erasure_new(&xp, &u->erasure);
	if (!rc && !(u->backup && u->retention && u->ordinals))
		rc = IM_E_NOMEM;
	if (rc)
		upkeep_free(&u);
	*out = u;
	return rc;
}

void upkeep_free(struct upkeep **u)
{
	if (!*u)
		return;
	erasure_free(&(*u)->erasure);
	ordinals_free(&(*u)->ordinals);
	retention_free(&(*u)->retention);
	backup_free(&(*u)->backup);
	free(*u);
	*u = NULL;
}

void upkeep_set(struct upkeep *u, int64_t retention_days)
{
	retention_set(u->retention, retention_days);
}

struct backup *upkeep_backup(struct upkeep *u)
{
	return u->backup;
}

struct erasure *upkeep_erasure(struct upkeep *u)
{
	return u->erasure;
}

bool upkeep_hold(struct upkeep *u, struct im_str uid, struct im_str device, struct im_str response)
{
	return backup_hold(u->backup, uid, device, response) ||
	       erasure_hold(u->erasure, uid, device, response);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t upkeep_step(struct upkeep *u, int64_t wall_ms, int64_t mono_ms)
{
	int64_t wait = INT64_MAX;

	if (backup_running(u->backup)) {
		backup_step(u->backup, u->reply, u->arg);
		wait = 0;
	}
	wait = sooner(wait, retention_step(u->retention, wall_ms, mono_ms));
	wait = sooner(wait, ordinals_step(u->ordinals, mono_ms));
	return sooner(wait, erasure_step(u->erasure, wall_ms, mono_ms));
}

void upkeep_gauges(const struct upkeep *u, struct health_gauges *out)
{
	erasure_progress(u->erasure, &out->erasures, &out->erasure_left);
	out->unnumbered = ordinals_left(u->ordinals);
}
