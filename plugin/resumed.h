/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that go on with a session that the broker has kept, subscriptions included: a client
 * that does not subscribe again would never be greeted, and so never know that it has missed
 * something. One that does subscribe again, as most do, is greeted once.
 */
#ifndef IM_PLUGIN_RESUMED_H
#define IM_PLUGIN_RESUMED_H

#include "plugin/plugin.h"

/* The session is about to be announced: whether it is to be greeted by itself. It pays for that as
 * for a message. */
bool resumed_greets(struct plugin *p, struct session *e);
/* A subscription to events has come: the greeting that it asks for is the one that the session has
 * got, or gets, by itself. */
bool resumed_greeted(const struct plugin *p, const struct session *e);

#endif
