/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Brings together who comes (origin.h), what was spent (budget.h) and how long the broker has
 * waited already. Held by auth.c for passwords and by tokens.c for signatures; knows neither.
 */
#include "plugin/throttle.h"

#include "plugin/origin.h"

#define SECOND_US INT64_C(1000000)
/* A signature of ES256, until some have been measured. */
#define SIGNATURE_US 100

/* What the log says of each bound, by enum throttle_kind. */
static const char *const whys[][BUDGET_BOUNDS] = {
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

int throttle_init(struct throttle *t, enum throttle_kind kind, const struct options *o,
	const struct clock *c, const struct im_sipkey *key, struct auth_stats *stats)
{
	int64_t share_us = o->auth_wrong_share * SECOND_US / 100;
	const struct budget_settings of[] = {
		[THROTTLE_PASSWORDS] = {share_us, THROTTLE_PASSWORD_US},
		[THROTTLE_TOKENS] = {share_us / THROTTLE_TOKENS_PART, SIGNATURE_US},
	};

	*t = (struct throttle){.kind = kind, .o = o, .clock = c, .stats = stats};
	t->budget = budget_new(key, &of[kind]);
	return t->budget ? IM_OK : IM_E_NOMEM;
}

void throttle_clear(struct throttle *t)
{
	budget_free(&t->budget);
}

struct budget_login throttle_login(
	const struct throttle *t, const struct auth_login *l, const struct lookup_user *u)
{
	const struct origin o = origin_of(t->o, l->address, l->hearsay, u->role == IM_ROLE_ADMIN);

	return budget_login(t->budget, l->uid, (struct im_str){o.key.bytes, o.key.n}, o.from);
}

void throttle_turn_away(struct throttle *t, enum budget_bound bound, struct auth_verdict *out)
{
	uint64_t *const of[BUDGET_BOUNDS] = {
		[BUDGET_OPEN] = &t->stats->throttled_all, /* never */
		[BUDGET_PAIR] = &t->stats->throttled_pair,
		[BUDGET_ADDRESS] = &t->stats->throttled_address,
		[BUDGET_LOCAL] = &t->stats->throttled_address,
		[BUDGET_ALL] = &t->stats->throttled_all,
		[BUDGET_TURN] = &t->stats->throttled_all,
	};

	t->stats->throttled++;
	++*(t->kind == THROTTLE_TOKENS ? &t->stats->throttled_tokens : of[bound]);
	(void)verdict_put_off(out, whys[t->kind][bound]);
}

static bool turn_is_over(const struct throttle *t, unsigned rank)
{
	if (rank < BUDGET_SUSPECT)
		return !throttle_has_time(t);
	/* One look on a busy machine may take as long. It does not keep out a user against whom
	 * nothing speaks but the address. */
	return t->suspects_us >= THROTTLE_SUSPECTS_TURN_US &&
	       (t->suspects > 1 || rank > BUDGET_SUSPECT);
}

bool throttle_refuses(struct throttle *t, const struct budget_login *who, struct auth_verdict *out)
{
	int64_t now_us = clock_mono_us(t->clock);
	enum budget_bound bound = budget_ask(t->budget, who, now_us);

	if (bound == BUDGET_OPEN && who->from != BUDGET_ADDRESS_LOCAL &&
		turn_is_over(t, budget_rank(t->budget, who, now_us)))
		bound = BUDGET_TURN;
	if (bound == BUDGET_OPEN)
		return false;
	budget_refused(t->budget, who, now_us);
	throttle_turn_away(t, bound, out);
	return true;
}

void throttle_waited(struct throttle *t, unsigned rank, int64_t took_us)
{
	*(rank >= BUDGET_SUSPECT ? &t->suspects_us : &t->others_us) += took_us;
	t->suspects += rank >= BUDGET_SUSPECT;
}

bool throttle_has_time(const struct throttle *t)
{
	return t->others_us < THROTTLE_OTHERS_TURN_US;
}

void throttle_turn(struct throttle *t)
{
	t->suspects_us = t->others_us = 0;
	t->suspects = 0;
}
