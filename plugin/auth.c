/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decides about a login. Called by admit.c for each BASIC_AUTH, and by later.c when a thread has
 * done the hashing. Knows nothing of client ids or sessions. A token is tokens.c's; a password is
 * looked at here. What would be expensive is asked of throttle.c first.
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
#include "plugin/remembered.h"
#include "plugin/throttle.h"
#include "plugin/tokens.h"

#define SECOND_US INT64_C(1000000)

struct auth {
	const struct options *o;
	struct lookup *lookup;
	const struct clock *clock;
	struct im_sipkey key;
	struct remembered *remembered;
	struct tokens *tokens;     /* NULL: they are not configured */
	struct throttle passwords; /* what wrong ones may cost */
	int64_t fresh_from_us;     /* when the next old hash may be made anew */
	struct comparison *comparison;
	struct auth_stats stats;
};

static int make_tokens(struct auth *a, struct im_buf *why)
{
	const struct tokens_parts p = {.o = a->o,
		.lookup = a->lookup,
		.clock = a->clock,
		.remembered = a->remembered,
		.stats = &a->stats,
		.key = a->key};

	return options_jwt(a->o) ? tokens_new(&p, &a->tokens, why) : IM_OK;
}

static int make_parts(struct auth *a, struct im_buf *why)
{
	int ret;

	if (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key))
		return IM_E_IO;
	ret = comparison_new(a->lookup, &a->comparison);
	if (!ret)
		ret = throttle_init(
			&a->passwords, THROTTLE_PASSWORDS, a->o, a->clock, &a->key, &a->stats);
	if (ret)
		return ret;
	a->remembered = remembered_new(
		&a->key, (uint32_t)a->o->auth_cache, a->o->auth_cache_ttl * SECOND_US);
	return a->remembered ? make_tokens(a, why) : IM_E_NOMEM;
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
	throttle_clear(&(*a)->passwords);
	tokens_free(&(*a)->tokens);
	comparison_free(&(*a)->comparison);
	free(*a);
	*a = NULL;
}

int auth_reload(struct auth *a, struct im_buf *why)
{
	return a->tokens ? tokens_reload(a->tokens, why) : IM_OK;
}

int auth_keys(const struct auth *a)
{
	return a->tokens ? (int)tokens_keys(a->tokens) : -1;
}

/* ---- those that are remembered ---- */

/* On the broker's only thread everybody waits for it. */
static bool fresh_may_be_made(const struct auth *a)
{
	return clock_mono_us(a->clock) >= a->fresh_from_us && throttle_has_time(&a->passwords);
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
		budget_ask(a->passwords.budget, &h->who, now_us) != BUDGET_OPEN)
		return false;
	fresh_was_made(a, THROTTLE_PASSWORD_US * h->who.price / BUDGET_ORDINARY);
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

/* ---- passwords ---- */

/* Decided by the cache or a bound; or later, and *h says what is to be hashed, also when there is
 * nothing to compare with. */
static void begin_password(struct auth *a, const struct auth_login *l, const struct lookup_user *u,
	bool exists, struct auth_hash *h, struct auth_verdict *out)
{
	struct remembered_key key;
	int ret;

	if (l->password.n > IM_PASSWORD_MAX) {
		(void)verdict_refuse(out, "password is too long");
		return;
	}
	if (!remembered_hash(a->remembered, l->uid, l->password, &key)) {
		(void)verdict_fault(out, "out of memory");
		return;
	}
	*h = (struct auth_hash){
		.comparable = exists && u->has_password && !u->disabled,
		.credential = u->credential,
		.key = key,
		.why = !exists           ? verdict_absent(u)
		       : u->disabled     ? "user is disabled"
		       : u->has_password ? "wrong password"
					 : "user has no password",
		.who = throttle_login(&a->passwords, l, u),
	};
	if (h->comparable && remembers_password(a, l, h)) {
		*out = (struct auth_verdict){
			.accepted = true, .credential = h->credential, .password = h->credential};
		return;
	}
	if (throttle_refuses(&a->passwords, &h->who, out))
		return;
	ret = comparison_plan(
		a->comparison, l->uid, l->alone, &h->comparable, &h->work, &h->which, &h->why);
	if (ret) {
		(void)verdict_unknown(out, ret);
		return;
	}
	h->stale = h->work.fresh.passes != 0;
	h->who.price = h->work.price;
	if (h->who.price > BUDGET_ORDINARY && throttle_refuses(&a->passwords, &h->who, out))
		return;
	budget_begin(a->passwords.budget, h->who.price);
	*out = (struct auth_verdict){.later = true};
}

/* Comes in, and by what. */
static void let_in(struct auth *a, const struct auth_hash *h, const struct hash_done *done,
	struct auth_verdict *out)
{
	const struct remembered_login login = {.credential = h->credential,
		.stale_price = h->stale && !done->fresh[0] ? h->work.price : 0};

	remembered_put(a->remembered, &h->key, &login, clock_mono_us(a->clock));
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
		budget_given_up(a->passwords.budget, h->who.price);
		(void)verdict_fault(out, "out of memory");
		return;
	}
	if (done->result || !h->comparable) {
		a->stats.wrong++;
		budget_wrong(a->passwords.budget, &h->who, clock_mono_us(a->clock), done->took_us);
		(void)verdict_refuse(out, h->why);
		return;
	}
	budget_right(a->passwords.budget, h->who.price);
	/* Hashed by a thread, it may be a password of yesterday. */
	ret = lookup_user(a->lookup, uid, &u);
	if (ret && ret != IM_E_NONE) {
		(void)verdict_unknown(out, ret);
		return;
	}
	if (ret || u.disabled || !u.has_password || u.credential != h->credential) {
		(void)verdict_refuse(out, "user or password has changed meanwhile");
		return;
	}
	let_in(a, h, done, out);
}

enum budget_bound auth_bound(const struct auth *a, const struct auth_hash *h)
{
	return budget_ask_again(a->passwords.budget, &h->who, clock_mono_us(a->clock));
}

void auth_give_up(struct auth *a, const struct auth_hash *h, enum budget_bound bound,
	struct auth_verdict *out)
{
	budget_given_up(a->passwords.budget, h->who.price);
	budget_refused(a->passwords.budget, &h->who, clock_mono_us(a->clock));
	if (bound != BUDGET_OPEN)
		throttle_turn_away(&a->passwords, bound, out);
	else
		(void)verdict_put_off(
			out, "too many logins wait for their passwords to be checked");
}

unsigned auth_rank(const struct auth *a, const struct auth_hash *h)
{
	return budget_rank(a->passwords.budget, &h->who, clock_mono_us(a->clock));
}

void auth_suspects(struct auth *a, int64_t prices)
{
	budget_suspects(a->passwords.budget, prices);
}

/* ---- both ---- */

void auth_begin(
	struct auth *a, const struct auth_login *l, struct auth_verdict *out, struct auth_hash *h)
{
	struct lookup_user u;
	int ret = lookup_user(a->lookup, l->uid, &u);

	*h = (struct auth_hash){0};
	if (ret && ret != IM_E_NONE)
		(void)verdict_unknown(out, ret);
	else if (!l->password.p)
		(void)verdict_refuse(out, "no password");
	else if (a->tokens && jwt_looks_like(l->password))
		(void)tokens_check(a->tokens, l, &u, !ret, out);
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
		throttle_waited(&a->passwords, rank, done.took_us);
}

void auth_renew(struct auth *a, const struct auth_login *l, struct auth_verdict *out)
{
	struct lookup_user u;
	int ret = lookup_user(a->lookup, l->uid, &u);

	if (ret && ret != IM_E_NONE)
		(void)verdict_unknown(out, ret);
	else if (!a->tokens || !jwt_looks_like(l->password))
		(void)verdict_refuse(out, "it is no token");
	else
		(void)tokens_check(a->tokens, l, &u, !ret, out);
}

void auth_turn(struct auth *a)
{
	throttle_turn(&a->passwords);
	if (a->tokens)
		tokens_turn(a->tokens);
}

bool auth_still_valid(struct auth *a, struct im_str uid, const struct auth_verdict *v)
{
	struct lookup_user u;

	if (lookup_user(a->lookup, uid, &u) || u.disabled || u.credential != v->password)
		return false;
	if (v->expires_s)
		return a->tokens && tokens_hold(a->tokens, &u, v->credential) &&
		       v->expires_s > clock_wall_ms(a->clock) / 1000;
	return u.has_password && v->credential == u.credential;
}

const struct auth_stats *auth_stats(const struct auth *a)
{
	return &a->stats;
}
