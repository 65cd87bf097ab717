/* SPDX-License-Identifier: BSD-3-Clause */
/* A message on its way into the log and to its readers. */
#ifndef IM_BRIDGE_MESSAGE_H
#define IM_BRIDGE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/envelope.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/str.h"

/* Of a forwarded message: who wrote it, and who had sent what was forwarded. 0: it is none. */
struct message_origin {
	uint64_t author, via;
};

/* Whom a message singles out, by their ids. */
struct message_mentions {
	bool all; /* everybody; users says nothing more */
	uint32_t n;
	uint64_t users[IM_MENTIONS_MAX];
};

/* Who is told what an edited text was. Of a direct conversation either of the two, both or none; of
 * a group all or none. */
enum message_was {
	MESSAGE_WAS_NOBODY = 0,
	MESSAGE_WAS_SENDER = 1,
	MESSAGE_WAS_OTHERS = 2,
	MESSAGE_WAS_ALL = 3
};

/* Borrows its strings. The conversation is given by its parts so that its fan-out is known. */
struct message {
	enum im_conv_kind kind;
	uint64_t a, b; /* direct: sender and peer in any order; group: group id, 0 */
	uint64_t sender;
	struct im_str from;   /* sender's uid */
	struct im_str device; /* the sending device, n == 0: none */
	struct im_str peer;   /* direct: the peer's uid; group: the gid */
	int64_t ts_ms;
	enum im_enc enc;
	struct im_str id, type, meta, body;
	enum message_was was_for; /* an edit */
	struct message_origin origin;
	bool plain;                              /* to a group, by a member who does not run it */
	const struct message_mentions *mentions; /* NULL: nobody */
};

#endif
