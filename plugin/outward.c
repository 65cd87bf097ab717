/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c at a reload. Costs nothing while the configuration is right: the broker is
 * asked for the event only then. */
#include "plugin/outward.h"

#include <dlfcn.h>
#include <string.h>

#include "plugin/link.h"
#include "plugin/log.h"

/* Of the broker's own connections it knows no listener. It knows no port of who has come by a Unix
 * socket either; but these have logged in. */
static bool is_connection(const struct plugin *p, const struct mosquitto *client)
{
	void *sym = dlsym(RTLD_DEFAULT, "mosquitto_client_port");
	int (*port)(const struct mosquitto *client);
	const struct session *e = clients_find(p->clients, client);

	if (!sym || link_is(p, client) || (e && e->state != SESSION_OFFLINE))
		return false;
	/* POSIX promises that a data pointer can be a function's. */
	memcpy(&port, &sym, sizeof(port));
	return port(client) == 0;
}

static int on_message_out(int event, void *event_data, void *userdata)
{
	const struct mosquitto_evt_message *ed = event_data;
	struct plugin *p = userdata;
	struct log_device client;
	struct im_topic t;

	(void)event;
	im_topic_parse(p->prefix, im_str(ed->topic), &t);
	if (t.kind == IM_TOPIC_OTHER || !is_connection(p, ed->client))
		return MOSQ_ERR_SUCCESS;
	if (log_gate(&p->gates.bypass, clock_mono_us(&p->clock) / 1000, "bypassing publishes"))
		log_line(LOG_LEVEL_WARNING,
			"message kept from client=%s: a connection that came with a reload is to "
			"carry private messages; correct mosquitto.conf and reload",
			log_device(&client, im_str(mosquitto_client_id(ed->client))));
	return MOSQ_ERR_ACL_DENIED;
}

void outward_guard(struct plugin *p, bool on)
{
	on = on && p->newer;
	if (on == p->guarding)
		return;
	if (on)
		p->guarding = mosquitto_callback_register(p->id, COMPAT_EVT_MESSAGE_OUT,
				      on_message_out, NULL, p) == MOSQ_ERR_SUCCESS;
	else
		p->guarding = mosquitto_callback_unregister(p->id, COMPAT_EVT_MESSAGE_OUT,
				      on_message_out, NULL) != MOSQ_ERR_SUCCESS;
}
