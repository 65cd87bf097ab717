/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by admit.c and identity.c, which decide about arrivals. */
#include "plugin/arrival.h"

struct arrival arrival_of(const struct plugin *p, const struct mosquitto *client, struct im_str uid)
{
	return (struct arrival){
		.client = client,
		.uid = uid,
		.device = im_str(mosquitto_client_id(client)),
		.address = im_str(mosquitto_client_address(client)),
		.v5 = mosquitto_client_protocol_version(client) == 5,
		.clean = mosquitto_client_clean_session(client),
		.keepalive_s = mosquitto_client_keepalive(client),
		/* 2.0.15 to 2.0.22 take it from X-Forwarded-For, whoever has sent that. */
		.hearsay = !p->newer && mosquitto_client_protocol(client) == mp_websockets,
	};
}
