/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Putting what happens into the spool, from where the bridge gets it: publishes, wills, session
 * events, control commands; and what the client is told when there is no room.
 */
#ifndef IM_PLUGIN_CAPTURE_H
#define IM_PLUGIN_CAPTURE_H

#include "plugin/plugin.h"

/* A publish that the grant allows: captures it and turns the broker's copy to the sink. Returns
 * what the MESSAGE hook returns. */
int capture_publish(
	struct plugin *p, const struct grant *g, struct mosquitto_evt_message *ed) IM_MUST_CHECK;
/* Takes the broker's own copy out of the way: nobody reads the sink. */
void capture_sink(struct mosquitto_evt_message *ed);

/* The will of a session that has ended. */
void capture_will(
	struct plugin *p, const struct session *e, const struct im_topic *t, struct im_str payload);
/*
 * At its end the broker sends the wills of all clients, and nothing tells them from publishes but
 * that no MESSAGE follows. So what ACL_CHECK allows is noted, MESSAGE takes the note back, TICK
 * clears what is left (another plugin's refusals), and what is left at the very end was wills.
 */
void capture_note(struct plugin *p, const struct session *e, const struct im_topic *t,
	struct im_str payload, int64_t now_ms);
void capture_unnote(struct plugin *p);
void capture_forget_notes(struct plugin *p);
void capture_notes(struct plugin *p);

/* Announces a session, if that has not been done. IM_E_FULL: there is no room for what the bridge
 * must know of it; tried again at the next sign of life, and nothing else of it is captured. */
int capture_open(struct plugin *p, struct session *e);
void capture_sub(struct plugin *p, struct session *e);
/* The session has subscribed, and may stay at the broker. IM_E_FULL, IM_E_NOMEM: it cannot be said
 * now, so it must not subscribe. */
int capture_keep(struct plugin *p, struct session *e) IM_MUST_CHECK;
void capture_close(struct plugin *p, const struct session *e, int reason);
/* The user's stored hash is to be replaced by this one. */
void capture_rehash(struct plugin *p, struct im_str uid, const struct auth_fresh *fresh);
/* An admin's command; answered at once when there is no room. */
void capture_control(struct plugin *p, const struct session *e, struct im_str payload);

/* Sends the bridge every session as it is now. */
void capture_snapshot(struct plugin *p);

#endif
