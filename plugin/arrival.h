/* SPDX-License-Identifier: BSD-3-Clause */
/* A client that wants to come in, as it was when the broker asked; it may have gone when the answer
 * comes later. Borrowed: strings are the broker's, or of whoever has kept a copy. */
#ifndef IM_PLUGIN_ARRIVAL_H
#define IM_PLUGIN_ARRIVAL_H

#include "plugin/plugin.h"

struct arrival {
	const struct mosquitto *client;
	struct im_str uid, device, address;
	bool v5, clean;
	bool hearsay; /* the address; see auth.h */
	bool by_tls;  /* the uid is what a certificate or a pre-shared key says */
	int keepalive_s;
};

/* `uid` may be no name at all. */
struct arrival arrival_of(
	const struct plugin *p, const struct mosquitto *client, struct im_str uid);

#endif
