/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the node ends a session. No version of the broker lets a plugin say why it disconnects
 * somebody, so the device is told by a last event on its user's inbox, which it alone may read.
 * From then on it has no rights, and a moment later it is disconnected, whether it has read that or
 * not.
 *
 * Telling costs a look at each of the user's sessions, so it is bounded: for each user, and for all
 * who wait for their end at a time. Beyond, a session ends at once and untold.
 */
#ifndef IM_PLUGIN_ENDING_H
#define IM_PLUGIN_ENDING_H

#include "common/wire.h"
#include "plugin/plugin.h"

/* Ends one session; one that is away, or is ended already, is left alone. False: too many wait, and
 * it goes on as before. */
bool ending_session(struct plugin *p, struct session *e, enum im_end why);
/* Ends all that a user has at this moment, those of which the plugin does not know as well. */
bool ending_user(struct plugin *p, struct im_str uid, enum im_end why);
/* Ends a session a moment later, unless account_credential takes that back; until then it goes on,
 * untold. */
void ending_outdated(struct plugin *p, struct session *e);

/* True if a publish of such a session closes its connection: its PUBACK would lie, for a client
 * with MQTT 3.1.1 cannot be told no, and it may send the message again when it is back. */
bool ending_closes(const struct session *e, int qos);
/* True if the broker is to send the will of a session that is ended: as at a takeover at one
 * broker, where it sends none of a session that stays. Of MQTT 5 the plugin does not know whether
 * it does. */
bool ending_leaves_will(const struct session *e);

/* TICK: those whose tokens are over. */
void ending_expired(struct plugin *p);
/* The session's expires_s has been set. */
void ending_watch(struct plugin *p, int64_t expires_s);

#endif
