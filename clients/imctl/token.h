/* SPDX-License-Identifier: BSD-3-Clause */
/* Tokens (JWT, HS256) that the plugin takes in place of a password. */
#ifndef IM_IMCTL_TOKEN_H
#define IM_IMCTL_TOKEN_H

#include <stdint.h>

#include "../../common/buf.h"
#include "../../common/err.h"
#include "../../common/str.h"

/* Appends the token: sub = uid, iat = now_s, exp = now_s + ttl_s. */
int token_make(const char *uid, int64_t now_s, int64_t ttl_s, struct im_str secret,
	struct im_buf *out) IM_MUST_CHECK;

#endif
