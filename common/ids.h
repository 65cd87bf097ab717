/* SPDX-License-Identifier: BSD-3-Clause */
/* What may be a user id, device id, group id, message id or conversation name. */
#ifndef IM_COMMON_IDS_H
#define IM_COMMON_IDS_H

#include <stdbool.h>

#include "common/limits.h"
#include "common/str.h"

bool im_uid_valid(struct im_str s);   /* [A-Za-z0-9_.@-]{1,64} */
bool im_gid_valid(struct im_str s);   /* the same alphabet */
bool im_msgid_valid(struct im_str s); /* 1-64 bytes of UTF-8 without control characters */
bool im_type_valid(struct im_str s);  /* [a-z0-9_.-]{1,32}, but none of the server's own: system,
					 recall, edit, react, recalled, expired */

/* A client id: 1-128 bytes of UTF-8 that can be shown in one line as they are: without control
 * characters, ends of lines (U+2028, U+2029) and what turns the direction of text (U+202A-U+202E,
 * U+2066-U+2069). */
bool im_device_valid(struct im_str s);
/* A valid client id as one level of a topic, and in the log: every byte outside [A-Za-z0-9_.:@-] is
 * %XX, `%` too. Writes `out` only where there is such a byte. */
struct im_str im_device_topic(struct im_str device, char out[IM_DEVICE_TOPIC_MAX]);

/* The client id whose level this is, in `out`, which holds IM_DEVICE_MAX bytes; n == 0: it is none,
 * or is not written as im_device_topic writes it. */
struct im_str im_device_of_topic(struct im_str level, char *out);
/* First levels below an inbox that are none of a device. */
bool im_inbox_level_reserved(struct im_str level);

/* Client ids that begin with this are the link's, and nobody else's. */
#define IM_DEVICE_LINK "$im/"
bool im_device_link(struct im_str s);

/* Names that no new user or group gets, whatever their case: what stands for many or for the
 * server, and how those are shown whose own names are gone. */
#define IM_NAME_GONE "deleted-"
bool im_name_reserved(struct im_str s);
/* A byte of a name as names are compared: ASCII letters without their case. */
char im_name_folded(char c);
/* The same but for the case of ASCII letters. */
bool im_name_same(struct im_str a, struct im_str b);

/* One that the broker has made up for a client without one: `auto-` and a UUID. */
bool im_device_made_up(struct im_str s);

enum im_conv_kind { IM_CONV_USER = 0, IM_CONV_GROUP = 1 };

/* "u/{uid}" or "g/{gid}". False if it is neither; peer_out borrows from s. */
bool im_conv_parse(struct im_str s, enum im_conv_kind *kind_out, struct im_str *peer_out);

#endif
