/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that are to be disconnected. Only from the broker's TICK: kicked from within another
 * event, the broker would go on using what it has just freed. Never an offline session: 2.0 then
 * enters it twice into a list and frees it twice.
 */
#ifndef IM_PLUGIN_KICKS_H
#define IM_PLUGIN_KICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/str.h"
#include "sessions.h"

#define KICKS_MAX 10000 /* waiting; what comes on top is not kicked, but has no rights either */

struct kick;

struct kicks {
	struct kick *list;
	uint32_t n;
};

/* All connections of a user / the connection with this client id. False: too many wait. */
bool kicks_user(struct kicks *k, struct im_str uid);
bool kicks_device(struct kicks *k, struct im_str device);
/* The same, a tenth of a second later: what is published now still reaches it. */
bool kicks_device_later(struct kicks *k, struct im_str device, int64_t now_us);
/* Carries out what is due; returns how many. */
uint32_t kicks_run(struct kicks *k, const struct sessions *s, int64_t now_us);
void kicks_clear(struct kicks *k);

#endif
