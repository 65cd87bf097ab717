/* SPDX-License-Identifier: BSD-3-Clause */
/* Signs tokens by libjwt. Called by cmd_node.c. Pure: the time is a parameter. */
#include "token.h"

#include <jwt.h>
#include <stdlib.h>

int token_make(
	const char *uid, int64_t now_s, int64_t ttl_s, struct im_str secret, struct im_buf *out)
{
	jwt_t *jwt = NULL;
	char *text = NULL;

	if (jwt_new(&jwt) == 0 && jwt_add_grant(jwt, "sub", uid) == 0 &&
		jwt_add_grant_int(jwt, "iat", (long)now_s) == 0 &&
		jwt_add_grant_int(jwt, "exp", (long)(now_s + ttl_s)) == 0 &&
		jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret.p, (int)secret.n) ==
			0)
		text = jwt_encode_str(jwt);
	if (text)
		im_buf_z(out, text);
	free(text);
	jwt_free(jwt);
	return text && !out->failed ? IM_OK : IM_E_NOMEM;
}
