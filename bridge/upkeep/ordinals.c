/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the pace of the numbering. Called by upkeep between transactions. */
#include "bridge/upkeep/ordinals.h"

#include <stdlib.h>

/* A piece is as many messages as take about this long: where they have to be read from a slow disk
 * those are few. Users wait for it. */
#define PIECE_MS 5
#define PIECE_MIN 16
#define PIECE_MAX 2048
/* Pauses: a fifth of the time is for this at most. */
#define PAUSE_MS 20
#define PAUSE_FACTOR 4
#define FAILED_MS 10000
#define NEVER_MS 3600000

struct ordinals {
	struct ordinals_parts p;
	uint32_t piece;
	uint64_t left;
	int64_t due_ms;
	bool done, failed_said;
};

struct ordinals *ordinals_new(const struct ordinals_parts *p)
{
	struct ordinals *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->p = *p;
	o->piece = PIECE_MIN;
	if (!p->backend->number(p->store, 0, &o->left) && o->left > 0)
		log_line(p->log, LOG_LEVEL_INFO, "ordinals_begin",
			"messages=%llu what=\"unread counts of what an earlier version stored\"",
			(unsigned long long)o->left);
	o->done = o->left == 0;
	return o;
}

void ordinals_free(struct ordinals **o)
{
	free(*o);
	*o = NULL;
}

uint64_t ordinals_left(const struct ordinals *o)
{
	return o->left;
}

static void failed(struct ordinals *o, int code)
{
	if (!o->failed_said)
		log_line(o->p.log, LOG_LEVEL_ERROR, "ordinals_failed",
			"code=%d why=\"%s\" will=\"try again\"", code,
			o->p.backend->errmsg(o->p.store));
	o->failed_said = true;
}

static void adapt(struct ordinals *o, int64_t took_ms)
{
	if (took_ms > PIECE_MS && o->piece > PIECE_MIN)
		o->piece /= 2;
	else if (2 * took_ms < PIECE_MS && o->piece < PIECE_MAX)
		o->piece *= 2;
}

int64_t ordinals_step(struct ordinals *o, int64_t mono_ms)
{
	int64_t took_ms, pause = PAUSE_MS;
	int rc;

	if (o->done)
		return NEVER_MS;
	if (mono_ms < o->due_ms)
		return o->due_ms - mono_ms;
	took_ms = -o->p.mono_ms();
	rc = o->p.backend->number(o->p.store, o->piece, &o->left);
	took_ms += o->p.mono_ms();
	if (rc) {
		failed(o, rc);
		pause = FAILED_MS;
	} else {
		adapt(o, took_ms);
		o->failed_said = false;
		o->done = o->left == 0;
		if (PAUSE_FACTOR * took_ms > pause)
			pause = PAUSE_FACTOR * took_ms;
		if (o->done)
			log_line(o->p.log, LOG_LEVEL_INFO, "ordinals_done",
				"what=\"unread counts are exact\"");
	}
	o->due_ms = mono_ms + pause;
	return o->done ? NEVER_MS : pause;
}
