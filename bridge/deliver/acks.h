/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The acks and refusals of one transaction, gathered for each sender, so that a sender gets them in
 * one publish: a JSON array, begun anew before it grows beyond what a down frame carries.
 */
#ifndef IM_BRIDGE_ACKS_H
#define IM_BRIDGE_ACKS_H

#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "bridge/deliver/effects.h"
#include "common/err.h"
#include "common/ids.h"
#include "common/str.h"

struct acks;

struct acks *acks_new(void);
void acks_free(struct acks **a);

/* Whose they are. device: of a device account, which of its devices has sent; n == 0: of a person,
 * whose devices share one inbox. */
struct acks_of {
	struct im_str uid, device;
};

/* peer: uid or gid, as the sender named it. dropped: see im_wire_ack. IM_E_NOMEM. */
int acks_stored(struct acks *a, const struct acks_of *sender, struct im_str id,
	enum im_conv_kind kind, struct im_str peer, uint64_t seq, int64_t ts_ms,
	struct im_str dropped) IM_MUST_CHECK;
/* id.n == 0: the message had none; peer.n == 0: it was none, but a device's cursor. */
int acks_refused(struct acks *a, const struct acks_of *sender, struct im_str id,
	enum im_conv_kind kind, struct im_str peer, int code, struct im_str why) IM_MUST_CHECK;
/* Hands everything to the effects and starts over. */
void acks_flush(struct acks *a, struct effects *fx);
/* A rollback drops what was gathered. */
void acks_reset(struct acks *a);
struct tx_part acks_part(struct acks *a);

#endif
