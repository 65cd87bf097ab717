/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How an erased name stays taken without being kept: directory.db has a keyed hash of it, and the
 * key is a file beside it, {data_dir}/names.key, that goes into no backup. Whoever gets a copy of
 * the database cannot try names on it.
 */
#ifndef IM_SCHEMA_NAME_KEY_H
#define IM_SCHEMA_NAME_KEY_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/siphash.h"
#include "common/str.h"

#define NAME_KEY_FILE "names.key"
#define NAME_HASH_BYTES 16

/* IM_E_NONE: there is none; IM_E_FORMAT: it is none; IM_E_IO. why: a sentence with the path. */
int name_key_read(const char *data_dir, struct im_sipkey *out, struct im_buf *why) IM_MUST_CHECK;
/* The same; where there is none, `fresh` (random) becomes it. For the bridge alone. */
int name_key_make(const char *data_dir, const struct im_sipkey *fresh, struct im_sipkey *out,
	struct im_buf *why) IM_MUST_CHECK;
/* Of the name without the case of ASCII letters. */
void name_key_hash(const struct im_sipkey *key, struct im_str name, uint8_t out[NAME_HASH_BYTES]);

#endif
