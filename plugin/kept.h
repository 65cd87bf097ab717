/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of a user's sessions that are away the broker may keep messages for: those that left last,
 * a few of them. One that is beyond stays so until it comes back, since it has missed something
 * already. Pure.
 *
 * A session is given its place when it leaves, if it is sure to stay at the broker; one that may be
 * gone with its connection (MQTT 5, of which 2.0 does not say) when something is for it, so that
 * those that are gone take no place.
 */
#ifndef IM_PLUGIN_KEPT_H
#define IM_PLUGIN_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/session.h"

/* A place for a session that is away and has `left` set; max 0: there is one for all. True if it
 * has one now. */
bool kept_place(struct session *e, uint32_t max);
/* It comes back, or is forgotten. */
void kept_remove(struct session *e);

#endif
