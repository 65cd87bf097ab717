/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of each spool is committed. A spool is known by its epoch, and the log has its marks whoever
 * it is of; which plugin has it, the plugin says. One that a plugin has changed for another, or
 * that no plugin has although all have said theirs, is stale, and its marks go.
 */
#ifndef IM_BRIDGE_MARKS_H
#define IM_BRIDGE_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/store/store.h"
#include "common/err.h"

struct spool_mark {
	uint64_t epoch, recno;                /* committed through this record */
	struct store_mark marks[STORE_MARKS]; /* oldest first */
	unsigned n;
	bool taken; /* a plugin has it */
	bool left;  /* a plugin had it, and has another one */
	struct spool_mark *next;
};

struct marks;

/* Reads them. */
int marks_new(
	const struct store_backend *backend, struct store *store, struct marks **out) IM_MUST_CHECK;
void marks_free(struct marks **m);
/* There is one plugin more that has a spool. */
void marks_expect(struct marks *m);
/* The spool of this epoch for the plugin that has `old` (NULL: none yet), to be given to nobody
 * else. With begin it is known from here on; otherwise IM_E_NONE: it is not. IM_E_CONFLICT: another
 * plugin has it. IM_E_NOMEM. */
int marks_take(struct marks *m, uint64_t epoch, struct spool_mark *old, bool begin,
	struct spool_mark **out) IM_MUST_CHECK;
/* The spool of this epoch, known from here on, whoever has it; NULL: out of memory. */
struct spool_mark *marks_know(struct marks *m, uint64_t epoch);
/* The one that is there when there is one, else NULL. */
const struct spool_mark *marks_only(const struct marks *m);
/* The epoch of a stale spool, 0: there is none; it was forgotten. */
uint64_t marks_stale(const struct marks *m);
/* A plugin has the spool of this epoch. */
bool marks_taken(const struct marks *m, uint64_t epoch);
/* Not of one that a plugin has. */
void marks_forget(struct marks *m, uint64_t epoch);

/* A transaction was committed. mark->epoch == 0: it left no mark in the log. */
void spool_mark_advance(struct spool_mark *s, uint64_t recno, const struct store_mark *mark);

#endif
