/* SPDX-License-Identifier: BSD-3-Clause */
/* A message's meta: bare JSON members (`"reply_to":41,"ttl":60`), as they are stored and shown.
 * Pure text in, text out; values are raw JSON. */
#ifndef IM_BRIDGE_META_H
#define IM_BRIDGE_META_H

#include <stdint.h>

#include "common/buf.h"
#include "common/str.h"

/* The value of a member, n == 0 if there is none; borrows from meta. */
struct im_str meta_get(struct im_str meta, const char *key);
/* The integer that it is; 0: there is none, or it is no integer. */
int64_t meta_int(struct im_str meta, const char *key);
/* Appends all members but this one, and then this one with its new value (value.n == 0: without
 * it). */
void meta_put(struct im_buf *out, struct im_str meta, const char *key, struct im_str value);

/* When a message of this time ends, in milliseconds since 1970; 0: it has no ttl. */
int64_t meta_expires_ms(struct im_str meta, int64_t ts_ms);

#endif
