/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by acl.c and identity.c for each event, by hooks.c at TICK, by the downlink when the
 * bridge says that something is new. */
#include "account.h"

#include "acl.h"

/* A look costs a read of the database, about 15 us: 64 of them every 16 ms take a twentieth of the
 * broker's time, and 100,000 users are through in half a minute. */
#define SLICE_USERS 64
#define SLICE_US 16000

static bool connected(const struct session_user *u)
{
	const struct session *e;

	for (e = u->list; e; e = e->user_next) {
		if (e->state != SESSION_OFFLINE)
			return true;
	}
	return false;
}

/* False: the directory says nothing, and *open_out is what it was. */
static bool look(struct plugin *p, struct im_str uid, bool *open_out)
{
	struct directory_user d;
	int ret = directory_user(p->dir, uid, &d);

	if (ret && ret != IM_E_NONE) {
		acl_database_failed(p);
		return false;
	}
	*open_out = ret == IM_OK && !d.disabled;
	return true;
}

bool account_open_name(struct plugin *p, struct im_str uid)
{
	bool open = false;

	return look(p, uid, &open) && open;
}

bool account_open(struct plugin *p, struct session_user *u)
{
	const struct im_str uid = {u->uid, u->uid_n};
	uint64_t generation = directory_generation(p->dir);

	if (u->judged == generation)
		return u->open;
	if (!look(p, uid, &u->open)) {
		/* What was true of who is here stays so until it can be read again. */
		p->unjudged = sessions_users(p->sessions);
		return u->open;
	}
	u->judged = generation;
	if (!u->open && connected(u) && !kicks_user(&p->kicks, uid))
		u->judged = 0; /* too many wait: again at the next sign of life */
	return u->open;
}

void account_is_open(struct session_user *u)
{
	u->open = true;
	u->judged = 0;
}

void account_forget_all(struct plugin *p)
{
	directory_forget_all(p->dir);
	p->unjudged = sessions_users(p->sessions);
}

void account_tick(struct plugin *p, int64_t now_us)
{
	uint32_t n = p->unjudged < SLICE_USERS ? p->unjudged : SLICE_USERS;
	struct session_user *u;

	if (!n || now_us - p->judged_us < SLICE_US)
		return;
	p->judged_us = now_us;
	p->unjudged -= n;
	while (n-- && (u = sessions_next_user(p->sessions)))
		(void)account_open(p, u);
}
