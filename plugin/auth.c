/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decides about a login. Called by admit.c for each BASIC_AUTH, and by later.c when a thread has
 * done the hashing. Knows nothing of client ids or sessions.
 *
 * Verifying a password takes about 15 ms: of the broker's only thread in 2.0. A login that was
 * right is remembered by a keyed hash of user and password, together with what it was checked
 * against; so a reconnect costs a microsecond, and a changed password makes the memory void.
 */
#include "auth.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../common/limits.h"
#include "../common/ratelimit.h"
#include "jwt.h"
#include "lru.h"

#define SECOND_US INT64_C(1000000)
/* What may be saved up: on a slow machine one hash takes a good part of a second, and one guess
 * from one address must not close the door for all others. */
#define SAVED_US (5 * SECOND_US)
#define SAVED_BY_ADDRESS_US SECOND_US

struct verified {
	uint64_t credential;
	int64_t expires_s;
	int64_t used_us;
};

struct auth {
	const struct options *o;
	struct directory *dir;
	const struct clock *clock;
	struct im_sipkey key;        /* of the cache: what leaves memory proves nothing */
	struct lru *verified;        /* 128-bit keyed hash of user and password */
	uint64_t token_credential;   /* of logins by token */
	struct jwt_verifier *tokens; /* NULL: not configured */
	struct im_ratelimit wrong;
	int64_t wrong_turn_us; /* what the broker has waited for in this turn */
	struct lru *wrong_by_address;
	struct im_buf scratch;
	uint8_t decoy[IM_PHC_DECOY];
	struct auth_stats stats;
};

int auth_new(const struct options *o, struct directory *d, const struct clock *c, struct auth **out,
	struct im_buf *why)
{
	struct auth *a = calloc(1, sizeof(*a));
	int ret = a ? IM_OK : IM_E_NOMEM;

	if (!ret) {
		a->o = o;
		a->dir = d;
		a->clock = c;
		im_buf_init(&a->scratch, 0);
		if (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key) ||
			getrandom(a->decoy, sizeof(a->decoy), 0) != sizeof(a->decoy) ||
			getrandom(&a->token_credential, sizeof(a->token_credential), 0) !=
				sizeof(a->token_credential))
			ret = IM_E_IO;
	}
	if (!ret) {
		a->wrong_by_address =
			lru_new(&a->key, IM_CACHE_ADDRESSES, sizeof(struct im_ratelimit));
		if (!a->wrong_by_address)
			ret = IM_E_NOMEM;
	}
	if (!ret && o->auth_cache) {
		a->verified = lru_new(&a->key, (uint32_t)o->auth_cache, sizeof(struct verified));
		if (!a->verified)
			ret = IM_E_NOMEM;
	}
	if (!ret && options_jwt(o))
		ret = jwt_verifier_new(o, &a->tokens, why);
	if (ret) {
		if (!why->n)
			im_buf_z(why,
				"preparing authentication failed: out of memory or randomness");
		auth_free(&a);
	}
	*out = a;
	return ret;
}

void auth_free(struct auth **a)
{
	if (!*a)
		return;
	lru_free(&(*a)->verified);
	lru_free(&(*a)->wrong_by_address);
	jwt_verifier_free(&(*a)->tokens);
	im_buf_free(&(*a)->scratch);
	free(*a);
	*a = NULL;
}

int auth_reload(struct auth *a, struct im_buf *why)
{
	struct jwt_verifier *v;
	int ret;

	if (!a->tokens)
		return IM_OK;
	ret = jwt_verifier_new(a->o, &v, why);
	if (ret)
		return ret;
	/* What the old key had verified has to be verified again. */
	if (!jwt_verifier_same(a->tokens, v))
		a->token_credential++;
	jwt_verifier_free(&a->tokens);
	a->tokens = v;
	return IM_OK;
}

static bool refuse(struct auth_verdict *out, const char *why)
{
	*out = (struct auth_verdict){.why = why};
	return false;
}

/* ---- the cache ---- */

struct cache_key {
	uint64_t h[2];
};

static bool cache_key(
	struct auth *a, struct im_str uid, struct im_str password, struct cache_key *out)
{
	im_buf_reset(&a->scratch);
	im_buf_str(&a->scratch, uid);
	im_buf_c(&a->scratch, '\0'); /* no uid holds one */
	im_buf_str(&a->scratch, password);
	if (a->scratch.failed)
		return false;
	im_siphash128(&a->key, a->scratch.p, a->scratch.n, out->h);
	memset(a->scratch.p, 0, a->scratch.n);
	return true;
}

static bool cache_hit(struct auth *a, const struct cache_key *k, uint64_t credential, int64_t now_s,
	int64_t now_us, int64_t *expires_s_out)
{
	struct verified *v = a->verified ? lru_get(a->verified, k, sizeof(*k)) : NULL;

	if (!v)
		return false;
	if (v->credential != credential || (v->expires_s && v->expires_s <= now_s) ||
		now_us - v->used_us > a->o->auth_cache_ttl * SECOND_US) {
		lru_del(a->verified, k, sizeof(*k));
		return false;
	}
	v->used_us = now_us;
	*expires_s_out = v->expires_s;
	a->stats.cached++;
	return true;
}

static void cache_put(struct auth *a, const struct cache_key *k, uint64_t credential,
	int64_t expires_s, int64_t now_us)
{
	struct verified *v = a->verified ? lru_put(a->verified, k, sizeof(*k)) : NULL;

	if (v)
		*v = (struct verified){credential, expires_s, now_us};
}

/* ---- what wrong ones may cost ---- */

/* One client's share of the address space: an IPv4 address, an IPv6 /64, else the text itself. What
 * a header says is counted apart: who writes another one's address there spends nothing of his. */
struct address_key {
	char bytes[1 + INET6_ADDRSTRLEN];
	size_t n;
};

static struct address_key address_key(const struct auth_login *l)
{
	struct address_key k = {.bytes = {l->hearsay ? 'h' : 'a'}};
	char z[INET6_ADDRSTRLEN];
	struct in6_addr six;
	size_t n = l->address.n < sizeof(z) ? l->address.n : sizeof(z) - 1;

	if (n)
		memcpy(z, l->address.p, n);
	z[n] = '\0';
	if (inet_pton(AF_INET6, z, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six)) {
		n = 8;
		memcpy(z, &six, n);
	}
	memcpy(k.bytes + 1, z, n);
	k.n = 1 + n;
	return k;
}

static void account_wrong(struct auth *a, const struct auth_login *login, int64_t took_us)
{
	int64_t now_us = clock_mono_us(a->clock);
	int64_t share_us = a->o->auth_wrong_share * SECOND_US / 100;
	const struct address_key key = address_key(login);
	struct im_ratelimit *l = lru_put(a->wrong_by_address, key.bytes, key.n);

	a->stats.wrong++;
	im_ratelimit_spend(&a->wrong, now_us, share_us, SAVED_US, took_us);
	if (l)
		im_ratelimit_spend(
			l, now_us, share_us / AUTH_WRONG_ADDRESSES, SAVED_BY_ADDRESS_US, took_us);
}

bool auth_throttled(struct auth *a, const struct auth_login *login)
{
	int64_t now_us = clock_mono_us(a->clock);
	const struct address_key key = address_key(login);
	const struct im_ratelimit *l = lru_get(a->wrong_by_address, key.bytes, key.n);

	if (a->wrong_turn_us < AUTH_WRONG_TURN_US &&
		im_ratelimit_open(&a->wrong, now_us, SAVED_US) &&
		(!l || im_ratelimit_open(l, now_us, SAVED_BY_ADDRESS_US)))
		return false;
	a->stats.throttled++;
	return true;
}

/* ---- passwords ---- */

const char *auth_absent(const struct directory_user *u)
{
	return u->gone ? AUTH_DELETED : AUTH_UNKNOWN;
}

/* One that was set when a password cost less is followed by what it lacks. One that cost more than
 * those of now does, for as long as it is not set again. */
static void set_pad(struct auth *a, struct im_phc_cost stored, struct im_phc_cost now, char *pad)
{
	int64_t lacks =
		(int64_t)now.memory_kib * now.passes - (int64_t)stored.memory_kib * stored.passes;
	struct im_phc_cost cost = {.passes = now.passes};

	if (lacks > 0)
		cost.memory_kib = (uint32_t)(lacks / now.passes);
	if (im_phc_decoy(a->decoy, cost, pad))
		pad[0] = '\0';
}

/* Whoever has no password that could be right costs what a wrong one costs. */
static void set_work(struct auth *a, struct im_str uid, struct auth_hash *h)
{
	struct im_buf *phc = &a->scratch;
	struct im_phc_cost stored, now;

	directory_password_cost(a->dir, &now);
	im_buf_reset(phc);
	h->comparable = h->comparable && directory_password(a->dir, uid, phc) == IM_OK &&
			im_phc_read(im_buf_view(phc), &stored);
	if (h->comparable) {
		memcpy(h->work.phc, phc->p, phc->n);
		h->work.phc[phc->n] = '\0';
		set_pad(a, stored, now, h->work.pad);
	} else if (im_phc_decoy(a->decoy, now, h->work.phc)) {
		h->work.phc[0] = '\0'; /* a cost that is none: nothing matches */
	}
}

/* Decided by the cache or a bound; or later, and *h says what is to be hashed, also when there is
 * nothing to compare with. */
static void begin_password(struct auth *a, const struct auth_login *l,
	const struct directory_user *u, bool exists, struct auth_hash *h, struct auth_verdict *out)
{
	struct cache_key key;
	int64_t expires_s = 0;

	if (l->password.n > IM_PASSWORD_MAX || !cache_key(a, l->uid, l->password, &key)) {
		(void)refuse(out, "password is too long");
		return;
	}
	*h = (struct auth_hash){
		.comparable = exists && u->has_password && !u->disabled,
		.credential = u->credential,
		.key = {key.h[0], key.h[1]},
		.why = !exists           ? auth_absent(u)
		       : u->disabled     ? "user is disabled"
		       : u->has_password ? "wrong password"
					 : "user has no password",
	};
	*out = (struct auth_verdict){.accepted = true, .credential = h->credential};
	if (h->comparable &&
		cache_hit(a, &key, h->credential, 0, clock_mono_us(a->clock), &expires_s))
		return;
	if (auth_throttled(a, l)) {
		(void)refuse(out, AUTH_THROTTLED);
		return;
	}
	set_work(a, l->uid, h);
	*out = (struct auth_verdict){.later = true};
}

void auth_finish(struct auth *a, const struct auth_login *l, const struct auth_hash *h, int result,
	int64_t took_us, struct auth_verdict *out)
{
	struct directory_user u;

	a->stats.hashed++;
	if (result == IM_E_NOMEM) {
		(void)refuse(out, "out of memory");
		return;
	}
	if (result || !h->comparable) {
		account_wrong(a, l, took_us);
		(void)refuse(out, h->why);
		return;
	}
	/* Hashed by a thread, it may be a password of yesterday. */
	if (directory_user(a->dir, l->uid, &u) || u.disabled || !u.has_password ||
		u.credential != h->credential) {
		(void)refuse(out, "user or password has changed meanwhile");
		return;
	}
	cache_put(a, &(struct cache_key){{h->key[0], h->key[1]}}, h->credential, 0,
		clock_mono_us(a->clock));
	*out = (struct auth_verdict){.accepted = true, .credential = h->credential};
}

/* ---- tokens ---- */

/* By which a token's login is remembered: not the same after the user was deleted and has come
 * back.
 */
static uint64_t token_credential(const struct auth *a, const struct directory_user *u)
{
	int64_t from_ms = u->tokens_from_ms;

	return from_ms ? a->token_credential ^ im_siphash(&a->key, &from_ms, sizeof(from_ms))
		       : a->token_credential;
}

/* A token for somebody who does not exist. */
static bool check_new(struct auth *a, const struct auth_login *l, const struct directory_user *u,
	struct auth_verdict *out)
{
	enum account_name is = ACCOUNT_FREE;

	if (u->gone || !a->o->jwt_auto_create)
		return refuse(out, auth_absent(u));
	if (directory_new_name(a->dir, l->uid, &is))
		return refuse(out, "directory.db cannot be read");
	if (is == ACCOUNT_RESERVED)
		return refuse(out, "the name is reserved");
	if (is == ACCOUNT_GONE)
		return refuse(out, AUTH_DELETED);
	return is == ACCOUNT_FREE || refuse(out, AUTH_UNKNOWN);
}

static bool check_token(struct auth *a, const struct auth_login *l, const struct directory_user *u,
	bool exists, struct auth_verdict *out)
{
	int64_t now_s = clock_wall_ms(a->clock) / 1000;
	int64_t now_us = clock_mono_us(a->clock);
	struct cache_key key;
	int64_t expires_s = 0, took_us;
	uint64_t credential = token_credential(a, u);
	const char *why;
	int ret;

	if (!cache_key(a, l->uid, l->password, &key))
		return refuse(out, "out of memory");
	if (!cache_hit(a, &key, credential, now_s, now_us, &expires_s)) {
		if (auth_throttled(a, l))
			return refuse(out, AUTH_THROTTLED);
		a->stats.tokens++;
		ret = jwt_check(a->tokens, l->password, l->uid, now_s,
			(u->tokens_from_ms + 999) / 1000, &expires_s, &why);
		if (ret) {
			took_us = clock_mono_us(a->clock) - now_us;
			a->wrong_turn_us += took_us;
			account_wrong(a, l, took_us);
			return refuse(out, ret == IM_E_NOMEM ? "out of memory" : why);
		}
		cache_put(a, &key, credential, expires_s, now_us);
	}
	if (exists && u->disabled)
		return refuse(out, "user is disabled");
	if (!exists && !check_new(a, l, u, out))
		return false;
	*out = (struct auth_verdict){
		.accepted = true,
		.create = !exists,
		.expires_s = expires_s,
		.credential = credential,
	};
	return true;
}

void auth_begin(
	struct auth *a, const struct auth_login *l, struct auth_verdict *out, struct auth_hash *h)
{
	struct directory_user u;
	int ret = directory_user(a->dir, l->uid, &u);

	if (ret && ret != IM_E_NONE)
		(void)refuse(out, "directory.db cannot be read");
	else if (!l->password.p)
		(void)refuse(out, "no password");
	else if (a->tokens && jwt_looks_like(l->password))
		(void)check_token(a, l, &u, !ret, out);
	else
		begin_password(a, l, &u, !ret, h, out);
}

void auth_check(struct auth *a, const struct auth_login *l, struct auth_verdict *out)
{
	struct auth_hash h;
	int64_t began_us, took_us;
	int result;

	auth_begin(a, l, out, &h);
	if (!out->later)
		return;
	began_us = clock_mono_us(a->clock);
	result = hash_work_run(&h.work, l->password);
	took_us = clock_mono_us(a->clock) - began_us;
	auth_finish(a, l, &h, result, took_us, out);
	if (!out->accepted)
		a->wrong_turn_us += took_us;
}

void auth_turn(struct auth *a)
{
	a->wrong_turn_us = 0;
}

bool auth_still_valid(struct auth *a, struct im_str uid, uint64_t credential, int64_t expires_s)
{
	struct directory_user u;

	if (directory_user(a->dir, uid, &u) || u.disabled)
		return false;
	if (expires_s)
		return credential == token_credential(a, &u) &&
		       expires_s > clock_wall_ms(a->clock) / 1000;
	return u.has_password && credential == u.credential;
}

const struct auth_stats *auth_stats(const struct auth *a)
{
	return &a->stats;
}
