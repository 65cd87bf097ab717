/* SPDX-License-Identifier: BSD-3-Clause */
/* Tokens as passwords (RFC 7519), checked by libjwt against one key and one algorithm. */
#ifndef IM_PLUGIN_JWT_H
#define IM_PLUGIN_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/buf.h"
#include "../common/err.h"
#include "../common/str.h"
#include "options.h"

#define JWT_TOKEN_MAX 8192 /* longest token that is looked at */
#define JWT_SECRET_MIN 32  /* RFC 7518, 3.2: as long as the hash */
#define JWT_KEY_MAX 16384
#define JWT_NBF_LEEWAY_S 30 /* clocks that differ a little */

struct jwt_verifier;

/* Reads and checks the key that the options name. On failure why gets a sentence. */
int jwt_verifier_new(
	const struct options *o, struct jwt_verifier **out, struct im_buf *why) IM_MUST_CHECK;
void jwt_verifier_free(struct jwt_verifier **v);
/* True if both check against the same key. */
bool jwt_verifier_same(const struct jwt_verifier *a, const struct jwt_verifier *b);

/* True if s has the form of a token: three parts of base64url. */
bool jwt_looks_like(struct im_str s);

/* IM_OK: signed with our key, for this uid, valid at now_s, and issued at from_s or later (0:
 * whenever, which need not be said); *expires_s_out is when it ends. Else
 * IM_E_NONE (IM_E_NOMEM), and *why_out points to a static text for the log. */
int jwt_check(const struct jwt_verifier *v, struct im_str token, struct im_str uid, int64_t now_s,
	int64_t from_s, int64_t *expires_s_out, const char **why_out) IM_MUST_CHECK;

#endif
