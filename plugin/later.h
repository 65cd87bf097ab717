/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Logins that wait for a hashing thread. Mosquitto 2.1 lets a plugin answer BASIC_AUTH later, by
 * client id, from TICK; older ones do not, and then nothing here does anything. What the broker
 * does not say shapes this part:
 *
 *   - A client that goes while it waits raises no event, and its memory may be another client's
 * next. So a waiting login counts as gone as soon as the broker asks about its pointer or its
 * client id again, and after each answer the broker is asked whether it has taken it.
 *   - While a client id waits, the broker turns away whoever comes with it. So a client id that has
 *     given a wrong password is not let wait again for a while: nobody is kept out by guesses made
 * in the name of his device.
 *
 * At most IM_LOGINS_WAITING wait, half of them from one address, nine in ten by proxies. Beyond,
 * the client is told that the server is busy (MQTT 5), or loses its connection without an answer:
 * never that the password is wrong.
 */
#ifndef IM_PLUGIN_LATER_H
#define IM_PLUGIN_LATER_H

#include "plugin/arrival.h"

#define LATER_TICK_MS 5 /* between two looks at what has been hashed */

/* After hooks_register, which knows the broker's version. IM_OK also where there is nothing to do.
 */
int later_open(struct plugin *p, struct im_buf *why) IM_MUST_CHECK;
/* Waits for the hashes that have begun. */
void later_close(struct plugin *p);

/* True if this login may wait for a thread, should it have to: as things are, and by its client id
 * alone. */
bool later_wants(struct plugin *p, const struct arrival *a);
/* Takes a login that auth_begin has left open. IM_E_FULL: too many wait. */
int later_put(struct plugin *p, const struct arrival *a, const struct auth_login *l,
	const struct auth_hash *h) IM_MUST_CHECK;
/* The broker has asked about a client: who waited at this pointer or with this id has gone. */
void later_forget(struct plugin *p, const struct mosquitto *client, struct im_str device);

/* Looks at what has been hashed, and at what is given up for it: later_next hands it out. */
void later_tick(struct plugin *p);
struct later_answer {
	struct arrival who;
	struct auth_verdict verdict;
};
/* The next one whose client waits for the answer, which is to be decided and told; valid until the
 * next call. False: no more of them. */
bool later_next(struct plugin *p, struct later_answer *out);
/* Tells the broker. False: it lets nobody in, because the client has gone meanwhile. */
bool later_tell(struct plugin *p, const struct later_answer *a, bool accepted);
uint32_t later_waiting(const struct plugin *p);

#endif
