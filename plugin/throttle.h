/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps what wrong logins of one kind may cost: over time, by a budget, and in one turn of the
 * broker's loop, in which everybody else waits. Passwords have one and tokens another, so that
 * neither pays for the other.
 */
#ifndef IM_PLUGIN_THROTTLE_H
#define IM_PLUGIN_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/siphash.h"
#include "plugin/budget.h"
#include "plugin/clock.h"
#include "plugin/options.h"
#include "plugin/verdict.h"

/* Wrong passwords may take auth_wrong_share percent of a second's time, wrong signatures of tokens
 * a part of that of their own; how it is shared out, see budget.h. */
#define THROTTLE_TOKENS_PART 4
/* Nor may each kind hold up the broker for longer than this in one turn of its loop: those that
 * come from where many were wrong, and apart from them the others. The rest of the turn is theirs
 * who are known. */
#define THROTTLE_SUSPECTS_TURN_US 25000
#define THROTTLE_OTHERS_TURN_US 50000

/* A hash with the default parameters, until some have been measured. */
#define THROTTLE_PASSWORD_US 15000

enum throttle_kind { THROTTLE_PASSWORDS, THROTTLE_TOKENS };

struct throttle {
	enum throttle_kind kind;
	const struct options *o;
	const struct clock *clock;
	struct auth_stats *stats;
	struct budget *budget; /* to be told when a look begins, and how it ended */
	/* What the broker has waited for in this turn of its loop. */
	int64_t suspects_us, others_us;
	unsigned suspects; /* looks */
};

/* `o`, `c` and `stats` are borrowed. IM_E_NOMEM; throttle_clear is right even then. */
int throttle_init(struct throttle *t, enum throttle_kind kind, const struct options *o,
	const struct clock *c, const struct im_sipkey *key, struct auth_stats *stats) IM_MUST_CHECK;
void throttle_clear(struct throttle *t);

struct budget_login throttle_login(
	const struct throttle *t, const struct auth_login *l, const struct lookup_user *u);
/* True, and *out says why: nobody looks at it. */
bool throttle_refuses(struct throttle *t, const struct budget_login *who, struct auth_verdict *out);
/* Counts one that is not looked at for this reason, and says so. */
void throttle_turn_away(struct throttle *t, enum budget_bound bound, struct auth_verdict *out);
/* The broker has waited for a wrong one that was of this budget_rank before. */
void throttle_waited(struct throttle *t, unsigned rank, int64_t took_us);
/* It may wait for more in this turn, for those against whom nothing speaks. */
bool throttle_has_time(const struct throttle *t);
/* A turn of the broker's loop begins. */
void throttle_turn(struct throttle *t);

#endif
