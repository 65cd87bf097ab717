/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A login, and what is decided about it: what those share who look at one (auth.c, tokens.c,
 * throttle.c), and what auth.h gives to who has asked.
 */
#ifndef IM_PLUGIN_VERDICT_H
#define IM_PLUGIN_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"
#include "plugin/denial.h"
#include "plugin/lookup.h"

#define AUTH_UNKNOWN "unknown user"
#define AUTH_DELETED "the account was deleted"

struct auth_login {
	struct im_str uid;      /* well-formed */
	struct im_str password; /* p NULL: none was given */
	struct im_str address;  /* of the client, as text; n == 0: unknown */
	bool hearsay;           /* the address is what a header says, which anybody may send */
	bool idle;              /* nobody waits: what can be put off may be done */
	bool alone;             /* set by auth_check: the broker waits for it */
};

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

/* Each says no, and returns false. */

/* To who is wrong. */
bool verdict_refuse(struct auth_verdict *out, const char *why);
/* The node's fault, and neither yes nor no. */
bool verdict_fault(struct auth_verdict *out, const char *why);
/* The same, for what the directory did not answer. */
bool verdict_unknown(struct auth_verdict *out, int ret);
/* Nobody has looked at it. */
bool verdict_put_off(struct auth_verdict *out, const char *why);

/* What is wrong with a user who does not exist. */
const char *verdict_absent(const struct lookup_user *u);

#endif
