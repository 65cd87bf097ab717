/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link's secret: the file in data_dir by which the plugin knows the bridge. Whichever of the
 * two comes first makes it; the bridge sends it as its password, the plugin compares. Here because
 * both open the same folder, as they do with its databases.
 */
#ifndef IM_SCHEMA_SECRET_H
#define IM_SCHEMA_SECRET_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

#define SECRET_FILE "link.secret"
#define SECRET_BYTES 32
#define SECRET_PASSWORD (2 * SECRET_BYTES) /* characters: the bytes in lower-case hex */

/* Reads {data_dir}/link.secret as it is now. IM_E_NONE: there is none; IM_E_FORMAT: it is not what
 * it should be, or others may read it; IM_E_IO. why: a sentence with the path and what to do. */
int secret_read(const char *data_dir, char password_out[SECRET_PASSWORD + 1],
	struct im_buf *why) IM_MUST_CHECK;
/* The same; where there is none, one is made of `fresh` (random bytes), whole or not at all and
 * never over another one: of two who make it at a time both get the same. */
int secret_make(const char *data_dir, const uint8_t fresh[SECRET_BYTES],
	char password_out[SECRET_PASSWORD + 1], struct im_buf *why) IM_MUST_CHECK;

#endif
