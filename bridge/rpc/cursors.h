/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far devices have come in the log. What they acknowledge on im/ack, which nobody waits for, is
 * gathered, and the newest of each device is written together with whatever else writes to the
 * directory, or after a tenth of a second: a thousand devices that acknowledge once a second cost
 * ten transactions. What a crash loses of it makes a device sync a little more.
 */
#ifndef IM_BRIDGE_CURSORS_H
#define IM_BRIDGE_CURSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "bridge/deliver/acks.h"
#include "bridge/directory/rights.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/frame.h"

struct cursors_device {
	struct im_str uid, device;
	uint64_t user;
	int64_t now_ms;
	bool thing; /* of a device account */
	bool start; /* it begins with this acknowledgement, and has not what was before */
};

/* Moves a device's cursor to a position that the log has, never back. When no device of the user
 * had received what lies between, those whose messages have arrived now are looked for off the
 * commit path (delivered.h). IM_E_NONE: the device is not the user's; IM_E_EXISTS: it is not to
 * start, for it has acknowledged something. *was_out: where it was. */
int cursors_move(struct writer *w, const struct cursors_device *d, uint64_t cursor,
	uint64_t *was_out) IM_MUST_CHECK;

/* Why one is refused. */
#define CURSORS_NONE_WHY                                                                      \
	"this is no cursor of this server; give the newest one that sync gave or a delivery " \
	"called "                                                                             \
	"safe"
#define CURSORS_DEVICE_WHY "this device is not registered; connect again with this client id"

struct cursors;

/* Borrowed. */
struct cursors_parts {
	struct rights *rights;
	struct writer *writer;
	struct acks *acks;
};

struct cursors *cursors_new(const struct cursors_parts *p);
void cursors_free(struct cursors **c);
struct tx_part cursors_part(struct cursors *c);

/* Record type ACK, inside a transaction: what is wrong with it is told with that one's acks.
 * IM_E_NOMEM. */
int cursors_note(struct cursors *c, const struct im_up_rec *rec) IM_MUST_CHECK;
/* Something waits to be written; so much of it that it should not wait any longer. */
bool cursors_waiting(const struct cursors *c);
bool cursors_full(const struct cursors *c);
/* The transaction that comes next writes what waits. */
void cursors_hurry(struct cursors *c);
/* Before a device's row is looked at to be removed: what waits of that one is written in the open
 * transaction, so that what was accepted first also counts first. */
int cursors_settle(struct cursors *c, struct im_str device) IM_MUST_CHECK;
/* At the end of each transaction: writes what waits, if it is time, or the directory is written to
 * anyway. */
int cursors_write(struct cursors *c) IM_MUST_CHECK;

#endif
