/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of sessions: they come, take over from one another, go away, and are forgotten; whose
 * they are is client_users.c's. Told of events by hooks.c and admit.c; asked by acl.c,
 * capture_session.c and the downlink. Never calls the broker.
 */
#include "plugin/clients.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/client_ids.h"
#include "plugin/client_users.h"
#include "plugin/kept.h"
#include "plugin/spent.h"

struct clients {
	struct session *by_client;
	struct client_ids ids;
	struct client_users users;
	struct session *fresh; /* NEW */
	/* OFFLINE and maybe persistent, the oldest first: those that something may be for, and
	 * those that have never subscribed, of which anybody may leave as many as he likes. */
	struct session *offline, *bare;
	struct session *gone; /* to be forgotten at the next turn */
	struct lru *spent;
	uint64_t turn;
	uint64_t numbers;
	uint32_t max_offline, n_offline, n_online;
};

struct clients *clients_new(const struct im_sipkey *key, uint32_t max_offline)
{
	struct clients *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->spent = spent_new(key);
	if (!c->spent) {
		free(c);
		return NULL;
	}
	client_ids_init(&c->ids, key);
	client_users_init(&c->users, key);
	c->turn = 1;
	c->max_offline = max_offline;
	return c;
}

void clients_free(struct clients **c)
{
	struct session *e, *tmp;

	if (!*c)
		return;
	client_ids_clear(&(*c)->ids);
	lru_free(&(*c)->spent);
	HASH_ITER (hh, (*c)->by_client, e, tmp) {
		HASH_DEL((*c)->by_client, e);
		filters_clear(&e->filters);
		free(e);
	}
	client_users_clear(&(*c)->users);
	free(*c);
	*c = NULL;
}

/* Pointers are chosen by malloc; mixing them is enough. */
static unsigned hash_client(const void *client)
{
	uint64_t v = (uint64_t)(uintptr_t)client >> 4;

	v *= UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(v >> 32);
}

/* ---- queues ---- */

static void unqueue(struct session *e)
{
	if (!e->queue)
		return;
	DL_DELETE(*e->queue, e);
	e->queue = NULL;
}

static void enqueue(struct session **queue, struct session *e)
{
	unqueue(e);
	DL_APPEND(*queue, e);
	e->queue = queue;
}

/* ---- who there is ---- */

struct session_user *clients_user(const struct clients *c, struct im_str uid)
{
	return client_users_find(&c->users, uid);
}

struct session_user *clients_next_user(struct clients *c)
{
	return client_users_next(&c->users);
}

uint32_t clients_users(const struct clients *c)
{
	return c->users.n_active;
}

bool clients_alone(const struct session_user *u, struct im_str device)
{
	return client_users_alone(u, device);
}

struct session *clients_device(const struct clients *c, struct im_str device)
{
	return client_ids_find(&c->ids, device);
}

struct session *clients_find(const struct clients *c, const void *client)
{
	unsigned hashv = hash_client(client);
	struct session *e;

	HASH_FIND_BYHASHVALUE(hh, c->by_client, &client, sizeof(client), hashv, e);
	return e;
}

/* ---- sessions ---- */

uint64_t clients_number(struct clients *c)
{
	return ++c->numbers;
}

static void count(struct clients *c, const struct session *e, int by)
{
	if (e->state == SESSION_OFFLINE)
		c->n_offline += (uint32_t)by;
	else
		c->n_online += (uint32_t)by;
}

void clients_drop(struct clients *c, struct session *e, int64_t now_us)
{
	count(c, e, -1);
	unqueue(e);
	client_ids_remove(&c->ids, e);
	kept_remove(e);
	if (session_is_thing(e))
		spent_leave(c->spent, e);
	client_users_leave(&c->users, e, now_us);
	HASH_DEL(c->by_client, e);
	filters_clear(&e->filters);
	free(e);
}

/* The two have one user. */
static void inherit(struct session *to, struct session *from)
{
	to->filters = from->filters;
	from->filters = (struct filters){0};
}

/* The client id has one place among those that stay, and its buckets, whichever connection it has.
 */
static void pass_on(struct session *to, struct session *from)
{
	to->stays = from->stays;
	from->stays = false;
	to->rates = from->rates;
	from->rates = (struct session_rates){0};
}

/* Another connection has the client id now: what this one still says is its will. */
static void take_over(struct clients *c, struct session *e)
{
	e->taken_turn = c->turn;
	kept_remove(e);
	if (e->state == SESSION_OFFLINE)
		enqueue(&c->gone, e);
}

/* See contest.h. */
static void count_takeover(struct session *e, const struct session *old, int64_t now_us)
{
	const int64_t *from = old->taken_over_us;

	if (old->state == SESSION_OFFLINE || session_ending(old) || !old->spoke) {
		memcpy(e->taken_over_us, from, sizeof(e->taken_over_us));
		return;
	}
	memcpy(e->taken_over_us, from + 1, sizeof(e->taken_over_us) - sizeof(*from));
	e->taken_over_us[SESSION_TAKEOVERS - 1] = now_us;
}

static struct session **place_of(struct clients *c, const struct session *e)
{
	return e->kept ? &c->offline : &c->bare;
}

/* What the others' bounds depend on is forgotten last. */
static void forget_oldest(struct clients *c, const struct session *but, int64_t now_us)
{
	struct session *first = c->bare && c->bare != but ? c->bare : c->offline;

	if (c->n_offline > c->max_offline && first && first != but)
		clients_drop(c, first, now_us);
}

static void go_offline(struct clients *c, struct session *e, int64_t now_us)
{
	count(c, e, -1);
	client_users_away(e);
	e->left_us = now_us;
	e->left_turn = c->turn;
	e->events = false;
	count(c, e, 1);
	if (e->ephemeral || e->taken_turn == c->turn)
		enqueue(&c->gone, e);
	else
		enqueue(place_of(c, e), e);
	forget_oldest(c, e, now_us);
}

static void undo_new(struct clients *c, struct session *e)
{
	if (!e)
		return;
	HASH_DEL(c->by_client, e);
	free(e);
}

/* A session in the table of clients, and nowhere else. */
static struct session *session_new(
	struct clients *c, const void *client, const struct session_facts *f)
{
	struct session *old = clients_find(c, client);
	struct session *e;

	if (old)
		clients_drop(c, old, 0);
	e = f->device.n <= IM_DEVICE_MAX ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return NULL;
	*e = (struct session){
		.client = client,
		.number = clients_number(c),
		.user_id = f->user_id,
		.device_n = (uint8_t)f->device.n,
		.state = SESSION_NEW,
		.v5 = f->v5,
		.ephemeral = f->ephemeral,
		.new_device = f->new_device,
		.new_user = f->new_user,
		.kept = f->kept,
		.handover = (f->new_device || f->elsewhere) && !f->clean,
		.elsewhere = f->elsewhere,
		.resumes = !f->clean,
		.opened_ms = f->now_ms,
		.expires_s = f->expires_s,
		.credential = f->credential,
		.password = f->password,
	};
	memcpy(e->device, f->device.p, f->device.n);
	HASH_ADD_KEYPTR_BYHASHVALUE(
		hh, c->by_client, &e->client, sizeof(client), hash_client(client), e);
	if (!e->refused)
		return e;
	free(e);
	return NULL;
}

struct session *clients_add(struct clients *c, const void *client, const struct session_facts *f)
{
	struct session_user *u;
	struct session *old;
	struct session *e = session_new(c, client, f);

	u = e ? client_users_get(&c->users, f->uid) : NULL;
	if (!u) {
		undo_new(c, e);
		return NULL;
	}
	old = clients_device(c, f->device);
	if (old && old->user == u)
		count_takeover(e, old, f->now_us);
	/* What still waits at the broker has the numbers of before. */
	if (old && old->user == u) {
		e->own = old->own;
		pass_on(e, old);
	}
	if (old)
		take_over(c, old);
	if (old && !f->clean && !old->ephemeral && old->user == u && old->user_id == f->user_id)
		inherit(e, old);
	client_users_enter(&c->users, u, e, f->role, f->bind);
	if (session_is_thing(e) && (!old || old->user != u))
		spent_resume(c->spent, e);
	client_ids_add(&c->ids, e);
	enqueue(&c->fresh, e);
	count(c, e, 1);
	return e;
}

struct session *clients_meet(
	struct clients *c, const void *client, const struct session_facts *f, int64_t now_us)
{
	struct session_user *u;
	struct session *e;

	if (clients_device(c, f->device))
		return NULL;
	e = session_new(c, client, f);
	u = e ? client_users_get(&c->users, f->uid) : NULL;
	if (!u) {
		undo_new(c, e);
		return NULL;
	}
	/* Its will is not the plugin's to see any more. */
	e->will_done = true;
	client_users_enter(&c->users, u, e, f->role, f->bind);
	clients_stays(e);
	client_ids_add(&c->ids, e);
	count(c, e, 1);
	go_offline(c, e, now_us);
	return e;
}

/* The connection that this one has taken over from in this turn, or NULL. */
static struct session *predecessor(const struct clients *c, const struct session *e)
{
	struct session *other = e->older;

	while (other && (other->taken_turn != c->turn || other->user != e->user))
		other = other->older;
	return other;
}

void clients_undo(struct clients *c, struct session *e, int64_t now_us)
{
	struct session *old = predecessor(c, e);

	if (old && e->filters.n)
		inherit(old, e);
	if (old)
		pass_on(old, e);
	clients_drop(c, e, now_us);
	if (!old)
		return;
	old->taken_turn = 0;
	if (old->queue == &c->gone && !old->ephemeral)
		enqueue(place_of(c, old), old);
}

void clients_stays(struct session *e)
{
	e->user->n_stays += !e->stays;
	e->stays = true;
}

void clients_release(struct session *e)
{
	if (e->state != SESSION_OFFLINE || !session_is_thing(e))
		return;
	e->user->n_stays -= e->stays;
	e->stays = false;
	e->user->levels -= e->filters.levels;
	filters_clear(&e->filters);
	kept_remove(e);
	e->away = AWAY_BEYOND;
}

void clients_opened(struct clients *c, struct session *e)
{
	(void)c;
	if (e->state != SESSION_NEW)
		return;
	unqueue(e);
	e->state = SESSION_OPEN;
	e->handover = e->elsewhere = false;
}

/* The connection that has taken over from this one, or NULL. */
static struct session *successor(const struct clients *c, const struct session *e)
{
	struct session *other = clients_device(c, session_device(e));

	return other && other != e && other->state != SESSION_OFFLINE && other->user == e->user
		       ? other
		       : NULL;
}

struct session *clients_ended(struct clients *c, const void *client, int64_t now_us)
{
	struct session *e = clients_find(c, client);
	struct session *next;
	bool announced;

	if (!e)
		return NULL;
	if (e->state == SESSION_OFFLINE) {
		/* A persistent session whose client has come back with another connection. */
		clients_drop(c, e, now_us);
		return NULL;
	}
	announced = e->state == SESSION_OPEN || e->heir;
	next = announced ? successor(c, e) : NULL;
	if (next && next->state == SESSION_NEW)
		next->heir = true;
	go_offline(c, e, now_us);
	return announced && !next ? e : NULL;
}

bool clients_is_will(const struct clients *c, const struct session *e)
{
	return e->state == SESSION_OFFLINE ? !e->will_done : e->taken_turn == c->turn;
}

bool clients_will_waited(const struct clients *c, const struct session *e)
{
	return e->state == SESSION_OFFLINE && e->left_turn != c->turn;
}

void clients_expire(struct clients *c, int64_t age_us, int64_t now_us)
{
	while (c->offline && now_us - c->offline->left_us > age_us)
		clients_drop(c, c->offline, now_us);
	while (c->bare && now_us - c->bare->left_us > age_us)
		clients_drop(c, c->bare, now_us);
}

void clients_turn(struct clients *c, int64_t now_us)
{
	struct session *e;

	c->turn++;
	DL_FOREACH (c->fresh, e)
		e->handover = false;
	while (c->gone)
		clients_drop(c, c->gone, now_us);
	client_users_reap(&c->users, now_us);
}

struct session *clients_first_new(const struct clients *c)
{
	return c->fresh;
}

void clients_each(struct clients *c, clients_fn fn, void *arg)
{
	struct session *e, *tmp;

	HASH_ITER (hh, c->by_client, e, tmp)
		fn(arg, e);
}

uint32_t clients_online(const struct clients *c)
{
	return c->n_online;
}

uint32_t clients_offline(const struct clients *c)
{
	return c->n_offline;
}
