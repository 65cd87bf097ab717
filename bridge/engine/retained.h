/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a broker retains of users' presence. It keeps that in a file of its own, which may be older
 * than what it was told, or was stopped meanwhile, and who was told what a bridge that ends
 * forgets. So a broker with which a link begins is told again of everybody who has ever been there
 * and is not, as the directory has it, a piece at a time and nobody else; of those who are there,
 * and of changes, presence.h tells. A plugin publishes what is different.
 */
#ifndef IM_BRIDGE_RETAINED_H
#define IM_BRIDGE_RETAINED_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/deliver/outbox.h"
#include "bridge/deliver/presence.h"
#include "bridge/directory/directory.h"
#include "common/err.h"
#include "common/frame.h"
#include "common/limits.h"

#define RETAINED_TOPIC_MAX (9 + IM_UID_MAX)

/* json: what is told of the user, empty: nothing is retained of him. Uses topic. */
struct im_down_rec retained_record(
	char topic[RETAINED_TOPIC_MAX], struct im_str uid, struct im_str json);

/* How far one broker is. */
struct retained {
	bool on;
	uint64_t through; /* the user of this number */
};
void retained_begin(struct retained *r);
/* Tells of the next ones, outside of a transaction, and is not `on` any more behind the last one.
 * IM_E_IO, IM_E_NOMEM: of none, or not of all; to be called again. */
int retained_go_on(struct retained *r, struct directory *dir, struct presence *presence,
	struct outbox *to) IM_MUST_CHECK;

#endif
