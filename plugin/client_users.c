/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the users and links sessions to them. Called by clients.c. */
#include "plugin/client_users.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* A user without sessions is kept this long, so that reconnecting does not fill its buckets. */
#define IDLE_US INT64_C(10000000)

struct user_node {
	struct session_user u;
	UT_hash_handle hh;
	bool refused;
};

void client_users_init(struct client_users *users, const struct im_sipkey *key)
{
	*users = (struct client_users){.key = *key};
}

void client_users_clear(struct client_users *users)
{
	struct user_node *u, *tmp;

	HASH_ITER (hh, users->by_uid, u, tmp) {
		HASH_DEL(users->by_uid, u);
		free(u);
	}
}

static unsigned hash(const struct client_users *users, struct im_str uid)
{
	return (unsigned)im_siphash(&users->key, uid.p, uid.n);
}

struct session_user *client_users_find(const struct client_users *users, struct im_str uid)
{
	/* The macros of uthash evaluate the hash value once for every entry that they look at. */
	unsigned hashv = hash(users, uid);
	struct user_node *u;

	HASH_FIND_BYHASHVALUE(hh, users->by_uid, uid.p, uid.n, hashv, u);
	return u ? &u->u : NULL;
}

struct session_user *client_users_get(struct client_users *users, struct im_str uid)
{
	struct session_user *have = client_users_find(users, uid);
	unsigned hashv = hash(users, uid);
	struct user_node *u;

	if (have || uid.n > IM_UID_MAX)
		return have;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	memcpy(u->u.uid, uid.p, uid.n);
	u->u.uid_n = (uint8_t)uid.n;
	u->u.n = users->n_highest;
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, users->by_uid, u->u.uid, uid.n, hashv, u);
	if (u->refused) {
		free(u);
		return NULL;
	}
	DL_APPEND(users->idle, &u->u);
	return &u->u;
}

static bool has_sessions(const struct session_user *u)
{
	return u->list || u->away;
}

static struct session **list_of(const struct session *e)
{
	return e->state == SESSION_OFFLINE ? &e->user->away : &e->user->list;
}

void client_users_enter(struct client_users *users, struct session_user *u, struct session *e,
	enum im_role role, uint64_t bind)
{
	struct session **list;

	if (!has_sessions(u)) {
		u->role = role;
		u->bind = bind;
		DL_DELETE(users->idle, u);
		DL_APPEND(users->active, u);
		users->n_active++;
	}
	e->user = u;
	list = list_of(e);
	DL_APPEND2(*list, e, user_prev, user_next);
	u->n_list += list == &u->list;
	if (e->v5)
		u->v5 = true;
}

void client_users_away(struct session *e)
{
	struct session_user *u = e->user;

	DL_DELETE2(u->list, e, user_prev, user_next);
	u->n_list--;
	e->state = SESSION_OFFLINE;
	DL_APPEND2(u->away, e, user_prev, user_next);
}

void client_users_leave(struct client_users *users, struct session *e, int64_t now_us)
{
	struct session_user *u = e->user;
	struct session **list = list_of(e);

	u->levels -= e->filters.levels;
	u->n_stays -= e->stays;
	DL_DELETE2(*list, e, user_prev, user_next);
	u->n_list -= list == &u->list;
	if (has_sessions(u))
		return;
	u->idle_since_us = now_us;
	DL_DELETE(users->active, u);
	users->n_active--;
	DL_APPEND(users->idle, u);
}

/* None of a list is another device's than this one; *any_out: there is one of this one. */
static bool no_other(const struct session *list, struct im_str device, bool *any_out)
{
	const struct session *e;

	DL_FOREACH2(list, e, user_next)
	{
		if (e->state == SESSION_OFFLINE && e->ephemeral)
			continue;
		if (!im_str_eq(session_device(e), device))
			return false;
		*any_out = true;
	}
	return true;
}

bool client_users_alone(const struct session_user *u, struct im_str device)
{
	bool any = false;

	return no_other(u->list, device, &any) && no_other(u->away, device, &any) && any;
}

struct session_user *client_users_next(struct client_users *users)
{
	struct session_user *u = users->active;

	if (u) {
		DL_DELETE(users->active, u);
		DL_APPEND(users->active, u);
	}
	return u;
}

void client_users_reap(struct client_users *users, int64_t now_us)
{
	while (users->idle && now_us - users->idle->idle_since_us > IDLE_US) {
		struct user_node *u = (struct user_node *)users->idle;

		if (u->u.n > users->n_highest)
			users->n_highest = u->u.n;
		DL_DELETE(users->idle, &u->u);
		HASH_DEL(users->by_uid, u);
		free(u);
	}
}
