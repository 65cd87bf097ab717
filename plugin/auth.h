/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may log in: passwords and tokens, the cache of verified logins, and the bound on what wrong
 * ones may cost the broker's only thread.
 */
#ifndef IM_PLUGIN_AUTH_H
#define IM_PLUGIN_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/buf.h"
#include "../common/err.h"
#include "../common/siphash.h"
#include "../common/str.h"
#include "clock.h"
#include "directory.h"
#include "hashers.h"
#include "options.h"

/* Wrong logins may use auth_wrong_share percent of the time; beyond, logins that are not in the
 * cache are refused unlooked at. One address alone may use a quarter of that, so that who guesses
 * from one place does not keep everybody else out. */
#define AUTH_WRONG_ADDRESSES 4
/* Nor may they hold up the broker for longer than this in one turn of its loop; then the rest of
 * the turn is theirs who are known. */
#define AUTH_WRONG_TURN_US 50000
#define AUTH_UNKNOWN "unknown user"
#define AUTH_DELETED "the account was deleted"
#define AUTH_THROTTLED "too many wrong logins at this moment"

struct auth;

/* Of a name that directory_user has not found: why, for the log. */
const char *auth_absent(const struct directory_user *u);

struct auth_verdict {
	bool accepted;
	bool later;          /* only by auth_begin: not decided yet */
	bool create;         /* accepted by token; the user does not exist yet */
	int64_t expires_s;   /* by token: when the session ends; 0: never */
	uint64_t credential; /* what it was accepted by, see auth_still_valid */
	const char *why;     /* refused: static text for the log */
};

struct auth_stats {
	uint64_t hashed, cached, tokens, wrong, throttled;
};

/* `o`, `d` and `c` are borrowed. why: a sentence on failure. */
int auth_new(const struct options *o, struct directory *d, const struct clock *c, struct auth **out,
	struct im_buf *why) IM_MUST_CHECK;
void auth_free(struct auth **a);
/* Reads the token key again; the old one stays if that fails (why: a sentence). Another key ends
 * the sessions that the old one had let in, at the broker's next question about them. */
int auth_reload(struct auth *a, struct im_buf *why) IM_MUST_CHECK;

struct auth_login {
	struct im_str uid;      /* well-formed */
	struct im_str password; /* p NULL: none was given */
	struct im_str address;  /* of the client, as text; n == 0: unknown */
	bool hearsay;           /* the address is what a header says, which anybody may send */
};
void auth_check(struct auth *a, const struct auth_login *l, struct auth_verdict *out);

/* A password that is still to be hashed, and what is needed to judge the result. */
struct auth_hash {
	struct hash_work work; /* for users without a password, something as slow */
	bool comparable;       /* right, the password counts */
	uint64_t credential;
	uint64_t key[2]; /* of the cache */
	const char *why; /* if it is wrong */
};
/* The two halves of auth_check: what costs little, and what remains when the password has been
 * compared (`result` of hash_work_run, by whatever thread). If the first says `later`, *h is filled
 * and the second has to follow; of the login it needs uid and address. */
void auth_begin(
	struct auth *a, const struct auth_login *l, struct auth_verdict *out, struct auth_hash *h);
void auth_finish(struct auth *a, const struct auth_login *l, const struct auth_hash *h, int result,
	int64_t took_us, struct auth_verdict *out);
/* A turn of the broker's loop begins. */
void auth_turn(struct auth *a);
/* True if wrong ones have used up what the login's address, or all, may cost; counts the one asked
 * for. */
bool auth_throttled(struct auth *a, const struct auth_login *l);

/* True if a session accepted by `credential` and `expires_s` would be accepted now: for sessions
 * that the broker asks about again. */
bool auth_still_valid(struct auth *a, struct im_str uid, uint64_t credential, int64_t expires_s);
const struct auth_stats *auth_stats(const struct auth *a);

#endif
