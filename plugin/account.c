/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by acl.c and identity.c for each event, by hooks.c at TICK, by the downlink when the
 * bridge says that something is new. */
#include "plugin/account.h"

#include "plugin/ending.h"

/* A look costs a read of the database, about 15 us: 64 of them every 16 ms take a twentieth of the
 * broker's time, and 100,000 users are through in half a minute. */
#define SLICE_USERS 64
#define SLICE_US 16000

void account_unreadable(struct plugin *p)
{
	if (log_gate(&p->gates.database, clock_mono_us(&p->clock) / 1000, "directory errors"))
		log_line(LOG_LEVEL_ERROR, "directory unreadable: %s; what needs it is refused",
			lookup_error(p->lookup));
}

/* False: the directory says nothing. */
static bool look(struct plugin *p, struct im_str uid, struct lookup_user *d, bool *open_out)
{
	int ret = lookup_user(p->lookup, uid, d);

	if (ret && ret != IM_E_NONE) {
		account_unreadable(p);
		return false;
	}
	*open_out = ret == IM_OK && !d->disabled;
	return true;
}

bool account_open_name(struct plugin *p, struct im_str uid)
{
	struct lookup_user d;
	bool open = false;

	return look(p, uid, &d, &open) && open;
}

bool account_is_admin(struct plugin *p, struct im_str uid)
{
	struct lookup_user u;
	int ret = lookup_user(p->lookup, uid, &u);

	if (ret == IM_E_IO)
		account_unreadable(p);
	return ret == IM_OK && u.role == IM_ROLE_ADMIN && !u.disabled;
}

/* Ends the connections that began with another password than is the user's now, however they came
 * in. False: too many wait. */
static bool end_outdated(struct plugin *p, struct session_user *u, uint64_t password)
{
	struct session *e;
	bool done = true;

	for (e = u->list; e; e = e->user_next) {
		if (e->kicked || e->password == password)
			continue;
		ending_outdated(p, e);
		done = done && e->kicked;
	}
	return done;
}

static void renumber_all(
	struct plugin *p, const struct session_user *u, struct session *list, int64_t number)
{
	struct session *e;

	for (e = list; e; e = e->user_next) {
		/* The bridge has written a user whom a token has made. */
		if (e->user_id == 0 && u->id == 0)
			e->user_id = number;
		else if (e->user_id != number)
			(void)ending_session(p, e, IM_END_DELETED);
	}
}

/* An older database may have given the name to another user meanwhile: what the former one has left
 * is not his. */
static void renumber(struct plugin *p, struct session_user *u, int64_t number)
{
	renumber_all(p, u, u->list, number);
	renumber_all(p, u, u->away, number);
	u->id = number;
}

/* False: too many wait. */
static bool end_all(struct plugin *p, const struct session_user *u, enum im_end why)
{
	const struct session *e = u->list;

	while (e && session_ending(e))
		e = e->user_next;
	return !e || ending_user(p, (struct im_str){u->uid, u->uid_n}, why);
}

/* The account has other rights by now, or its client ids by another rule: whoever has come by those
 * of before comes again, since what he is subscribed to was taken then, and of a share he would go
 * on taking what he may not read. False: too many wait. */
static bool end_unlike(struct plugin *p, struct session_user *u, const struct lookup_user *d)
{
	bool done = true;
	struct session *e;

	if (d->role != u->role || d->bind != u->bind) {
		u->unlike = true;
		for (e = u->list; e; e = e->user_next)
			done = ending_session(p, e, IM_END_KICKED) && done;
	}
	if (done) {
		u->role = d->role;
		u->bind = d->bind;
	}
	return done;
}

bool account_open(struct plugin *p, struct session_user *u)
{
	const struct im_str uid = {u->uid, u->uid_n};
	uint64_t generation = lookup_generation(p->lookup);
	struct lookup_user d;

	if (u->judged == generation)
		return u->open;
	if (!look(p, uid, &d, &u->open)) {
		/* What was true of who is here stays so until it can be read again. */
		p->unjudged = clients_users(p->clients);
		return u->open;
	}
	u->judged = generation;
	if (u->open && d.id != u->id)
		renumber(p, u, d.id);
	/* Too many wait: again at the next sign of life. */
	if (u->open ? !end_outdated(p, u, d.credential) || !end_unlike(p, u, &d)
		    : !end_all(p, u, d.disabled ? IM_END_DISABLED : IM_END_DELETED))
		u->judged = 0;
	return u->open;
}

/* Something else that is new of the user may have shown the password before this was told. */
static void stay(struct plugin *p, struct session *e, uint64_t password)
{
	/* One by token stays one by token. */
	if (!e->expires_s && e->credential == e->password)
		e->credential = password;
	e->password = password;
	if (!e->outdated)
		return;
	e->kicked = e->outdated = false;
	/* The kick that waits means a connection that has ended. */
	e->number = clients_number(p->clients);
}

void account_credential(
	struct plugin *p, struct session_user *u, struct im_str device, int64_t since_ms)
{
	struct lookup_user d;
	struct session *e;

	if (lookup_user(p->lookup, (struct im_str){u->uid, u->uid_n}, &d))
		return;
	for (e = u->list; e; e = e->user_next) {
		if (e->opened_ms <= since_ms && im_str_eq(session_device(e), device))
			stay(p, e, d.credential);
		else if (e->password != d.credential)
			(void)ending_session(p, e, IM_END_PASSWORD);
	}
}

bool account_own(struct plugin *p, const struct session *e)
{
	(void)account_open(p, e->user);
	return e->user_id == e->user->id;
}

void account_is_open(struct session_user *u, int64_t number, bool alike)
{
	/* Where there are sessions of a former user of the name, account_open finds that out. */
	if (!u->open || u->id != number || !alike)
		u->judged = 0;
	u->open = true;
	if (!u->id)
		u->id = number;
}

void account_forget_all(struct plugin *p)
{
	lookup_forget_all(p->lookup);
	p->unjudged = clients_users(p->clients);
}

void account_tick(struct plugin *p, int64_t now_us)
{
	uint32_t n = p->unjudged < SLICE_USERS ? p->unjudged : SLICE_USERS;
	struct session_user *u;

	if (!n || now_us - p->judged_us < SLICE_US)
		return;
	p->judged_us = now_us;
	p->unjudged -= n;
	while (n-- && (u = clients_next_user(p->clients)))
		(void)account_open(p, u);
}
