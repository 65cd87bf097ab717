/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c at TICK, and with the first event behind a handing over. kicks.c has the list;
 * here is who of it is still meant. */
#include "plugin/disconnect.h"

#include "plugin/ending.h"
#include "plugin/handover.h"
#include "plugin/identity.h"
#include "plugin/link.h"

/* Untold, at the next TICK. */
static void end(struct plugin *p, const struct mosquitto *client)
{
	struct session *e = clients_find(p->clients, client);
	struct log_text user;
	struct log_device device;

	if (log_gate(&p->gates.handover, clock_mono_us(&p->clock) / 1000, "partial handovers"))
		log_line(LOG_LEVEL_INFO,
			"client disconnected user=%s client=%s: it may not have all that has "
			"waited for it",
			log_text(&user, im_str(mosquitto_client_username(client))),
			log_device(&device, im_str(mosquitto_client_id(client))));
	/* Of a client that TLS has let in 2.0 says no more than this. */
	if (e && e->state != SESSION_OFFLINE)
		(void)kicks_session(&p->kicks, e, 0);
	else if (!p->newer)
		identity_end(p, client);
}

void disconnect_handed(struct plugin *p, const struct mosquitto *client)
{
	const struct mosquitto *ends = handover_look(p, client);

	if (ends)
		end(p, ends);
}

static bool still_there(void *arg, const struct kick_target *t)
{
	struct plugin *p = arg;
	struct session *e = clients_device(p->clients, t->device);

	/* The broker finds whoever has the client id now. */
	if ((e && e->number > t->number) || link_has(p, t->device))
		return false;
	e = clients_find(p->clients, t->client);
	if (!e || e->number < t->number)
		return identity_alive(p, t);
	if (e->number != t->number || e->state == SESSION_OFFLINE)
		return false;
	if (!e->outdated)
		return true;
	/* Nobody has taken it back: it is told, and goes the next time. */
	(void)ending_session(p, e, IM_END_PASSWORD);
	return false;
}

static bool leaves_will(void *arg, const struct kick_target *t)
{
	const struct plugin *p = arg;
	const struct session *e = clients_find(p->clients, t->client);

	return e && ending_leaves_will(e);
}

/* Who has come since is not meant, but would be found by the name. */
static bool all_meant(void *arg, struct im_str uid, uint64_t number)
{
	struct plugin *p = arg;
	const struct session_user *u = clients_user(p->clients, uid);
	const struct session *e;
	bool newer = false;

	for (e = u ? u->list : NULL; e; e = e->user_next)
		newer = newer || e->number > number;
	for (e = newer ? u->list : NULL; e; e = e->user_next) {
		if (e->number <= number)
			(void)kicks_session(&p->kicks, e, 0);
	}
	return !newer;
}

void disconnect_due(struct plugin *p, int64_t now_us)
{
	static const struct kicks_asked ask = {still_there, leaves_will, all_meant};

	p->kicking = true;
	p->stats.kicked += kicks_run(&p->kicks, &ask, p, now_us);
	p->kicking = false;
}
