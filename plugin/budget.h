/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What wrong logins of one kind (passwords, tokens) may cost, so that who guesses keeps nobody else
 * out. Work is counted three times, each time against a part of `share_us`:
 *
 *   - a user from an address: a sixteenth, so that a device with a stale password, or who guesses
 *     one user's, stops there and costs nobody else anything;
 *   - an address: a quarter;
 *   - all.
 *
 * The last part of a budget is not for everybody: half of an address's is kept for users who have
 * not failed from there lately, and of the whole something for those for whom two things speak:
 * most for an address that has not failed or been turned away often, then for a user whom nobody
 * has tried with wrong passwords. Who tries much, from many addresses or with many names, loses
 * that soon, and what flows in then is for the others. Whether the user exists is not looked at: an
 * answer under load would tell.
 *
 * Administrators on the machine itself have a sixteenth each and a quarter together, and nobody
 * spends that but they.
 *
 * Who comes by a proxy that does not say its clients' addresses has none: the proxy's says nothing
 * against anybody behind it. There the first and the last of the three count, and of the whole a
 * tenth is left for those with an address of their own.
 *
 * Nothing is forgotten for want of room, see sketch.h. Pure.
 */
#ifndef IM_PLUGIN_BUDGET_H
#define IM_PLUGIN_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/siphash.h"
#include "common/str.h"

struct budget;

struct budget_settings {
	int64_t share_us; /* of work in a second */
	int64_t one_us;   /* what one costs, until some have been measured */
};

enum budget_from {
	BUDGET_ADDRESS_OWN,   /* from an address of its own */
	BUDGET_ADDRESS_LOCAL, /* an administrator on this machine */
	BUDGET_ADDRESS_PROXY, /* by a proxy, whose address it is */
};

/* Who logs in. */
struct budget_login {
	uint64_t user, address, pair; /* keyed hashes */
	enum budget_from from;
	int64_t price; /* what a look takes, as far as that is known before */
};
#define BUDGET_ORDINARY 100 /* of one_us, in percent */

/* Which budget is used up. TURN: not one of these, but what the caller gives to a moment. */
enum budget_bound {
	BUDGET_OPEN,
	BUDGET_PAIR,
	BUDGET_ADDRESS,
	BUDGET_LOCAL,
	BUDGET_ALL,
	BUDGET_TURN,
	BUDGET_BOUNDS
};

/* NULL: out of memory. */
struct budget *budget_new(const struct im_sipkey *key, const struct budget_settings *set);
void budget_free(struct budget **b);

/* address: any bytes that tell one from another. Of the ordinary price. */
struct budget_login budget_login(
	const struct budget *b, struct im_str user, struct im_str address, enum budget_from from);
/* How much speaks against it: 0, 1 the user, 2 the address, 3 both. */
#define BUDGET_RANKS 4
#define BUDGET_SUSPECT 2 /* from here on */
unsigned budget_rank(const struct budget *b, const struct budget_login *l, int64_t now_us);
/* Whether the login may be looked at. Those that are being looked at count as what they will have
 * cost, as far as the last ones were wrong. One of more than the ordinary price needs as much more
 * in each budget, and of a budget that never holds so much, all. */
enum budget_bound budget_ask(const struct budget *b, const struct budget_login *l, int64_t now_us);
/* Of one that waits for its look: what is only spent too fast does not matter to it. */
enum budget_bound budget_ask_again(
	const struct budget *b, const struct budget_login *l, int64_t now_us);

/* A look at it begins, at its price; one of the next three ends it. */
void budget_begin(struct budget *b, int64_t price);
void budget_right(struct budget *b, int64_t price);
void budget_wrong(struct budget *b, const struct budget_login *l, int64_t now_us, int64_t took_us);
void budget_given_up(struct budget *b, int64_t price);
/* The prices of those that are being looked at and are suspect by now, to be told when that
 * changes: they do not count for whoever is not. */
void budget_suspects(struct budget *b, int64_t prices);
/* Turned away unlooked at, for whatever want of room or time. */
void budget_refused(struct budget *b, const struct budget_login *l, int64_t now_us);

#endif
