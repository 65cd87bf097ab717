/* SPDX-License-Identifier: BSD-3-Clause */
/* Ids and bodies where devices of device accounts have a part: each of those counts its own ids,
 * and what is sent to two of them under one id is two messages. */
#ifndef IM_BRIDGE_DEDUP_PLACE_H
#define IM_BRIDGE_DEDUP_PLACE_H

#include "bridge/write/dedup.h"
#include "common/buf.h"

/* The id as dedup is asked for it; from: the sending device of a device account, else n == 0. In
 * `scratch` where that is another one. */
static inline struct im_str dedup_place_id(
	struct im_buf *scratch, struct im_str from, struct im_str id)
{
	if (!from.n)
		return id;
	im_buf_reset(scratch);
	im_buf_str(scratch, from);
	/* Which is in neither. */
	im_buf_c(scratch, '\0');
	im_buf_str(scratch, id);
	return im_buf_view(scratch);
}

/* As dedup_body_hash; to: the device that the message is addressed to, n == 0: none. */
static inline uint64_t dedup_place_hash(
	const struct dedup *d, enum im_enc enc, struct im_str body, struct im_str to)
{
	uint64_t hash = dedup_body_hash(d, enc, body);

	return to.n ? (hash ^ dedup_body_hash(d, IM_ENC_TEXT, to)) | 1 : hash;
}

#endif
