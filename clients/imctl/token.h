/* SPDX-License-Identifier: BSD-3-Clause */
/* Tokens (JWT, HS256) that the plugin takes in place of a password. */
#ifndef IM_IMCTL_TOKEN_H
#define IM_IMCTL_TOKEN_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct token_facts {
	const char *uid; /* sub */
	const char *kid; /* of the header; NULL: none */
	int64_t now_s;   /* iat */
	int64_t ttl_s;   /* exp = iat + ttl_s */
};

/* Appends the token. */
int token_make(const struct token_facts *t, struct im_str secret, struct im_buf *out) IM_MUST_CHECK;

#endif
