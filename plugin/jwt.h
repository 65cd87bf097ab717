/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tokens as passwords (RFC 7519). What a token says is read first and costs about as much as
 * refusing it; only what would let the user in is worth looking at its signature.
 */
#ifndef IM_PLUGIN_JWT_H
#define IM_PLUGIN_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/str.h"
#include "plugin/jwt_keys.h"
#include "plugin/options.h"

#define JWT_TOKEN_MAX 8192 /* longest token that is looked at */
#define JWT_SIGNATURE_MAX 1024
#define JWT_MEMBERS_MAX 100 /* of a header or of claims: each is compared with all before it */
#define JWT_LEEWAY_S 30     /* clocks that differ a little */

/* True if s has the form of a token: three parts of base64url, the first of which begins as an
 * object does. Whatever else is a password. */
bool jwt_looks_like(struct im_str s);

/* What a token says; nothing of it is true before jwt_verify. */
struct jwt_token {
	const struct jwt_key *key; /* that it should be signed with */
	struct im_str signed_text; /* borrowed from the token */
	uint8_t signature[JWT_SIGNATURE_MAX];
	size_t signature_n;
	int64_t expires_s;
};

/* IM_OK: should the signature be right, it lets `uid` in at now_s, and was issued at from_s or
 * later (0: whenever, which need not be said). IM_E_NONE: it does not, and *why_out points to a
 * static text for the log. */
int jwt_read(const struct jwt_keys *keys, const struct options *o, struct im_str token,
	struct im_str uid, int64_t now_s, int64_t from_s, struct jwt_token *out,
	const char **why_out) IM_MUST_CHECK;
/* IM_OK, IM_E_NONE: not signed with that key; IM_E_NOMEM: cannot say. */
int jwt_verify(const struct jwt_token *t) IM_MUST_CHECK;

#endif
