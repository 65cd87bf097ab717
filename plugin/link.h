/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is the bridge: the connection that has shown the link's secret, from its login until it ends.
 * Neither name nor address decides, nor an identity that TLS has checked: all of these are said by
 * the client or by what stands before it. Its client id begins with IM_DEVICE_LINK and is random,
 * so that nobody takes the connection over, though the broker does not ask about every client.
 */
#ifndef IM_PLUGIN_LINK_H
#define IM_PLUGIN_LINK_H

#include "plugin/plugin.h"

/* True if a login is meant for the link: by its username or its client id. */
bool link_claimed(const struct plugin *p, struct im_str username, struct im_str device);
/* BASIC_AUTH of such a client: MOSQ_ERR_SUCCESS for the bridge, else MOSQ_ERR_AUTH. */
int link_login(struct plugin *p, const struct mosquitto_evt_basic_auth *ed) IM_MUST_CHECK;
/* A client logs in. If its memory was the bridge's, that one has gone without a word. */
void link_arrival(struct plugin *p, const struct mosquitto *client);
/* True for the bridge's connection, and for nobody else. */
bool link_is(const struct plugin *p, const struct mosquitto *client);
/* True if the bridge is connected with this client id. */
bool link_has(const struct plugin *p, struct im_str device);
/* The connection ended. True if it was the bridge's. */
bool link_ended(struct plugin *p, const struct mosquitto *client);

#endif
