/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MQTT 5 properties of a message as they cross the link, up with a send and down with its
 * deliveries: the only codec of them. Decoding allocates nothing; every string that is given out
 * ends with a NUL, because the broker's functions want that.
 *
 *   u8 format, u32 ttl, u16 length of the correlation data, these, then NUL-terminated strings:
 *   content type, response topic, and name and value of each user property.
 *
 * The first byte is below 0x20. A message's type, which earlier versions have in the same field of
 * a down record, begins with none of these, so that neither is taken for the other.
 */
#ifndef IM_COMMON_MSGPROPS_H
#define IM_COMMON_MSGPROPS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* The payload format indicator. */
enum im_format {
	IM_FORMAT_NONE = 0, /* not given */
	IM_FORMAT_BYTES = 1,
	IM_FORMAT_TEXT = 2, /* UTF-8 */
};

/* n == 0, or 0: not there. */
struct im_props {
	enum im_format format;
	uint32_t ttl_s;
	struct im_str corr;
	struct im_str content_type, response_topic;
	struct im_str pairs; /* user properties in their order; see im_props_pair */
};

/* Appends the encoding; nothing if there are no properties. No string may hold a NUL, and corr has
 * at most 65535 bytes; else the buffer fails. */
void im_props_put(struct im_buf *b, const struct im_props *p);
/* Appends a user property to what will be im_props.pairs. */
void im_props_pair_put(struct im_buf *pairs, struct im_str name, struct im_str value);

/* Reads an encoding; no bytes are no properties. IM_E_FORMAT: it is none; *out is then empty. */
int im_props_read(struct im_str in, struct im_props *out) IM_MUST_CHECK;
/* Takes the next user property from the front of *pairs; false: that was all. */
bool im_props_pair(struct im_str *pairs, struct im_str *name, struct im_str *value);

#endif
