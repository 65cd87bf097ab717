/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decides about a login. Called by admit.c for each BASIC_AUTH, and by later.c when a thread has
 * done the hashing. Knows nothing of client ids or sessions. What would be expensive is asked of
 * budget.c first, tokens of one and passwords of another, so that neither pays for the other.
 *
 * Verifying a password takes about 15 ms: of the broker's only thread in 2.0. A login that was
 * right is remembered by a keyed hash of user and password, together with what it was checked
 * against; so a reconnect costs a microsecond, and a changed password makes the memory void.
 */
#include "plugin/auth.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/limits.h"
#include "plugin/comparison.h"
#include "plugin/jwt.h"
#include "plugin/origin.h"
#include "plugin/remembered.h"

#define SECOND_US INT64_C(1000000)
/* Until some have been measured: a hash with the default parameters, a signature of ES256. */
#define PASSWORD_US 15000
#define SIGNATURE_US 100

/* What the broker has waited for in this turn of its loop. */
struct turn {
	int64_t suspects_us, others_us;
	unsigned suspects; /* looks */
};

struct auth {
	const struct options *o;
	struct lookup *lookup;
	const struct clock *clock;
	struct im_sipkey key;
	struct remembered *remembered;
	struct jwt_keys *keys; /* NULL: tokens are not configured */
	struct budget *passwords, *signatures;
	struct turn passwords_turn, signatures_turn;
	int64_t fresh_from_us; /* when the next old hash may be made anew */
	struct comparison *comparison;
	struct auth_stats stats;
};

static int make_parts(struct auth *a, struct im_buf *why)
{
	int64_t share_us = a->o->auth_wrong_share * SECOND_US / 100;
	const struct budget_settings passwords = {share_us, PASSWORD_US};
	const struct budget_settings signatures = {share_us / AUTH_TOKENS_PART, SIGNATURE_US};
	int ret;

	if (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key))
		return IM_E_IO;
	ret = comparison_new(a->lookup, &a->comparison);
	if (ret)
		return ret;
	a->passwords = budget_new(&a->key, &passwords);
	a->signatures = budget_new(&a->key, &signatures);
	a->remembered = remembered_new(
		&a->key, (uint32_t)a->o->auth_cache, a->o->auth_cache_ttl * SECOND_US);
	if (!a->passwords || !a->signatures || !a->remembered)
		return IM_E_NOMEM;
	return options_jwt(a->o) ? jwt_keys_load(a->o, &a->key, &a->keys, why) : IM_OK;
}

int auth_new(const struct options *o, struct lookup *l, const struct clock *c, struct auth **out,
	struct im_buf *why)
{
	struct auth *a = calloc(1, sizeof(*a));
	int ret = IM_E_NOMEM;

	*out = NULL;
	if (a) {
		a->o = o;
		a->lookup = l;
		a->clock = c;
		ret = make_parts(a, why);
	}
	if (ret && !why->n)
		im_buf_z(why, "preparing authentication failed: out of memory or randomness");
	if (ret && a)
		auth_free(&a);
	*out = a;
	return ret;
}

void auth_free(struct auth **a)
{
	if (!*a)
		return;
	remembered_free(&(*a)->remembered);
	budget_free(&(*a)->passwords);
	budget_free(&(*a)->signatures);
	jwt_keys_free(&(*a)->keys);
	comparison_free(&(*a)->comparison);
	free(*a);
	*a = NULL;
}

int auth_reload(struct auth *a, struct im_buf *why)
{
	struct jwt_keys *fresh;
	int ret;

	if (!a->keys)
		return IM_OK;
	ret = jwt_keys_load(a->o, &a->key, &fresh, why);
	if (ret)
		return ret;
	jwt_keys_free(&a->keys);
	a->keys = fresh;
	return IM_OK;
}

int auth_keys(const struct auth *a)
{
	return a->keys ? (int)jwt_keys_count(a->keys) : -1;
}

static bool refuse(struct auth_verdict *out, const char *why)
{
	*out = (struct auth_verdict){.no = {DENIAL_LASTING, why}};
	return false;
}

static bool fault(struct auth_verdict *out, const char *why)
{
	*out = (struct auth_verdict){.no = {DENIAL_FAULT, why}};
	return false;
}

/* What the directory did not answer: neither yes nor no. */
static bool unknown(struct auth_verdict *out, int ret)
{
	return fault(out, ret == IM_E_NOMEM ? "out of memory" : "directory.db cannot be read");
}

static void put_off(struct auth_verdict *out, const char *why)
{
	*out = (struct auth_verdict){.no = {DENIAL_BUSY, why}};
}

/* ---- those that are remembered ---- */

/* On the broker's only thread everybody waits for it. */
static bool fresh_may_be_made(const struct auth *a)
{
	return clock_mono_us(a->clock) >= a->fresh_from_us &&
	       a->passwords_turn.others_us < AUTH_OTHERS_TURN_US;
}

static void fresh_was_made(struct auth *a, int64_t took_us)
{
	a->fresh_from_us = clock_mono_us(a->clock) + (AUTH_FRESH_PART - 1) * took_us;
}

/* One whose hash is an old one still is compared again, now and then, when that costs nobody
 * anything. */
static bool is_looked_at(struct auth *a, const struct auth_login *l, const struct auth_hash *h)
{
	int64_t now_us = clock_mono_us(a->clock);

	if (!l->idle || !fresh_may_be_made(a) ||
		budget_ask(a->passwords, &h->who, now_us) != BUDGET_OPEN)
		return false;
	fresh_was_made(a, PASSWORD_US * h->who.price / BUDGET_ORDINARY);
	return true;
}

static bool remembers_password(struct auth *a, const struct auth_login *l, struct auth_hash *h)
{
	const struct remembered_login *r =
		remembered_get(a->remembered, &h->key, clock_mono_us(a->clock));

	if (r && r->credential == h->credential) {
		h->who.price = r->stale_price;
		if (r->stale_price && is_looked_at(a, l, h))
			return false;
		a->stats.cached++;
		return true;
	}
	if (r)
		remembered_drop(a->remembered, &h->key);
	return false;
}

/* A key's fingerprint as the logins of this user's tokens hold it, and back: another one after the
 * user was deleted and has come back. */
static uint64_t of_user(const struct auth *a, const struct lookup_user *u, uint64_t fingerprint)
{
	int64_t from_ms = u->tokens_from_ms;

	return from_ms ? fingerprint ^ im_siphash(&a->key, &from_ms, sizeof(from_ms)) : fingerprint;
}

/* True, and when it ends and by which key. */
static bool remembers_token(struct auth *a, const struct remembered_key *k,
	const struct lookup_user *u, int64_t now_s, struct remembered_login *out)
{
	const struct remembered_login *r =
		remembered_get(a->remembered, k, clock_mono_us(a->clock));

	if (r && r->expires_s > now_s && jwt_keys_have(a->keys, of_user(a, u, r->credential))) {
		*out = *r;
		a->stats.cached++;
		return true;
	}
	if (r)
		remembered_drop(a->remembered, k);
	return false;
}

static void remember(
	struct auth *a, const struct remembered_key *k, const struct remembered_login *login)
{
	remembered_put(a->remembered, k, login, clock_mono_us(a->clock));
}

/* ---- what wrong ones may cost ---- */

static struct budget_login login_of(const struct auth *a, const struct budget *b,
	const struct auth_login *l, const struct lookup_user *u)
{
	const struct origin o = origin_of(a->o, l->address, l->hearsay, u->role == IM_ROLE_ADMIN);

	return budget_login(b, l->uid, (struct im_str){o.key.bytes, o.key.n}, o.from);
}

/* What the log says of each bound: of passwords, and of signatures. */
static const char *const throttled[2][BUDGET_BOUNDS] = {
	{
		[BUDGET_PAIR] = "throttled: too many wrong passwords for this user and address",
		[BUDGET_ADDRESS] = "throttled: too many wrong passwords from this address",
		[BUDGET_LOCAL] = "throttled: too many wrong passwords of local administrators",
		[BUDGET_ALL] = "throttled: too many wrong passwords in all",
		[BUDGET_TURN] = "throttled: too many wrong passwords at once",
	},
	{
		[BUDGET_PAIR] = "throttled: too many wrong tokens for this user and address",
		[BUDGET_ADDRESS] = "throttled: too many wrong tokens from this address",
		[BUDGET_LOCAL] = "throttled: too many wrong tokens of local administrators",
		[BUDGET_ALL] = "throttled: too many wrong tokens in all",
		[BUDGET_TURN] = "throttled: too many wrong tokens at once",
	},
};

static void turn_away(
	struct auth *a, const struct budget *b, enum budget_bound bound, struct auth_verdict *out)
{
	uint64_t *const of[BUDGET_BOUNDS] = {
		[BUDGET_OPEN] = &a->stats.throttled_all, /* never */
		[BUDGET_PAIR] = &a->stats.throttled_pair,
		[BUDGET_ADDRESS] = &a->stats.throttled_address,
		[BUDGET_LOCAL] = &a->stats.throttled_address,
		[BUDGET_ALL] = &a->stats.throttled_all,
		[BUDGET_TURN] = &a->stats.throttled_all,
	};
	bool tokens = b == a->signatures;

	a->stats.throttled++;
	++*(tokens ? &a->stats.throttled_tokens : of[bound]);
	put_off(out, throttled[tokens][bound]);
}

static struct turn *turn_of(struct auth *a, const struct budget *b)
{
	return b == a->passwords ? &a->passwords_turn : &a->signatures_turn;
}

static bool turn_is_over(struct auth *a, const struct budget *b, unsigned rank)
{
	const struct turn *t = turn_of(a, b);

	if (rank < BUDGET_SUSPECT)
		return t->others_us >= AUTH_OTHERS_TURN_US;
	/* One look on a busy machine may take as long. It does not keep out a user against whom
	 * nothing speaks but the address. */
	return t->suspects_us >= AUTH_SUSPECTS_TURN_US &&
	       (t->suspects > 1 || rank > BUDGET_SUSPECT);
}

static void count_turn(struct auth *a, const struct budget *b, unsigned rank, int64_t took_us)
{
	struct turn *t = turn_of(a, b);

	*(rank >= BUDGET_SUSPECT ? &t->suspects_us : &t->others_us) += took_us;
	t->suspects += rank >= BUDGET_SUSPECT;
}

/* True, and *out says why: nobody looks at it now. */
static bool throttles(
	struct auth *a, struct budget *b, const struct budget_login *who, struct auth_verdict *out)
{
	int64_t now_us = clock_mono_us(a->clock);
	enum budget_bound bound = budget_ask(b, who, now_us);

	if (bound == BUDGET_OPEN && who->from != BUDGET_ADDRESS_LOCAL &&
		turn_is_over(a, b, budget_rank(b, who, now_us)))
		bound = BUDGET_TURN;
	if (bound == BUDGET_OPEN)
		return false;
	budget_refused(b, who, now_us);
	turn_away(a, b, bound, out);
	return true;
}

/* ---- passwords ---- */

static const char *absent(const struct lookup_user *u)
{
	return u->gone ? AUTH_DELETED : AUTH_UNKNOWN;
}

/* Decided by the cache or a bound; or later, and *h says what is to be hashed, also when there is
 * nothing to compare with. */
static void begin_password(struct auth *a, const struct auth_login *l, const struct lookup_user *u,
	bool exists, struct auth_hash *h, struct auth_verdict *out)
{
	struct remembered_key key;
	int ret;

	if (l->password.n > IM_PASSWORD_MAX) {
		(void)refuse(out, "password is too long");
		return;
	}
	if (!remembered_hash(a->remembered, l->uid, l->password, &key)) {
		(void)fault(out, "out of memory");
		return;
	}
	*h = (struct auth_hash){
		.comparable = exists && u->has_password && !u->disabled,
		.credential = u->credential,
		.key = key,
		.why = !exists           ? absent(u)
		       : u->disabled     ? "user is disabled"
		       : u->has_password ? "wrong password"
					 : "user has no password",
		.who = login_of(a, a->passwords, l, u),
	};
	if (h->comparable && remembers_password(a, l, h)) {
		*out = (struct auth_verdict){
			.accepted = true, .credential = h->credential, .password = h->credential};
		return;
	}
	if (throttles(a, a->passwords, &h->who, out))
		return;
	ret = comparison_plan(
		a->comparison, l->uid, l->alone, &h->comparable, &h->work, &h->which, &h->why);
	if (ret) {
		(void)unknown(out, ret);
		return;
	}
	h->stale = h->work.fresh.passes != 0;
	h->who.price = h->work.price;
	if (h->who.price > BUDGET_ORDINARY && throttles(a, a->passwords, &h->who, out))
		return;
	budget_begin(a->passwords, h->who.price);
	*out = (struct auth_verdict){.later = true};
}

/* Comes in, and by what. */
static void let_in(struct auth *a, const struct auth_hash *h, const struct hash_done *done,
	struct auth_verdict *out)
{
	const struct remembered_login login = {.credential = h->credential,
		.stale_price = h->stale && !done->fresh[0] ? h->work.price : 0};

	remember(a, &h->key, &login);
	*out = (struct auth_verdict){
		.accepted = true, .credential = h->credential, .password = h->credential};
	if (!done->fresh[0])
		return;
	a->stats.fresh++;
	out->fresh.which = h->which;
	memcpy(out->fresh.phc, done->fresh, sizeof(out->fresh.phc));
}

void auth_finish(struct auth *a, struct im_str uid, const struct auth_hash *h,
	const struct hash_done *done, struct auth_verdict *out)
{
	struct lookup_user u;
	int ret;

	a->stats.hashed++;
	if (done->result == IM_E_NOMEM) {
		budget_given_up(a->passwords, h->who.price);
		(void)fault(out, "out of memory");
		return;
	}
	if (done->result || !h->comparable) {
		a->stats.wrong++;
		budget_wrong(a->passwords, &h->who, clock_mono_us(a->clock), done->took_us);
		(void)refuse(out, h->why);
		return;
	}
	budget_right(a->passwords, h->who.price);
	/* Hashed by a thread, it may be a password of yesterday. */
	ret = lookup_user(a->lookup, uid, &u);
	if (ret && ret != IM_E_NONE) {
		(void)unknown(out, ret);
		return;
	}
	if (ret || u.disabled || !u.has_password || u.credential != h->credential) {
		(void)refuse(out, "user or password has changed meanwhile");
		return;
	}
	let_in(a, h, done, out);
}

enum budget_bound auth_bound(const struct auth *a, const struct auth_hash *h)
{
	return budget_ask_again(a->passwords, &h->who, clock_mono_us(a->clock));
}

void auth_give_up(struct auth *a, const struct auth_hash *h, enum budget_bound bound,
	struct auth_verdict *out)
{
	budget_given_up(a->passwords, h->who.price);
	budget_refused(a->passwords, &h->who, clock_mono_us(a->clock));
	if (bound != BUDGET_OPEN)
		turn_away(a, a->passwords, bound, out);
	else
		put_off(out, "too many logins wait for their passwords to be checked");
}

unsigned auth_rank(const struct auth *a, const struct auth_hash *h)
{
	return budget_rank(a->passwords, &h->who, clock_mono_us(a->clock));
}

void auth_suspects(struct auth *a, int64_t prices)
{
	budget_suspects(a->passwords, prices);
}

/* ---- tokens ---- */

/* NULL: the signature is right; or *out says why not. */
static bool check_signature(struct auth *a, const struct auth_login *l, const struct lookup_user *u,
	const struct jwt_token *t, struct auth_verdict *out)
{
	const struct budget_login who = login_of(a, a->signatures, l, u);
	int64_t now_us = clock_mono_us(a->clock), took_us;
	unsigned rank;
	int ret;

	if (throttles(a, a->signatures, &who, out))
		return false;
	rank = budget_rank(a->signatures, &who, now_us);
	took_us = -clock_cpu_us(a->clock);
	budget_begin(a->signatures, who.price);
	a->stats.tokens++;
	ret = jwt_verify(t);
	took_us += clock_cpu_us(a->clock);
	if (ret == IM_OK) {
		budget_right(a->signatures, who.price);
		return true;
	}
	if (ret == IM_E_NOMEM) {
		budget_given_up(a->signatures, who.price);
		return fault(out, "out of memory");
	}
	a->stats.wrong++;
	count_turn(a, a->signatures, rank, took_us);
	budget_wrong(a->signatures, &who, now_us, took_us);
	return refuse(out, "token's signature is wrong");
}

/* A token for somebody who does not exist. */
static bool check_new(struct auth *a, const struct auth_login *l, const struct lookup_user *u,
	struct auth_verdict *out)
{
	enum account_name is = ACCOUNT_FREE;
	int ret;

	if (u->gone || !a->o->jwt_auto_create)
		return refuse(out, absent(u));
	ret = lookup_new_name(a->lookup, l->uid, &is);
	if (ret)
		return unknown(out, ret);
	if (is == ACCOUNT_RESERVED)
		return refuse(out, "the name is reserved");
	if (is == ACCOUNT_GONE)
		return refuse(out, AUTH_DELETED);
	return is == ACCOUNT_FREE || refuse(out, AUTH_UNKNOWN);
}

static bool check_token(struct auth *a, const struct auth_login *l, const struct lookup_user *u,
	bool exists, struct auth_verdict *out)
{
	int64_t now_s = clock_wall_ms(a->clock) / 1000;
	int64_t from_s = (u->tokens_from_ms + 999) / 1000;
	struct remembered_login login;
	struct remembered_key key;
	struct jwt_token t;
	const char *why;
	int ret;

	if (!remembered_hash(a->remembered, l->uid, l->password, &key))
		return fault(out, "out of memory");
	if (!remembers_token(a, &key, u, now_s, &login)) {
		ret = jwt_read(a->keys, a->o, l->password, l->uid, now_s, from_s, &t, &why);
		if (ret)
			return ret == IM_E_NOMEM ? fault(out, "out of memory") : refuse(out, why);
		if (!check_signature(a, l, u, &t, out))
			return false;
		login = (struct remembered_login){
			.credential = of_user(a, u, t.key->fingerprint), .expires_s = t.expires_s};
		remember(a, &key, &login);
	}
	if (exists && u->disabled)
		return refuse(out, "user is disabled");
	if (!exists && !check_new(a, l, u, out))
		return false;
	*out = (struct auth_verdict){
		.accepted = true,
		.create = !exists,
		.expires_s = login.expires_s,
		.credential = login.credential,
		.password = u->credential,
	};
	return true;
}

void auth_begin(
	struct auth *a, const struct auth_login *l, struct auth_verdict *out, struct auth_hash *h)
{
	struct lookup_user u;
	int ret = lookup_user(a->lookup, l->uid, &u);

	*h = (struct auth_hash){0};
	if (ret && ret != IM_E_NONE)
		(void)unknown(out, ret);
	else if (!l->password.p)
		(void)refuse(out, "no password");
	else if (a->keys && jwt_looks_like(l->password))
		(void)check_token(a, l, &u, !ret, out);
	else
		begin_password(a, l, &u, !ret, h, out);
}

void auth_check(struct auth *a, const struct auth_login *l, struct auth_verdict *out)
{
	bool fresh = fresh_may_be_made(a);
	const struct auth_login me = {l->uid, l->password, l->address, l->hearsay, l->idle, true};
	struct auth_hash h;
	struct hash_done done;
	unsigned rank;

	auth_begin(a, &me, out, &h);
	if (!out->later)
		return;
	rank = auth_rank(a, &h);
	if (!fresh)
		h.work.fresh.passes = 0;
	hash_work_run(&h.work, l->password, a->clock, &done);
	auth_finish(a, l->uid, &h, &done, out);
	if (done.fresh[0])
		fresh_was_made(a, done.took_us);
	if (!out->accepted && out->no.kind != DENIAL_FAULT)
		count_turn(a, a->passwords, rank, done.took_us);
}

void auth_renew(struct auth *a, const struct auth_login *l, struct auth_verdict *out)
{
	struct lookup_user u;
	int ret = lookup_user(a->lookup, l->uid, &u);

	if (ret && ret != IM_E_NONE)
		(void)unknown(out, ret);
	else if (!a->keys || !jwt_looks_like(l->password))
		(void)refuse(out, "it is no token");
	else
		(void)check_token(a, l, &u, !ret, out);
}

void auth_turn(struct auth *a)
{
	a->passwords_turn = a->signatures_turn = (struct turn){0};
}

bool auth_still_valid(struct auth *a, struct im_str uid, const struct auth_verdict *v)
{
	struct lookup_user u;

	if (lookup_user(a->lookup, uid, &u) || u.disabled || u.credential != v->password)
		return false;
	if (v->expires_s)
		return a->keys && jwt_keys_have(a->keys, of_user(a, &u, v->credential)) &&
		       v->expires_s > clock_wall_ms(a->clock) / 1000;
	return u.has_password && v->credential == u.credential;
}

const struct auth_stats *auth_stats(const struct auth *a)
{
	return &a->stats;
}
