/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may log in: passwords and tokens, the cache of verified logins, and the bound on what wrong
 * ones may cost the broker's only thread.
 */
#ifndef IM_PLUGIN_AUTH_H
#define IM_PLUGIN_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/siphash.h"
#include "common/str.h"
#include "plugin/budget.h"
#include "plugin/clock.h"
#include "plugin/denial.h"
#include "plugin/hashers.h"
#include "plugin/lookup.h"
#include "plugin/options.h"
#include "plugin/remembered.h"

/* Wrong passwords may take auth_wrong_share percent of a second's time, wrong signatures of tokens
 * a part of that of their own; how it is shared out, see budget.h. */
#define AUTH_TOKENS_PART 4
/* Nor may each kind hold up the broker for longer than this in one turn of its loop: those that
 * come from where many were wrong, and apart from them the others. The rest of the turn is theirs
 * who are known. */
#define AUTH_SUSPECTS_TURN_US 25000
#define AUTH_OTHERS_TURN_US 50000

/* Of the broker's own thread old hashes may take a part of so many for being made anew; others wait
 * until their user's next login. */
#define AUTH_FRESH_PART 10

#define AUTH_UNKNOWN "unknown user"
#define AUTH_DELETED "the account was deleted"

struct auth;

/* A fresh hash of the password, to be stored in place of an old one. */
struct auth_fresh {
	struct im_rehash which;
	char phc[IM_PHC_MAX]; /* empty: none */
};

struct auth_verdict {
	bool accepted;
	bool later;          /* only by auth_begin: not decided yet */
	bool create;         /* accepted by token; the user does not exist yet */
	int64_t expires_s;   /* by token: when the session ends; 0: never */
	uint64_t credential; /* what it was accepted by: a password, or the key of a token */
	uint64_t password;   /* the user's at that time, 0 for none; if it changes, this ends */
	struct auth_fresh fresh;
	struct denial no; /* if not accepted */
};

struct auth_stats {
	uint64_t hashed, cached, tokens, wrong, fresh;
	/* Turned away unlooked at, and for whose sake: all of them; by budget of passwords; tokens.
	 */
	uint64_t throttled, throttled_pair, throttled_address, throttled_all, throttled_tokens;
};

/* `o`, `l` and `c` are borrowed. why: a sentence on failure. */
int auth_new(const struct options *o, struct lookup *l, const struct clock *c, struct auth **out,
	struct im_buf *why) IM_MUST_CHECK;
void auth_free(struct auth **a);
/* Reads the token keys again; the old ones stay if that fails (why: a sentence). A key that is gone
 * ends the sessions that it had let in, at the broker's next question about them. */
int auth_reload(struct auth *a, struct im_buf *why) IM_MUST_CHECK;
/* How many there are; -1: tokens are not configured. */
int auth_keys(const struct auth *a);

struct auth_login {
	struct im_str uid;      /* well-formed */
	struct im_str password; /* p NULL: none was given */
	struct im_str address;  /* of the client, as text; n == 0: unknown */
	bool hearsay;           /* the address is what a header says, which anybody may send */
	bool idle;              /* nobody waits: what can be put off may be done */
	bool alone;             /* set by auth_check: the broker waits for it */
};
void auth_check(struct auth *a, const struct auth_login *l, struct auth_verdict *out);

/* The same for a token alone, of a session that has come in by one. */
void auth_renew(struct auth *a, const struct auth_login *l, struct auth_verdict *out);

/* A password that is still to be hashed, and what is needed to judge the result. */
struct auth_hash {
	struct hash_work work; /* for users without a password, something as slow */
	bool comparable;       /* right, the password counts */
	bool stale;            /* stored by an old method, or at another cost than now */
	uint64_t credential;
	struct im_rehash which;
	struct remembered_key key;
	const char *why; /* if it is wrong */
	struct budget_login who;
};
/* The two halves of auth_check: what costs little, and what remains when the password has been
 * compared (by hash_work_run, on whatever thread). If the first says `later`, *h is filled
 * and the second has to follow, or auth_give_up. */
void auth_begin(
	struct auth *a, const struct auth_login *l, struct auth_verdict *out, struct auth_hash *h);
void auth_finish(struct auth *a, struct im_str uid, const struct auth_hash *h,
	const struct hash_done *done, struct auth_verdict *out);
/* Which budget has been used up since auth_begin, so that it should be given up; BUDGET_OPEN: none.
 */
enum budget_bound auth_bound(const struct auth *a, const struct auth_hash *h);
/* It will not be compared, for that reason or (BUDGET_OPEN) because there is no room for it to
 * wait.
 */
void auth_give_up(struct auth *a, const struct auth_hash *h, enum budget_bound bound,
	struct auth_verdict *out);
/* See budget_rank. */
unsigned auth_rank(const struct auth *a, const struct auth_hash *h);
/* See budget_suspects. */
void auth_suspects(struct auth *a, int64_t prices);
/* A turn of the broker's loop begins. */
void auth_turn(struct auth *a);

/* True if what was accepted so (credential, password, expires_s) would be accepted now: for
 * sessions that the broker asks about again. */
bool auth_still_valid(struct auth *a, struct im_str uid, const struct auth_verdict *v);
const struct auth_stats *auth_stats(const struct auth *a);

#endif
