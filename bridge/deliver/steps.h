/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far one link is in the log: what a plugin tells with each delivery, so that a device knows
 * that nothing older is still to come. Kept by downq.c beside what waits, asked by outbox.c for
 * what leaves at once. Pure.
 *
 * What waits is noted for each push of records to a tier by its first and last position, so what is
 * told may be too low, and is never too high. What was dropped holds it down, until the plugin is
 * told of a gap: it leaves out a number in what it counts for its users, and devices that see that
 * sync. Frames are numbered, so that one that was lost is a gap, too. Rooms have no part in it.
 */
#ifndef IM_BRIDGE_STEPS_H
#define IM_BRIDGE_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "common/buf.h"

/* Pushes to one tier that are told apart; what comes on top counts as the last of them. */
#define STEPS_WAITING 256

struct steps_wait {
	uint64_t end;         /* of its records, in the tier's stream */
	uint64_t first, last; /* first: nothing behind it is older */
};

struct steps_lane {
	struct steps_wait v[STEPS_WAITING];
	unsigned head, n;
};

struct steps {
	struct steps_lane lane[EFFECTS_TIERS];
	uint64_t held; /* the oldest that was dropped; UINT64_MAX: nothing */
	uint64_t number;
	bool on; /* the plugin understands it */
	bool gap, fresh;
	struct step {
		bool all;
		uint64_t position;
	} said; /* in the frame in hand */
};

void steps_init(struct steps *s);
/* A plugin that does not understand it is told nothing, and told of a gap when it does. */
void steps_set(struct steps *s, bool on);

/* Records of these positions were queued in a tier, and end there in its stream. */
void steps_wait(
	struct steps *s, enum effects_tier tier, uint64_t end, const struct effects_span *span);
/* The tier's stream has come so far. */
void steps_pass(struct steps *s, enum effects_tier tier, uint64_t head);
/* The first record that waits there goes; these are not queued at all. */
void steps_drop(struct steps *s, enum effects_tier tier);
void steps_lose(struct steps *s, const struct effects_span *span);
/* Something that was dropped holds it down. */
bool steps_held(const struct steps *s);
/* The next frame says that there is a gap; nothing is held down from there on. */
void steps_gap(struct steps *s);

/* Of the first record that waits in a tier; of what is older than all that is planned now. */
struct step steps_front(const struct steps *s, enum effects_tier tier);
struct step steps_now(const struct steps *s);

/* A frame begins; what is said before its first record, and where it changes. */
void steps_frame(struct steps *s);
void steps_say(struct steps *s, struct im_buf *frame, struct step now);

#endif
