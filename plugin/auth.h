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
#include "options.h"

/* Wrong logins may use auth_wrong_share percent of the time; beyond, logins that are not in the
 * cache are refused unlooked at. One address alone may use a quarter of that, so that who guesses
 * from one place does not keep everybody else out. */
#define AUTH_WRONG_ADDRESSES 4

struct auth;

struct auth_verdict {
	bool accepted;
	bool create;         /* accepted by token; the user does not exist yet */
	int64_t expires_s;   /* by token: when the session ends; 0: never */
	uint64_t credential; /* what it was accepted by, see auth_still_valid */
	const char *why;     /* refused: static text for the log */
};

struct auth_stats {
	uint64_t hashed, cached, tokens, wrong, throttled;
};

/* `o`, `d` and `c` are borrowed. Costs one password hash of time. why: a sentence on failure. */
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
};
void auth_check(struct auth *a, const struct auth_login *l, struct auth_verdict *out);
/* True if a session accepted by `credential` and `expires_s` would be accepted now: for sessions
 * that the broker asks about again. */
bool auth_still_valid(struct auth *a, struct im_str uid, uint64_t credential, int64_t expires_s);
const struct auth_stats *auth_stats(const struct auth *a);

#endif
