/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c at TICK. kicks.c has the list; here is who of it is still meant. */
#include "plugin/disconnect.h"

#include "plugin/ending.h"
#include "plugin/identity.h"
#include "plugin/link.h"

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
	static const struct kicks_asked ask = {still_there, all_meant};

	p->kicking = true;
	p->stats.kicked += kicks_run(&p->kicks, &ask, p, now_us);
	p->kicking = false;
}
