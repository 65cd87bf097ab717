/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c for each event, and asked by whoever answers READ and WRITE. */
#include "plugin/handover.h"

#include <string.h>

void handover_begin(struct plugin *p, const struct mosquitto *old)
{
	const char *id = mosquitto_client_id(old);
	size_t n = id ? strlen(id) : 0;

	p->handover = (struct handover){0};
	if (!n || n > IM_DEVICE_MAX)
		return;
	p->handover.old = old;
	memcpy(p->handover.id, id, n + 1);
}

/* Its connection is as new as that. A login that fails ends with the client id that it has claimed,
 * which is no reason to think so of the client that has it. */
static bool has_come(const struct plugin *p, const struct mosquitto *client)
{
	const struct session *e = clients_find(p->clients, client);
	const char *id = mosquitto_client_id(client);

	return client != p->handover.old && id && strcmp(id, p->handover.id) == 0 &&
	       (!e || e->state != SESSION_OPEN);
}

const struct mosquitto *handover_look(struct plugin *p, const struct mosquitto *client)
{
	const struct handover h = p->handover;

	if (client && (h.client ? h.client == client : has_come(p, client))) {
		p->handover.client = client;
		return NULL;
	}
	p->handover = (struct handover){0};
	return h.denied ? h.client : NULL;
}

void handover_denied(struct plugin *p, int qos)
{
	if (qos > 0)
		p->handover.denied = true;
}
