/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decides about a login by token: in the order of what that costs, so the signature comes last.
 * Called by auth.c. Knows nothing of passwords, whose budget is another one.
 */
#include "plugin/tokens.h"

#include <stdlib.h>

#include "plugin/jwt.h"
#include "plugin/throttle.h"

struct tokens {
	struct tokens_parts p;
	struct jwt_keys *keys;
	struct throttle throttle; /* of signatures */
};

int tokens_new(const struct tokens_parts *p, struct tokens **out, struct im_buf *why)
{
	struct tokens *t = calloc(1, sizeof(*t));
	int ret = IM_E_NOMEM;

	*out = NULL;
	if (t) {
		t->p = *p;
		ret = throttle_init(
			&t->throttle, THROTTLE_TOKENS, p->o, p->clock, &p->key, p->stats);
	}
	if (!ret)
		ret = jwt_keys_load(p->o, &p->key, &t->keys, why);
	if (ret)
		tokens_free(&t);
	*out = t;
	return ret;
}

void tokens_free(struct tokens **t)
{
	if (!*t)
		return;
	throttle_clear(&(*t)->throttle);
	jwt_keys_free(&(*t)->keys);
	free(*t);
	*t = NULL;
}

int tokens_reload(struct tokens *t, struct im_buf *why)
{
	struct jwt_keys *fresh;
	int ret = jwt_keys_load(t->p.o, &t->p.key, &fresh, why);

	if (ret)
		return ret;
	jwt_keys_free(&t->keys);
	t->keys = fresh;
	return IM_OK;
}

size_t tokens_keys(const struct tokens *t)
{
	return jwt_keys_count(t->keys);
}

void tokens_turn(struct tokens *t)
{
	throttle_turn(&t->throttle);
}

/* A key's fingerprint as the logins of this user's tokens hold it, and back: another one after the
 * user was deleted and has come back. */
static uint64_t of_user(const struct tokens *t, const struct lookup_user *u, uint64_t fingerprint)
{
	int64_t from_ms = u->tokens_from_ms;

	return from_ms ? fingerprint ^ im_siphash(&t->p.key, &from_ms, sizeof(from_ms))
		       : fingerprint;
}

/* True, and when it ends and by which key. */
static bool remembers(struct tokens *t, const struct remembered_key *k, const struct lookup_user *u,
	int64_t now_s, struct remembered_login *out)
{
	const struct remembered_login *r =
		remembered_get(t->p.remembered, k, clock_mono_us(t->p.clock));

	if (r && r->expires_s > now_s && jwt_keys_have(t->keys, of_user(t, u, r->credential))) {
		*out = *r;
		t->p.stats->cached++;
		return true;
	}
	if (r)
		remembered_drop(t->p.remembered, k);
	return false;
}

/* True: the signature is right; or *out says why not. */
static bool check_signature(struct tokens *t, const struct auth_login *l,
	const struct lookup_user *u, const struct jwt_token *token, struct auth_verdict *out)
{
	const struct budget_login who = throttle_login(&t->throttle, l, u);
	int64_t now_us = clock_mono_us(t->p.clock), took_us;
	unsigned rank;
	int ret;

	if (throttle_refuses(&t->throttle, &who, out))
		return false;
	rank = budget_rank(t->throttle.budget, &who, now_us);
	took_us = -clock_cpu_us(t->p.clock);
	budget_begin(t->throttle.budget, who.price);
	t->p.stats->tokens++;
	ret = jwt_verify(token);
	took_us += clock_cpu_us(t->p.clock);
	if (ret == IM_OK) {
		budget_right(t->throttle.budget, who.price);
		return true;
	}
	if (ret == IM_E_NOMEM) {
		budget_given_up(t->throttle.budget, who.price);
		return verdict_fault(out, "out of memory");
	}
	t->p.stats->wrong++;
	throttle_waited(&t->throttle, rank, took_us);
	budget_wrong(t->throttle.budget, &who, now_us, took_us);
	return verdict_refuse(out, "token's signature is wrong");
}

/* A token for somebody who does not exist. */
static bool check_new(struct tokens *t, const struct auth_login *l, const struct lookup_user *u,
	struct auth_verdict *out)
{
	enum account_name is = ACCOUNT_FREE;
	int ret;

	if (u->gone || !t->p.o->jwt_auto_create)
		return verdict_refuse(out, verdict_absent(u));
	ret = lookup_new_name(t->p.lookup, l->uid, &is);
	if (ret)
		return verdict_unknown(out, ret);
	if (is == ACCOUNT_RESERVED)
		return verdict_refuse(out, "the name is reserved");
	if (is == ACCOUNT_GONE)
		return verdict_refuse(out, AUTH_DELETED);
	return is == ACCOUNT_FREE || verdict_refuse(out, AUTH_UNKNOWN);
}

bool tokens_check(struct tokens *t, const struct auth_login *l, const struct lookup_user *u,
	bool exists, struct auth_verdict *out)
{
	int64_t now_s = clock_wall_ms(t->p.clock) / 1000;
	int64_t from_s = (u->tokens_from_ms + 999) / 1000;
	struct remembered_login login;
	struct remembered_key key;
	struct jwt_token token;
	const char *why;
	int ret;

	if (!remembered_hash(t->p.remembered, l->uid, l->password, &key))
		return verdict_fault(out, "out of memory");
	if (!remembers(t, &key, u, now_s, &login)) {
		ret = jwt_read(t->keys, t->p.o, l->password, l->uid, now_s, from_s, &token, &why);
		if (ret)
			return ret == IM_E_NOMEM ? verdict_fault(out, "out of memory")
						 : verdict_refuse(out, why);
		if (!check_signature(t, l, u, &token, out))
			return false;
		login = (struct remembered_login){
			.credential = of_user(t, u, token.key->fingerprint),
			.expires_s = token.expires_s};
		remembered_put(t->p.remembered, &key, &login, clock_mono_us(t->p.clock));
	}
	if (exists && u->disabled)
		return verdict_refuse(out, "user is disabled");
	if (!exists && !check_new(t, l, u, out))
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

bool tokens_hold(const struct tokens *t, const struct lookup_user *u, uint64_t credential)
{
	return jwt_keys_have(t->keys, of_user(t, u, credential));
}
