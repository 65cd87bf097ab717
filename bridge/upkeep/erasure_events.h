/* SPDX-License-Identifier: BSD-3-Clause */
/* One user's notes and name in the timelines of everybody, a page at a time, each in a transaction
 * of its own. The same page again changes nothing more. */
#ifndef IM_BRIDGE_ERASURE_EVENTS_H
#define IM_BRIDGE_ERASURE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory.h"
#include "bridge/upkeep/erasure_message.h"
#include "common/buf.h"
#include "common/err.h"

/* Where the walk is: behind this event. */
struct erasure_events {
	uint64_t user;
	struct im_buf key;
};

/* *done_out: it was the last page. */
int erasure_events_step(struct directory *d, const struct erasure_who *who,
	struct erasure_events *at, bool *done_out) IM_MUST_CHECK;

#endif
