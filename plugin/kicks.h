/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that are to be disconnected. Only from the broker's TICK: kicked from within another
 * event, the broker would go on using what it has just freed. Never an offline session: 2.0 then
 * enters it twice into a list and frees it twice. So a single connection is kicked by its client id
 * only while it is known to be alive and to be the one that is meant; where that cannot be known,
 * all of a user's are, by the username, by which the broker finds connected clients alone.
 */
#ifndef IM_PLUGIN_KICKS_H
#define IM_PLUGIN_KICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"
#include "plugin/session.h"

#define KICKS_MAX 10000 /* waiting; what comes on top is not kicked, but has no rights either */
#define KICKS_BYTES_MAX (4 * 1024 * 1024) /* of names; those of TLS identities may be long */

struct kick;

struct kicks {
	struct kick *now, *waiting; /* for the next TICK; for a moment, in the order of that */
	uint32_t n, n_waiting;      /* in all; of these, waiting */
	size_t bytes;
};

/* A connection that is alive; number: clients_number, when it was met. */
struct kick_target {
	const void *client;
	struct im_str device;
	uint64_t number;
};

static inline bool kicks_full(const struct kicks *k)
{
	return k->n >= KICKS_MAX;
}

/* due_us: when, 0 for at once; of those with a time, none comes before one that was added earlier.
 * All of these: false if too many wait. */

/* All connections of a user up to this clients_number. */
bool kicks_user(struct kicks *k, struct im_str uid, uint64_t number, int64_t due_us);
/* One connection, and no later one with its client id. */
bool kicks_client(struct kicks *k, const struct kick_target *t);
bool kicks_session(struct kicks *k, const struct session *e, int64_t due_us);

struct kicks_asked {
	/* True if the connection is alive, has its client id still, and is still to go. */
	bool (*alive)(void *arg, const struct kick_target *t);
	/* True if the broker is to send its will. */
	bool (*will)(void *arg, const struct kick_target *t);
	/* True if all connections of the user may go; else whoever is meant has been added. */
	bool (*all)(void *arg, struct im_str uid, uint64_t number);
};
/* Carries out what is due; returns how many. */
uint32_t kicks_run(struct kicks *k, const struct kicks_asked *ask, void *arg, int64_t now_us);
void kicks_clear(struct kicks *k);

#endif
