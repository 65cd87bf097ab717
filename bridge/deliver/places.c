/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the connections, each in a table by broker and client id and in a list of its user's. Called
 * by moves.c. */
#include "bridge/deliver/places.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "bridge/base/assoc.h"
#include "common/frame.h"
#include "common/limits.h"
#include "common/wire.h"

/* Devices that have gone, whose last connection is remembered: a broker that was cut off for a
 * while may tell of an earlier one. 32 bytes each. */
#define LEFT_MAX (64 * 1024)

struct place_user {
	uint64_t id;
	struct place *list;
	bool refused;
	UT_hash_handle hh;
};

struct left {
	int64_t since_ms;
	unsigned peer;
};

struct places {
	struct im_sipkey key;
	struct place *all;
	struct place_user *users;
	struct place *open; /* begun, or told to go, in the open transaction */
	struct assoc *left;
	size_t n, max;
	size_t at[IM_PEERS_MAX];
	uint64_t heard;
};

struct places *places_new(size_t max, const struct im_sipkey *key)
{
	struct places *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->key = *key;
	p->max = max;
	p->left = assoc_new(LEFT_MAX, sizeof(struct left));
	if (!p->left)
		places_free(&p);
	return p;
}

/* -- a user's -- */

static struct place_user *user_find(const struct places *p, uint64_t id)
{
	struct place_user *u;

	HASH_FIND(hh, p->users, &id, sizeof(id), u);
	return u;
}

static struct place_user *user_get(struct places *p, uint64_t id)
{
	struct place_user *u = user_find(p, id);

	if (u)
		return u;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->id = id;
	HASH_ADD(hh, p->users, id, sizeof(u->id), u);
	if (!u->refused)
		return u;
	free(u);
	return NULL;
}

static void user_leave(struct places *p, struct place *e)
{
	struct place_user *u = e->of;

	e->of = NULL;
	if (!u)
		return;
	DL_DELETE(u->list, e);
	if (u->list)
		return;
	HASH_DEL(p->users, u);
	free(u);
}

/* False: out of memory. */
static bool user_enter(struct places *p, struct place *e)
{
	struct place_user *u = user_get(p, e->user);

	if (!u)
		return false;
	e->of = u;
	DL_APPEND(u->list, e);
	return true;
}

/* -- the table -- */

struct place *places_find(const struct places *p, unsigned peer, struct im_str device)
{
	char key[1 + IM_DEVICE_MAX];
	struct place *e;
	unsigned hashv;

	if (peer >= IM_PEERS_MAX || !p->at[peer] || device.n > IM_DEVICE_MAX)
		return NULL;
	key[0] = (char)peer;
	memcpy(key + 1, device.p, device.n);
	hashv = (unsigned)im_siphash(&p->key, key, 1 + device.n);
	HASH_FIND_BYHASHVALUE(hh, p->all, key, 1 + device.n, hashv, e);
	return e;
}

static void touch(struct places *p, struct place *e)
{
	if (!e->open)
		DL_APPEND2(p->open, e, open_prev, open_next);
	e->open = true;
}

static void untouch(struct places *p, struct place *e)
{
	if (e->open)
		DL_DELETE2(p->open, e, open_prev, open_next);
	e->open = false;
}

static void drop(struct places *p, struct place *e)
{
	untouch(p, e);
	user_leave(p, e);
	HASH_DELETE(hh, p->all, e);
	p->n--;
	p->at[e->peer]--;
	free(e);
}

void places_free(struct places **p)
{
	struct place *e, *tmp;

	if (!*p)
		return;
	HASH_ITER (hh, (*p)->all, e, tmp)
		drop(*p, e);
	assoc_free(&(*p)->left);
	free(*p);
	*p = NULL;
}

static int add(struct places *p, const struct place_facts *f, struct place **out)
{
	bool fits = p->n < p->max && f->device.n <= IM_DEVICE_MAX && f->peer < IM_PEERS_MAX;
	struct place *e = fits ? calloc(1, sizeof(*e) + 1 + f->device.n) : NULL;
	unsigned hashv;

	*out = e;
	if (!e)
		return fits ? IM_E_NOMEM : IM_E_FULL;
	e->peer = (uint8_t)f->peer;
	e->n = (uint8_t)f->device.n;
	e->key[0] = (char)f->peer;
	memcpy(e->key + 1, f->device.p, f->device.n);
	hashv = (unsigned)im_siphash(&p->key, e->key, 1 + f->device.n);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, p->all, e->key, 1 + f->device.n, hashv, e);
	if (e->refused) {
		free(e);
		return IM_E_NOMEM;
	}
	p->n++;
	p->at[f->peer]++;
	return IM_OK;
}

/* Of an earlier connection than that which a snapshot has shown. A time that is still to come says
 * only that the clock was set back. */
static bool is_old(const struct place *e, int64_t ts_ms, int64_t now_ms)
{
	return e->met && ts_ms < e->since_ms && e->since_ms <= now_ms;
}

/* Another connection than the one that was there, if any was. */
static int begin(struct places *p, struct place *e, const struct place_facts *f)
{
	touch(p, e);
	user_leave(p, e);
	e->since_ms = f->since_ms;
	e->heard = ++p->heard;
	e->user = f->user;
	e->end = PLACE_STAYS;
	e->winner = 0;
	e->ended = false;
	e->spoke = e->stale = e->oldest = false;
	e->uncounted = 0;
	e->fresh = true;
	e->met = f->met;
	if (user_enter(p, e))
		return IM_OK;
	drop(p, e);
	return IM_E_NOMEM;
}

int places_open(struct places *p, const struct place_facts *f, enum place_news *news_out,
	struct place **out)
{
	struct place *e = places_find(p, f->peer, f->device);
	int rc = IM_OK;

	*out = e;
	*news_out = PLACE_NEW;
	if (e && !f->met && is_old(e, f->since_ms, f->now_ms)) {
		*news_out = PLACE_OLD;
		return IM_OK;
	}
	if (e && e->since_ms == f->since_ms && e->user == f->user) {
		e->stale = false;
		*news_out = PLACE_KNOWN;
		return IM_OK;
	}
	if (!e)
		rc = add(p, f, &e);
	if (!rc)
		rc = begin(p, e, f);
	*out = rc ? NULL : e;
	return rc;
}

/* -- those that have gone -- */

static uint64_t left_key(const struct places *p, struct im_str device)
{
	return im_siphash(&p->key, device.p, device.n);
}

/* One that was told that the device is elsewhere, or may not come, is not where it was last. */
static bool was_there(const struct place *e)
{
	return e->end == PLACE_STAYS || (!e->winner && e->end != IM_END_LIMIT);
}

static void remember(struct places *p, const struct place *e)
{
	struct left *l;

	if (!was_there(e))
		return;
	l = assoc_put(p->left, left_key(p, place_device(e)));
	*l = (struct left){.since_ms = e->since_ms, .peer = e->peer};
}

void places_close(
	struct places *p, unsigned peer, struct im_str device, int64_t ts_ms, int64_t now_ms)
{
	struct place *e = places_find(p, peer, device);

	if (!e || is_old(e, ts_ms, now_ms))
		return;
	remember(p, e);
	drop(p, e);
}

bool places_left(
	const struct places *p, struct im_str device, unsigned *peer_out, int64_t *since_ms_out)
{
	const struct left *l = assoc_get(p->left, left_key(p, device));

	*peer_out = l ? l->peer : 0;
	*since_ms_out = l ? l->since_ms : 0;
	return l != NULL;
}

void places_forget_left(struct places *p, struct im_str device)
{
	assoc_drop(p->left, left_key(p, device));
}

void places_snapshot_begin(struct places *p, unsigned peer)
{
	struct place *e, *tmp;

	HASH_ITER (hh, p->all, e, tmp)
		e->stale |= e->peer == peer;
}

void places_snapshot_end(struct places *p, unsigned peer)
{
	struct place *e, *tmp;

	HASH_ITER (hh, p->all, e, tmp) {
		if (!e->stale || e->peer != peer)
			continue;
		remember(p, e);
		drop(p, e);
	}
}

/* -- what is asked -- */

/* Of two with one client id, at different brokers. */
static bool is_later(const struct place *e, const struct place *than)
{
	return im_connection_later(e->since_ms, e->peer, than->since_ms, than->peer);
}

/* Of any two of one user. */
static bool came_later(const struct place *e, const struct place *than)
{
	return im_connection_later(e->since_ms, e->heard, than->since_ms, than->heard);
}

struct place *places_other(
	const struct places *p, unsigned peer, struct im_str device, uint64_t user)
{
	struct place *newest = NULL;

	for (unsigned i = 0; i < IM_PEERS_MAX; i++) {
		struct place *e = i == peer ? NULL : places_find(p, i, device);

		if (e && e->user == user && e->end == PLACE_STAYS &&
			(!newest || is_later(e, newest)))
			newest = e;
	}
	return newest;
}

struct place *places_foreign(const struct places *p, struct im_str device, uint64_t user)
{
	struct place *first = NULL;

	for (unsigned i = 0; i < IM_PEERS_MAX; i++) {
		struct place *e = places_find(p, i, device);

		if (e && e->user != user && e->end == PLACE_STAYS && (!first || is_later(first, e)))
			first = e;
	}
	return first;
}

bool places_elsewhere(const struct places *p, unsigned peer, struct im_str device)
{
	for (unsigned i = 0; i < IM_PEERS_MAX; i++)
		if (i != peer && places_find(p, i, device))
			return true;
	return false;
}

static bool counts(const struct place *e, struct im_str but)
{
	return e->end == PLACE_STAYS && !im_str_eq(place_device(e), but);
}

void places_each(const struct places *p, uint64_t user, places_each_fn fn, void *arg)
{
	const struct place_user *u = user_find(p, user);
	const struct place *e;

	DL_FOREACH (u ? u->list : NULL, e)
		if (e->end == PLACE_STAYS)
			fn(arg, e);
}

int64_t places_devices(const struct places *p, uint64_t user, unsigned peer, struct im_str but)
{
	const struct place_user *u = user_find(p, user);
	const struct place *e;
	int64_t n = 0;

	DL_FOREACH (u ? u->list : NULL, e)
		n += e->peer == peer && counts(e, but);
	return n;
}

struct place *places_oldest(
	const struct places *p, uint64_t user, uint32_t peers, struct im_str but)
{
	const struct place_user *u = user_find(p, user);
	struct place *e, *oldest = NULL;

	DL_FOREACH (u ? u->list : NULL, e) {
		if (!(peers >> e->peer & 1) || !counts(e, but))
			continue;
		if (!oldest || came_later(oldest, e))
			oldest = e;
	}
	return oldest;
}

const struct place *places_newest(
	const struct places *p, uint64_t user, uint32_t peers, struct im_str but)
{
	const struct place_user *u = user_find(p, user);
	const struct place *e, *newest = NULL;

	DL_FOREACH (u ? u->list : NULL, e) {
		if (peers >> e->peer & 1 && counts(e, but) && (!newest || is_later(e, newest)))
			newest = e;
	}
	return newest;
}

/* -- those that came when not all could be counted -- */

static bool is_uncounted(const struct place *e)
{
	return e->uncounted && e->end == PLACE_STAYS;
}

static struct place *newest_uncounted(const struct place_user *u)
{
	struct place *e, *newest = NULL;

	DL_FOREACH (u ? u->list : NULL, e)
		if (is_uncounted(e) && (!newest || came_later(e, newest)))
			newest = e;
	return newest;
}

struct place *places_uncounted(const struct places *p, uint64_t user)
{
	return newest_uncounted(user_find(p, user));
}

int places_each_uncounted(struct places *p, places_fn fn, void *arg)
{
	const struct place_user *u, *tmp;
	struct place *e;
	int rc = IM_OK;

	HASH_ITER (hh, p->users, u, tmp) {
		e = newest_uncounted(u);
		rc = e ? fn(arg, e) : IM_OK;
		if (rc)
			break;
	}
	return rc;
}

void places_all_counted(struct places *p)
{
	struct place *e, *tmp;

	HASH_ITER (hh, p->all, e, tmp)
		e->uncounted = 0;
}

/* -- who has to go -- */

void places_end(struct places *p, struct place *e, unsigned end, unsigned winner)
{
	if (e->end != PLACE_STAYS)
		return;
	e->end = (uint8_t)end;
	e->winner = (uint8_t)winner;
	e->ended = true;
	touch(p, e);
}

void places_end_user(struct places *p, uint64_t user, struct im_str device, unsigned end)
{
	const struct place_user *u = device.n ? NULL : user_find(p, user);
	struct place *e;

	DL_FOREACH (u ? u->list : NULL, e)
		places_end(p, e, end, 0);
	for (unsigned i = 0; i < IM_PEERS_MAX && device.n; i++) {
		e = places_find(p, i, device);
		if (e && e->user == user)
			places_end(p, e, end, 0);
	}
}

void places_settle(struct places *p, bool committed)
{
	struct place *next;

	for (struct place *e = p->open; e; e = next) {
		next = e->open_next;
		if (!committed && e->ended) {
			e->end = PLACE_STAYS;
			e->winner = 0;
		}
		e->ended = false;
		e->fresh &= !committed;
		if (!e->fresh)
			untouch(p, e);
	}
}

size_t places_count(const struct places *p)
{
	return p->n;
}
