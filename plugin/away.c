/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c when a connection ends, and by identity.c for READ. The answer about a client
 * id is kept in the session until the directory may say something else. */
#include "plugin/away.h"

#include <utlist.h>

#include "common/ids.h"
#include "plugin/account.h"
#include "plugin/home.h"
#include "plugin/kept.h"

/* Whose a client id is that the bridge may not have written yet. False: it cannot be read. */
static bool find_owned(struct plugin *p, struct im_str uid, struct im_str device,
	const struct lookup_user *u, struct lookup_owned *out)
{
	struct owner o;

	if (bindings_owner(p->bindings, device, &o))
		*out = (struct lookup_owned){.owned = owner_is(&o, u->id, uid)};
	else if (lookup_owns(p->lookup, u, device, out) != IM_OK)
		return false;
	return true;
}

/* Whether the client id is this user's, and at home here. False: the directory says nothing. */
static bool judge(struct plugin *p, struct session *e)
{
	struct lookup_owned o = {0};
	struct lookup_user u;
	int ret = lookup_user(p->lookup, session_uid(e), &u);

	e->owned = false;
	if (ret == IM_E_NONE)
		return true;
	if (ret || !find_owned(p, session_uid(e), session_device(e), &u, &o)) {
		account_unreadable(p);
		return false;
	}
	e->owned = o.owned;
	if (!e->elsewhere && home_elsewhere(p, e, o.home))
		away_void(e);
	return true;
}

/* Each device of a device account is somebody's only one. */
static uint32_t kept_max(const struct plugin *p, const struct session *e)
{
	int64_t max = session_is_thing(e) ? p->opt.account_devices : p->opt.kept_sessions;

	return (uint32_t)max;
}

void away_void(struct session *e)
{
	e->elsewhere = true;
	kept_remove(e);
	e->away = AWAY_BEYOND;
	clients_release(e);
}

void away_left(struct plugin *p, struct session *e, bool stays)
{
	e->left = clients_number(p->clients);
	e->judged = 0;
	if (e->elsewhere)
		away_void(e);
	else if (stays && e->filters.n)
		(void)kept_place(e, kept_max(p, e));
}

/* Whether the directory has been heard on it, which e->owned then says. */
static bool is_judged(struct plugin *p, struct session *e)
{
	uint64_t generation = lookup_generation(p->lookup);

	if (e->judged != generation && judge(p, e))
		e->judged = generation;
	return e->judged == generation;
}

bool away_may_hear(struct plugin *p, struct session *e)
{
	return is_judged(p, e) && e->owned && kept_place(e, kept_max(p, e));
}

void away_release_all(struct session_user *u)
{
	struct session *e;

	DL_FOREACH2(u->away, e, user_next)
	clients_release(e);
}

void away_release_unlike(struct plugin *p, struct session_user *u)
{
	struct session *e;

	u->unlike = false;
	DL_FOREACH2(u->away, e, user_next)
	{
		if (e->stays && is_judged(p, e) && !e->owned)
			clients_release(e);
	}
}

bool away_meet(struct plugin *p, const struct mosquitto *client, struct im_str name)
{
	const char *device = mosquitto_client_id(client);
	/* Something is for it, so it has subscribed. */
	struct session_facts f = {.uid = name, .device = im_str(device), .kept = true};
	struct lookup_owned o = {0};
	struct lookup_user u;
	struct session *e;

	if (!device || !im_device_valid(f.device) || !im_uid_valid(name) ||
		lookup_user(p->lookup, name, &u) || u.disabled)
		return false;
	if (!find_owned(p, name, f.device, &u, &o))
		account_unreadable(p);
	if (!o.owned || home_elsewhere(p, NULL, o.home))
		return false;
	f.user_id = u.id;
	f.role = u.role;
	f.bind = u.bind;
	e = clients_meet(p->clients, client, &f, clock_mono_us(&p->clock));
	if (!e)
		return false;
	account_is_open(e->user, u.id, true);
	return away_may_hear(p, e);
}
