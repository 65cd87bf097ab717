/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the broker hands over of a session that it has kept, when its client is back: first the end
 * of the old connection is told, with the client id, and then READ is asked about each message that
 * waits for the new one, and WRITE about each that the client had begun to send at QoS 2. No event
 * comes in between, and any other one means that it is over.
 *
 * What is denied there the broker drops, and goes on counting it as under way for as long as the
 * connection lasts (2.0 and 2.1; 2.0.11 asks no WRITE): after max_inflight_messages of them the
 * client gets nothing at QoS 1 or 2 any more. So such a connection is ended, untold, as if it had
 * been lost: the client comes again, and nothing waits for it then.
 */
#ifndef IM_PLUGIN_HANDOVER_H
#define IM_PLUGIN_HANDOVER_H

#include "plugin/plugin.h"

/* A connection has ended, which has been told: it may be because its client id has another one. */
void handover_begin(struct plugin *p, const struct mosquitto *old);
/* Another event, to be told first, where p->handover.old is set: READ or WRITE is asked about this
 * client, or (NULL) anything else. Returns the client that is to be ended, or NULL. */
const struct mosquitto *handover_look(struct plugin *p, const struct mosquitto *client);
/* The answer to that was no. */
void handover_denied(struct plugin *p, int qos);

/* Whether this client is being given what was kept. */
static inline bool handover_is(const struct plugin *p, const struct mosquitto *client)
{
	return p->handover.client == client;
}

/* The client is to be ended for that. */
static inline bool handover_ends(const struct plugin *p, const struct mosquitto *client)
{
	return p->handover.denied && handover_is(p, client);
}

#endif
