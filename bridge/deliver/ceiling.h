/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much of a room its viewers get: two buckets for each room to which something was sent lately.
 * What is above its ceiling is stored, and left out of delivery. A room is one publish for the
 * bridge, and as many deliveries for the broker as there are viewers, none of whom can read more
 * than some lines a second. In memory only, engine's thread.
 */
#ifndef IM_BRIDGE_CEILING_H
#define IM_BRIDGE_CEILING_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/base/tx_part.h"
#include "common/siphash.h"

struct ceiling;

/* Borrows health, which counts what is left out. */
struct ceiling *ceiling_new(const struct im_sipkey *key, struct health *health);
void ceiling_free(struct ceiling **c);
/* Messages that each room's viewers get a second; 0: all. */
void ceiling_set(struct ceiling *c, int64_t per_second);
enum ceiling_share {
	CEILING_NONE, /* what those do who run the room: never left out, and all others find less */
	CEILING_SAID, /* members' messages: as many as there are, where nothing else is */
	CEILING_BESIDE /* what else members do: up to half, which messages cannot take, and not
			  more, so that the other half is left to messages */
};

/* Whether a message to this room is delivered. now_ms: the time of the transaction, for what has
 * waited in the spool is delivered now. */
bool ceiling_passes(struct ceiling *c, uint64_t room, int64_t now_ms, enum ceiling_share share);
/* A rollback gives back what the transaction has taken. */
struct tx_part ceiling_part(struct ceiling *c);

#endif
