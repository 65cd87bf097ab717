/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting logins: from admit.c to the threads, and from the threads to a queue of answers, which
 * hooks.c drains at TICK, the only place from which the broker may be told.
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
/* While so many wait, nobody's old hash is made anew: the threads have enough to do. */
#define FRESH_WAITING 32
/* Without a TICK for so long waiting for one is in vain. */
#define TICKLESS_US INT64_C(2000000)

struct waiting {
	struct hash_job job; /* first: what the threads hand back */
	struct auth_hash hash;
	struct auth_verdict verdict; /* once it is among the answers */
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
	struct waiting *all;      /* the oldest first */
	struct waiting *answers;  /* to be told, in order */
	struct waiting *answered; /* what was handed out last */
	struct waiting *by_client, *by_device;
	struct lru *wrong; /* until when, by client id */
	uint32_t n;        /* of all and answers */
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
	if (l->wrong)
		im_buf_z(why,
			"no thread for hashing passwords could be started: raise the limit of "
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

/* It is in no list. */
static void drop(struct later *l, struct waiting *w)
{
	unindex(l, w);
	explicit_bzero(w, sizeof(*w));
	free(w);
}

static void drop_all(struct later *l, struct waiting **list)
{
	struct waiting *w, *tmp;

	DL_FOREACH_SAFE (*list, w, tmp) {
		DL_DELETE(*list, w);
		drop(l, w);
	}
}

static void drop_answered(struct later *l)
{
	if (l->answered)
		drop(l, l->answered);
	l->answered = NULL;
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

	if (!l)
		return;
	hashers_free(&l->hashers);
	drop_all(l, &l->all);
	drop_all(l, &l->answers);
	drop_answered(l);
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

/* How many of this address wait; by a proxy, of this user. */
static uint32_t same_origin(const struct later *l, const struct budget_login *who)
{
	bool proxy = who->from == BUDGET_ADDRESS_PROXY;
	const struct waiting *w;
	uint32_t n = 0;

	DL_FOREACH (l->all, w)
		n += proxy ? w->hash.who.pair == who->pair : w->hash.who.address == who->address;
	return n;
}

static bool has_room(const struct later *l, const struct budget_login *who, uint32_t same)
{
	uint32_t all = IM_LOGINS_WAITING;

	if (who->from == BUDGET_ADDRESS_LOCAL)
		return l->n < IM_LOGINS_WAITING + IM_LOGINS_LOCAL;
	if (who->from == BUDGET_ADDRESS_PROXY)
		all = IM_LOGINS_WAITING / 100 * IM_LOGINS_PROXY_PERCENT;
	return l->n < IM_LOGINS_WAITING / 2 || (l->n < all && same < IM_LOGINS_WAITING / 2);
}

int later_put(struct plugin *p, const struct arrival *a, const struct auth_login *login,
	const struct auth_hash *h)
{
	struct im_str address = {
		a->address.p, a->address.n < ADDRESS_MAX ? a->address.n : ADDRESS_MAX};
	struct session *old = clients_find(p->clients, a->client);
	struct later *l = p->later;
	uint32_t same = same_origin(l, &h->who);
	struct waiting *w;

	w = has_room(l, &h->who, same) ? calloc(1, sizeof(*w)) : NULL;
	if (!w)
		return IM_E_FULL;
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
	if (l->n >= FRESH_WAITING)
		w->job.work.fresh.passes = 0;
	memcpy(w->job.password, login->password.p, login->password.n);
	w->job.password_n = login->password.n;
	if (!set_index(l, w)) {
		free(w);
		return IM_E_FULL;
	}
	DL_APPEND(l->all, w);
	l->n++;
	p->stats.logins_later++;
	hashers_put(l->hashers, &w->job, h->who.from == BUDGET_ADDRESS_LOCAL);
	return IM_OK;
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

/* It stays in the index until it is handed out: until then it may turn out to have gone. */
static void put_answer(struct later *l, struct waiting *w, const struct auth_verdict *v)
{
	w->verdict = *v;
	DL_DELETE(l->all, w);
	DL_APPEND(l->answers, w);
}

static void count_suspects(struct plugin *p)
{
	const struct waiting *w;
	int64_t prices = 0;

	DL_FOREACH (p->later->all, w)
		if (auth_rank(p->auth, &w->hash) >= BUDGET_SUSPECT)
			prices += w->hash.who.price;
	auth_suspects(p->auth, prices);
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
		put_answer(l, w, &no);
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

		auth_finish(p->auth, a.uid, &w->hash, &job->done, &v);
		/* A fault of the node says nothing of the client. */
		if (!v.accepted && v.no.kind != DENIAL_FAULT) {
			remember_wrong(p, a.device);
			wrong = true;
		}
		put_answer(p->later, w, &v);
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

bool later_next(struct plugin *p, struct later_answer *out)
{
	struct later *l = p->later;
	struct waiting *w;
	bool gone = true;

	if (!l)
		return false;
	drop_answered(l);
	while (gone && (w = l->answers)) {
		DL_DELETE(l->answers, w);
		l->n--;
		gone = w->gone;
		if (gone) {
			p->stats.logins_gone++;
			drop(l, w);
		}
	}
	if (gone)
		return false;
	/* Out of the index, because the broker asks about other clients while it is told. */
	unindex(l, w);
	l->answered = w;
	*out = (struct later_answer){who(w), w->verdict};
	return true;
}

bool later_tell(struct plugin *p, const struct later_answer *a, bool accepted)
{
	struct later *l = p->later;

	l->complete(a->who.device.p, accepted ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH);
	if (!accepted || l->client(a->who.device.p) == a->who.client)
		return true;
	p->stats.logins_gone++;
	return false;
}
