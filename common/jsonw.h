/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON text building over im_buf: just what frames the escaping; commas are the caller's. */
#ifndef IM_COMMON_JSONW_H
#define IM_COMMON_JSONW_H

#include "common/buf.h"

/* Appends s as a JSON string, quotes included. s must be valid UTF-8 (checked at the edge). */
void im_jsonw_str(struct im_buf *b, struct im_str s);
/* How long im_jsonw_str would make it. */
size_t im_jsonw_size(struct im_str s);
/* Appends s escaped but without quotes: a part of a string. */
void im_jsonw_part(struct im_buf *b, struct im_str s);
/* Appends `"key":` (key is a literal of ours and is not escaped). */
void im_jsonw_key(struct im_buf *b, const char *key);
/* Appends `,"key":"escaped value"`. */
void im_jsonw_member_str(struct im_buf *b, const char *key, struct im_str s);
/* Appends `,"key":123`. */
void im_jsonw_member_int(struct im_buf *b, const char *key, int64_t v);

#endif
