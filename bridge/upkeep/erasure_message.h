/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of one stored message when a user's words, name or both go. Pure. */
#ifndef IM_BRIDGE_ERASURE_MESSAGE_H
#define IM_BRIDGE_ERASURE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/message/renaming.h"
#include "bridge/store/store.h"
#include "common/buf.h"
#include "common/err.h"

struct erasure_who {
	struct renaming name;
	bool words;
	int64_t from_ms, until_ms; /* what was written in between names this user by that name */
};

/* A message as it is to be stored. What m points to is on the heap, since lists of these grow. */
struct erasure_change {
	struct store_msg m;
	struct im_buf type, id, meta, body;
};

void erasure_change_init(struct erasure_change *c);
void erasure_change_free(struct erasure_change *c);
/* A copy of the message as it is. IM_E_NOMEM. */
int erasure_change_take(struct erasure_change *c, const struct store_msg *m) IM_MUST_CHECK;

/* The message loses its words: it is the user's own, or a copy of one. origin: of a forwarded
 * message, NULL if it is not known; then its meta says by name whose it was. */
bool erasure_takes(const struct erasure_who *who, const struct store_msg *m,
	const struct message_origin *origin);
/* c: taken from m. True: it is to be stored; false: it is so already. */
int erasure_message(const struct erasure_who *who, const struct store_msg *m, bool takes,
	struct erasure_change *c, bool *changed_out) IM_MUST_CHECK;

/* The message has lost its words in all but the log. */
void erasure_blank(struct erasure_change *c);

#endif
