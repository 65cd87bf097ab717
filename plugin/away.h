/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deliveries to sessions that are away. What the broker keeps for them is theirs alone whose client
 * id belongs to the user whom the session was made by, and is bounded: what is not kept, `sync`
 * brings. Only READ is denied; a session that is away is never kicked.
 */
#ifndef IM_PLUGIN_AWAY_H
#define IM_PLUGIN_AWAY_H

#include "plugin/plugin.h"

/* A session's connection has ended. stays: it is sure that the broker has kept the session. */
void away_left(struct plugin *p, struct session *e, bool stays);
/* Whether what is for a session that is away may wait for it; not if its device is elsewhere. */
bool away_may_hear(struct plugin *p, struct session *e);
/* The same for one that the broker has kept over a restart, and that is met for the first time. */
bool away_meet(struct plugin *p, const struct mosquitto *client, struct im_str name);

/* The device is at another broker: what this one holds for it, now or when it has left, is void. */
void away_void(struct session *e);

/* A device account gives back the places of its sessions that are away: all of them, or those whose
 * client ids are not its own any more. */
void away_release_all(struct session_user *u);
void away_release_unlike(struct plugin *p, struct session_user *u);

#endif
