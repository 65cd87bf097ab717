/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Logins by a token: the keys that sign them, and what of a token that was right before is
 * remembered. What a token says is jwt.h's.
 */
#ifndef IM_PLUGIN_TOKENS_H
#define IM_PLUGIN_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/siphash.h"
#include "plugin/clock.h"
#include "plugin/lookup.h"
#include "plugin/options.h"
#include "plugin/remembered.h"
#include "plugin/verdict.h"

struct tokens;

/* Borrowed. */
struct tokens_parts {
	const struct options *o;
	struct lookup *lookup;
	const struct clock *clock;
	struct remembered *remembered;
	struct auth_stats *stats;
	struct im_sipkey key;
};

/* why: a sentence on failure, but for IM_E_NOMEM. */
int tokens_new(const struct tokens_parts *p, struct tokens **out, struct im_buf *why) IM_MUST_CHECK;
void tokens_free(struct tokens **t);
/* See auth_reload. */
int tokens_reload(struct tokens *t, struct im_buf *why) IM_MUST_CHECK;
size_t tokens_keys(const struct tokens *t);
/* A turn of the broker's loop begins. */
void tokens_turn(struct tokens *t);

/* Whether l->password, which looks like a token, lets l->uid in. exists: u is what the directory
 * says of him; else u tells no more than whether he was deleted. */
bool tokens_check(struct tokens *t, const struct auth_login *l, const struct lookup_user *u,
	bool exists, struct auth_verdict *out);
/* True if the key that a login of this user's was accepted by is still there. */
bool tokens_hold(const struct tokens *t, const struct lookup_user *u, uint64_t credential);

#endif
