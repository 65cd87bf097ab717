/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sending of announcements: the oldest one that is under way, so many messages in a transaction
 * of their own, between those of the users, at its rate. The directory says through whom it has
 * come, in the same transaction; where that was lost, the log is asked, so everybody gets it once.
 */
#ifndef IM_BRIDGE_ANNOUNCING_H
#define IM_BRIDGE_ANNOUNCING_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/write/writer.h"
#include "common/err.h"

struct announcing;

/* Borrowed; the writer's handle. */
struct announcing *announcing_new(struct directory *d, struct log *log);
void announcing_free(struct announcing **a);

/* After how many ms a piece is due; 0: now, and announcing_piece is to be called in a transaction.
 * Outside of any. */
int64_t announcing_due(struct announcing *a, int64_t mono_ms);
/* May be called again where the transaction did not happen. */
int announcing_piece(void *announcing, struct writer *w) IM_MUST_CHECK;
/* What became of that. */
void announcing_ended(struct announcing *a, bool done, int64_t mono_ms);

#endif
