/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * At which plugins a user may have a session: where a device of his is connected, as presence
 * knows, and where one may have left a session that stays, its home. Homes are asked for by a
 * callback and kept in a bounded cache until something of the user's devices changes. No I/O of its
 * own.
 *
 * Errs on one side only: whoever cannot be told counts for every plugin. That is a user whose homes
 * cannot be read, one whose homes would be read when many were already for the delivery in hand, a
 * device account, and whoever has no such name.
 */
#ifndef IM_BRIDGE_WHEREABOUTS_H
#define IM_BRIDGE_WHEREABOUTS_H

#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "bridge/deliver/presence.h"
#include "bridge/deliver/split.h"
#include "common/err.h"
#include "common/siphash.h"
#include "common/str.h"

struct whereabouts;

/* The homes of a user: IM_OK, and what he has is known until whereabouts_changed; anything else: it
 * is not. */
typedef int (*whereabouts_homes_fn)(void *arg, struct im_str uid, split_mask *out);

/* Borrows presence. NULL: out of memory. */
struct whereabouts *whereabouts_new(const struct presence *p, const struct im_sipkey *key,
	whereabouts_homes_fn homes, void *arg);
void whereabouts_free(struct whereabouts **w);

/* A delivery begins: homes may be read again, up to a bound. */
void whereabouts_begin(struct whereabouts *w);
/* As split_where_fn; arg is the struct whereabouts. */
split_mask whereabouts_of(void *arg, struct im_str uid);

/* A device of the user's was bound, has come, may leave a session from now on, was removed; or he
 * has another role. In the transaction that writes it. */
void whereabouts_changed(struct whereabouts *w, struct im_str uid);
struct tx_part whereabouts_part(struct whereabouts *w);

#endif
