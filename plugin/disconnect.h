/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Carries out the kicks whose time has come. The broker finds a client by its id or its user name
 * alone, and between the order and the kick another one may have come with the same: who is not
 * meant any more is left alone.
 */
#ifndef IM_PLUGIN_DISCONNECT_H
#define IM_PLUGIN_DISCONNECT_H

#include "plugin/plugin.h"

/* An event, for handover_look: whoever is to be ended is disconnected at the next TICK. */
void disconnect_handed(struct plugin *p, const struct mosquitto *client);
/* From TICK only, see kicks.h. */
void disconnect_due(struct plugin *p, int64_t now_us);

#endif
