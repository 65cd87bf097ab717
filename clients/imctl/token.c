/* SPDX-License-Identifier: BSD-3-Clause */
/* Signs tokens by libjwt. Called by cmd_user.c. Pure: the time is a parameter. */
#include "clients/imctl/token.h"

#include <jwt.h>
#include <stdlib.h>

int token_make(const struct token_facts *t, struct im_str secret, struct im_buf *out)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) == 0 && jwt_add_grant(jwt, "sub", t->uid) == 0 &&
		(!t->kid || jwt_add_header(jwt, "kid", t->kid) == 0) &&
		jwt_add_grant_int(jwt, "iat", (long)t->now_s) == 0 &&
		jwt_add_grant_int(jwt, "exp", (long)(t->now_s + t->ttl_s)) == 0 &&
		jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret.p, (int)secret.n) ==
			0)
		text = jwt_encode_str(jwt);
	if (text)
		im_buf_z(out, text);
	free(text);
	jwt_free(jwt);
	return text && !out->failed ? IM_OK : IM_E_NOMEM;
}
