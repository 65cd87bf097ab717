/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose a client id is, as the directory keeps it: bound when it is new, seen when it comes and
 * goes, forgotten when its user has too many, or when nothing of it is worth remembering.
 */
#ifndef IM_BRIDGE_DEVICES_H
#define IM_BRIDGE_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/log.h"
#include "bridge/deliver/effects.h"
#include "bridge/deliver/presence.h"
#include "bridge/deliver/split.h"
#include "bridge/directory/rights.h"
#include "bridge/engine/moves.h"
#include "bridge/rpc/cursors.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/frame.h"

struct devices;

/* Borrowed. */
struct devices_parts {
	struct rights *rights;
	struct writer *writer;
	struct directory *dir;
	struct effects *fx;
	struct cursors *cursors;
	const struct presence *presence; /* who is connected is in use */
	struct moves *moves;             /* and so is what is at another broker */
	struct log *log;
};

/* NULL: out of memory. */
struct devices *devices_new(const struct devices_parts *p);
void devices_free(struct devices **d);
/* See sessions_settings. */
void devices_set(struct devices *d, uint32_t remembered, int64_t days);

/* All of these inside the transaction. */

/* Record type OPEN of this plugin: a connection of this user's. A client id that is another's ends
 * it. */
int devices_come(struct devices *d, unsigned peer, const struct im_up_rec *rec,
	const struct rights_user *u) IM_MUST_CHECK;
/* Record type KEEP; so does it there. */
int devices_kept(struct devices *d, unsigned peer, const struct im_up_rec *rec) IM_MUST_CHECK;
/* Record type CLOSE, of this plugin. */
int devices_leave(struct devices *d, unsigned peer, const struct im_up_rec *rec) IM_MUST_CHECK;
/* Met in a plugin's snapshot: a connection whose client id was taken from its user goes, however
 * long ago that was, since the order for it may have been lost. *stays_out: it does not. */
int devices_met(struct devices *d, const struct im_up_rec *rec, const struct rights_user *u,
	bool *stays_out) IM_MUST_CHECK;
/* Record type OPEN, handled before: who could not stay may still be there. */
int devices_again(struct devices *d, const struct im_up_rec *rec) IM_MUST_CHECK;
/* Where a user's sessions may be that stay. A device account's are anywhere: for the client ids of
 * a pattern there need not be rows. IM_E_NONE: no such user. */
int devices_homes(const struct devices *d, struct im_str uid, split_mask *out) IM_MUST_CHECK;
/* The transaction is committed, or rolled back. */
void devices_settle(struct devices *d, bool committed);

#endif
