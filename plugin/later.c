/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting logins: from admit.c to the threads, and from the threads to the broker. hooks.c calls at
 * TICK, the only place from which the broker may be told.
 */
#include "plugin/later.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/hash.h"
#include "common/limits.h"
#include "plugin/hashers.h"
#include "plugin/lru.h"

#define ADDRESS_MAX 64
/* A client id that gave a wrong password does not wait again for so long. */
#define WRONG_US INT64_C(600000000)
/* Without a TICK for so long waiting for one is in vain. */
#define TICKLESS_US INT64_C(2000000)

struct waiting {
	struct hash_job job; /* first: what the threads hand back */
	struct auth_hash hash;
	const struct mosquitto *client;
	char uid[IM_UID_MAX], device[IM_DEVICE_MAX + 1], address[ADDRESS_MAX];
	uint8_t uid_n, address_n;
	uint32_t behind; /* so many of its address waited before it */
	bool v5, clean, hearsay;
	int keepalive_s;
	bool gone;
	bool refused; /* uthash had no memory for it */
	UT_hash_handle hh_client, hh_device;
	struct waiting *prev, *next;
};

struct later {
	void (*complete)(const char *device, int result);
	struct mosquitto *(*client)(const char *device);
	struct hashers *hashers;
	struct waiting *all; /* the oldest first */
	struct waiting *by_client, *by_device;
	struct lru *wrong; /* until when, by client id */
	uint32_t n;
};

/* dlsym gives data pointers; POSIX promises that this conversion works. */
static bool look_up(const char *name, void *fn, size_t n)
{
	void *sym = dlsym(RTLD_DEFAULT, name);

	if (sym)
		memcpy(fn, &sym, n);
	return sym != NULL;
}

int later_open(struct plugin *p, struct im_buf *why)
{
	struct later *l = calloc(1, sizeof(*l));

	if (!l)
		return IM_E_NOMEM;
	if (!p->newer || !p->opt.auth_threads ||
		!look_up("mosquitto_complete_basic_auth", &l->complete, sizeof(l->complete)) ||
		!look_up("mosquitto_client", &l->client, sizeof(l->client))) {
		free(l);
		return IM_OK;
	}
	p->later = l;
	p->ticked_us = clock_mono_us(&p->clock);
	l->wrong = lru_new(&p->key, IM_CACHE_ADDRESSES, sizeof(int64_t));
	l->hashers = hashers_new((unsigned)p->opt.auth_threads, &p->clock);
	if (l->wrong && l->hashers)
		return IM_OK;
	im_buf_z(why, "no thread for hashing passwords could be started: raise the limit of "
		      "threads, or set auth_threads 0");
	later_close(p);
	return IM_E_NOMEM;
}

/* ---- the waiting ---- */

static struct arrival who(const struct waiting *w)
{
	return (struct arrival){
		.client = w->client,
		.uid = {w->uid, w->uid_n},
		.device = im_str(w->device),
		.address = {w->address, w->address_n},
		.v5 = w->v5,
		.clean = w->clean,
		.hearsay = w->hearsay,
		.keepalive_s = w->keepalive_s,
	};
}

static void unindex(struct later *l, struct waiting *w)
{
	if (w->gone)
		return;
	HASH_DELETE(hh_client, l->by_client, w);
	HASH_DELETE(hh_device, l->by_device, w);
	w->gone = true;
}

static void drop(struct later *l, struct waiting *w)
{
	unindex(l, w);
	DL_DELETE(l->all, w);
	l->n--;
	explicit_bzero(w, sizeof(*w));
	free(w);
}

/* False: out of memory. */
static bool set_index(struct later *l, struct waiting *w)
{
	HASH_ADD(hh_client, l->by_client, client, sizeof(w->client), w);
	if (w->refused)
		return false;
	HASH_ADD_KEYPTR(hh_device, l->by_device, w->device, strlen(w->device), w);
	if (w->refused)
		HASH_DELETE(hh_client, l->by_client, w);
	return !w->refused;
}

void later_close(struct plugin *p)
{
	struct later *l = p->later;
	struct waiting *w, *tmp;

	if (!l)
		return;
	hashers_free(&l->hashers);
	DL_FOREACH_SAFE (l->all, w, tmp)
		drop(l, w);
	lru_free(&l->wrong);
	free(l);
	p->later = NULL;
}

uint32_t later_waiting(const struct plugin *p)
{
	return p->later ? p->later->n : 0;
}

/* 2.1.2 goes by the time of day: a clock that is set back by an hour stops TICK for that hour. On
 * an idle broker, where it may be rare, nobody is kept waiting by a password. */
static bool expects_tick(const struct plugin *p)
{
	return clock_wall_ms(&p->clock) >= p->ticked_ms &&
	       clock_mono_us(&p->clock) - p->ticked_us <= TICKLESS_US;
}

bool later_wants(struct plugin *p, const struct arrival *a)
{
	const int64_t *until_us;

	if (!p->later || !expects_tick(p))
		return false;
	until_us = lru_get(p->later->wrong, a->device.p, a->device.n);
	return !until_us || *until_us <= clock_mono_us(&p->clock);
}

/* How many of this address wait. */
static uint32_t same_address(const struct later *l, const struct auth_hash *h)
{
	const struct waiting *w;
	uint32_t n = 0;

	DL_FOREACH (l->all, w)
		n += w->hash.who.address == h->who.address;
	return n;
}

static bool has_room(const struct later *l, const struct auth_hash *h, uint32_t same)
{
	if (h->who.local)
		return l->n < IM_LOGINS_WAITING + IM_LOGINS_LOCAL;
	return l->n < IM_LOGINS_WAITING / 2 ||
	       (l->n < IM_LOGINS_WAITING && same < IM_LOGINS_WAITING / 2);
}

static int busy(struct plugin *p, const struct arrival *a, const struct auth_hash *h)
{
	struct auth_verdict no;

	auth_give_up(p->auth, h, BUDGET_OPEN, &no);
	p->stats.logins_busy++;
	admit_log_refusal(p, a, &no.no);
	return denial_code(no.no.kind, p->newer, a->v5);
}

int later_put(struct plugin *p, const struct arrival *a, const struct auth_login *login,
	const struct auth_hash *h)
{
	struct im_str address = {
		a->address.p, a->address.n < ADDRESS_MAX ? a->address.n : ADDRESS_MAX};
	struct session *old = clients_find(p->clients, a->client);
	struct later *l = p->later;
	uint32_t same = same_address(l, h);
	struct waiting *w;

	w = has_room(l, h, same) ? calloc(1, sizeof(*w)) : NULL;
	if (!w)
		return busy(p, a, h);
	/* A waiting client that goes leaves its will behind, and nobody has checked who it is: what
	 * a former client of this pointer was must not speak for it. */
	if (old)
		clients_drop(p->clients, old, clock_mono_us(&p->clock));
	w->hash = *h;
	w->behind = same;
	w->client = a->client;
	w->uid_n = (uint8_t)a->uid.n;
	w->address_n = (uint8_t)address.n;
	w->v5 = a->v5;
	w->clean = a->clean;
	w->hearsay = a->hearsay;
	w->keepalive_s = a->keepalive_s;
	memcpy(w->uid, a->uid.p, a->uid.n);
	memcpy(w->device, a->device.p, a->device.n);
	memcpy(w->address, address.n ? address.p : "", address.n);
	w->job.work = h->work;
	memcpy(w->job.password, login->password.p, login->password.n);
	w->job.password_n = login->password.n;
	if (!set_index(l, w)) {
		free(w);
		return busy(p, a, h);
	}
	DL_APPEND(l->all, w);
	l->n++;
	p->stats.logins_later++;
	hashers_put(l->hashers, &w->job, h->who.local);
	return COMPAT_ERR_AUTH_DELAYED;
}

void later_forget(struct plugin *p, const struct mosquitto *client, struct im_str device)
{
	struct later *l = p->later;
	struct waiting *w;

	if (!l || !l->n)
		return;
	HASH_FIND(hh_client, l->by_client, &client, sizeof(client), w);
	if (w)
		unindex(l, w);
	HASH_FIND(hh_device, l->by_device, device.p, device.n, w);
	if (w)
		unindex(l, w);
}

/* ---- answers ---- */

static void remember_wrong(struct plugin *p, struct im_str device)
{
	int64_t *until_us = lru_put(p->later->wrong, device.p, device.n);

	if (until_us)
		*until_us = clock_mono_us(&p->clock) + WRONG_US;
}

/* It is out of the index, because the broker asks about other clients from within complete(). */
static void answer(struct plugin *p, const struct waiting *w, const struct auth_verdict *v)
{
	const struct arrival a = who(w);
	struct later *l = p->later;

	if (admit_verdict(p, &a, v) != MOSQ_ERR_SUCCESS) {
		l->complete(w->device, MOSQ_ERR_AUTH);
		return;
	}
	l->complete(w->device, MOSQ_ERR_SUCCESS);
	if (l->client(w->device) != w->client) {
		p->stats.logins_gone++;
		admit_undo(p, w->client);
	}
}

static void finish(struct plugin *p, struct waiting *w, const struct auth_verdict *v)
{
	bool gone = w->gone;

	unindex(p->later, w);
	if (!gone)
		answer(p, w, v);
	else
		p->stats.logins_gone++;
	drop(p->later, w);
}

static void count_suspects(struct plugin *p)
{
	const struct waiting *w;
	uint32_t n = 0;

	DL_FOREACH (p->later->all, w)
		n += auth_rank(p->auth, &w->hash) >= BUDGET_SUSPECT;
	auth_suspects(p->auth, n);
}

/* Where more than so many come from one address, the others are given up last. */
#define SEVERAL 3

static void give_up_some(struct plugin *p, unsigned rank, bool several)
{
	struct later *l = p->later;
	struct waiting *w, *before;
	struct auth_verdict no;
	enum budget_bound bound;

	for (w = l->all ? l->all->prev : NULL; w; w = before) {
		before = w == l->all ? NULL : w->prev;
		if ((w->behind >= SEVERAL) != several || auth_rank(p->auth, &w->hash) != rank)
			continue;
		bound = auth_bound(p->auth, &w->hash);
		if (bound == BUDGET_OPEN || !hashers_withdraw(l->hashers, &w->job))
			continue;
		auth_give_up(p->auth, &w->hash, bound, &no);
		finish(p, w, &no);
	}
}

/* Once wrong ones have cost what they may, those that still wait are turned away unlooked at, like
 * those that come now: first those against whom most speaks, the newest first. All that the broker
 * can tell them now is that they are refused. */
static void give_up(struct plugin *p)
{
	for (unsigned rank = BUDGET_RANKS; rank-- > 0;) {
		give_up_some(p, rank, true);
		give_up_some(p, rank, false);
	}
}

void later_tick(struct plugin *p)
{
	struct hash_job *job;
	bool done = false, wrong = false;

	if (!p->later || !p->later->n)
		return;
	while ((job = hashers_take(p->later->hashers))) {
		struct waiting *w = (struct waiting *)job;
		const struct arrival a = who(w);
		struct auth_verdict v;

		auth_finish(p->auth, a.uid, &w->hash, job->result, job->took_us, &v);
		if (!v.accepted) {
			remember_wrong(p, a.device);
			wrong = true;
		}
		finish(p, w, &v);
		done = true;
	}
	if (!done)
		return;
	count_suspects(p);
	if (!wrong)
		return;
	give_up(p);
	count_suspects(p);
}
