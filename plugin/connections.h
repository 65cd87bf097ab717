/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is connected, for administrators: of a device account the bridge of one broker keeps no
 * presence, so it is known here alone. (That of several knows who is where, and answers.) The
 * command `listConnections` goes through all connections of the one user for each page, a few
 * milliseconds of the broker's time for as many as an account may have. And orders to disconnect
 * somebody go to the bridge together with who of them is not here, so that it can say so.
 */
#ifndef IM_PLUGIN_CONNECTIONS_H
#define IM_PLUGIN_CONNECTIONS_H

#include "common/limits.h"
#include "plugin/plugin.h"

/* True if the command is this one, given alone, and there is one broker: it is answered. */
bool connections_answer(struct plugin *p, const struct session *e, struct im_str payload);

/* Of each of the commands IM_KICK_ABSENT if it disconnects somebody who is not connected, else
 * IM_KICK_OTHER; n == 0: of none is anything known. Who is not here may be at another one of
 * several brokers. In `out`. */
struct im_str connections_absent(
	struct plugin *p, struct im_str payload, char out[IM_CONTROL_COMMANDS_MAX]);

#endif
