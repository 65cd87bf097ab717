/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pinning a message, as the body of the `system` message that says so, in a direct conversation or
 * a group, and what that does to the directory: {"action":"pin"|"unpin","by":"alice","seq":4}.
 * Whoever pins and the projection of the log (project.h) share pin_apply, so they cannot disagree.
 */
#ifndef IM_BRIDGE_PIN_CHANGE_H
#define IM_BRIDGE_PIN_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* Where a change of pins stands in the log. */
struct pin_place {
	uint64_t conv, gid, sender;
	int64_t ts_ms;
};

void pin_change_put(struct im_buf *b, bool remove, struct im_str by, uint64_t seq);
/* Inside the directory's open transaction; idempotent. IM_E_FORMAT: it is no change of pins. */
int pin_apply(struct directory *d, const struct pin_place *at, struct im_str json) IM_MUST_CHECK;

#endif
