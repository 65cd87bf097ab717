/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What waits for its turn at one plugin: a queue of encoded down records a tier, given out as
 * frames in order of tier and only while fewer than a window of frames are unreturned. A frame
 * holds few enough deliveries to be the work of about a millisecond, and while direct messages
 * pass, of a quarter of that, one at a time: the broker reads one frame a turn of its loop, and a
 * direct message stands behind all that were given out before it. A flood of answers waits in the
 * bridge, where it is counted, and not in the socket. When a great many wait, frames are full.
 *
 * Pure: no I/O, no clock. Order within a conversation is kept: within a tier by the queue, and
 * across tiers because a group keeps its tier while records of it are queued.
 *
 * When the deliveries that wait exceed the bound, the oldest of the lowest tier go: they are in the
 * log, and devices that miss them see the gap and pull. EFFECTS_DIRECT is what other plugins have
 * caused (outboxes.h) and goes last; downq_broken tells of it. Answers (EFFECTS_CONTROL) are never
 * dropped: whoever makes them stops while too many wait.
 */
#ifndef IM_BRIDGE_DOWNQ_H
#define IM_BRIDGE_DOWNQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "bridge/deliver/steps.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct downq;

/* bytes_max: of all deliveries together; window: frames given out and not yet returned. */
struct downq *downq_new(size_t bytes_max, unsigned window);
void downq_free(struct downq **q);
void downq_set_max(struct downq *q, size_t bytes_max);

/* The tier for the next record of a group: `natural`, or the one in which it still has records
 * queued. */
enum effects_tier downq_tier(struct downq *q, uint64_t group, enum effects_tier natural);
/* Says that records of the group will end `ahead` bytes behind the tier's queue: what the open
 * transaction has planned for that tier so far, this group's included. A rollback needs no undoing:
 * the group then merely keeps its tier a little longer. */
void downq_pin(struct downq *q, uint64_t group, enum effects_tier tier, size_t ahead);

/* Queues whole records (as effects_view gives them, with their span). *dropped_out: records that
 * had to go. IM_E_NOMEM: none of them was queued. */
int downq_push(struct downq *q, enum effects_tier tier, struct im_str records,
	struct effects_span span, size_t *dropped_out) IM_MUST_CHECK;
/* How far the link is, see steps.h. */
struct steps *downq_steps(struct downq *q);
/* The next frame, ready to send, or an empty string: nothing waits or the window is full. It ends
 * with the record that asks for its return. Valid until the next call. */
struct im_str downq_next(struct downq *q);
/* Direct messages are passing: for a while, frames are small and go one at a time. */
void downq_hurry(struct downq *q);
/* The plugin has carried out this many frames. */
void downq_return(struct downq *q, uint32_t frames);
/* The link was lost, or nothing comes back any more: the frames that were not returned are given
 * out again. */
void downq_lost(struct downq *q);
/* Records dropped since the beginning. */
uint64_t downq_dropped(const struct downq *q);
/* Frames returned since the beginning. */
uint64_t downq_returned(const struct downq *q);

size_t downq_bytes(const struct downq *q);
/* Of answers alone. */
size_t downq_answers(const struct downq *q);
/* Of EFFECTS_DIRECT alone. */
size_t downq_urgent(const struct downq *q);
/* How much of EFFECTS_DIRECT was queued so far; whether the plugin has carried out as much, as far
 * as it was not dropped. */
uint64_t downq_told(const struct downq *q);
bool downq_has(const struct downq *q, uint64_t told);
/* Records of EFFECTS_DIRECT have been dropped, or lost for want of memory, since this was asked
 * last. */
bool downq_broken(struct downq *q);
unsigned downq_outstanding(const struct downq *q);

#endif
