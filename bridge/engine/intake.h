/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What users send: checks a message or signal inside the transaction, gives a repeated id its first
 * answer, and hands what is new to the writer. Refusals and acks go to the sender with the
 * transaction's other effects.
 */
#ifndef IM_BRIDGE_INTAKE_H
#define IM_BRIDGE_INTAKE_H

#include <stdint.h>

#include "bridge/base/cost.h"
#include "bridge/base/health.h"
#include "bridge/deliver/acks.h"
#include "bridge/deliver/effects.h"
#include "bridge/directory/rights.h"
#include "bridge/write/dedup.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/frame.h"

struct intake;

struct moderation;

/* Borrowed. */
struct intake_parts {
	struct rights *rights;
	struct cost *cost;
	struct dedup *dedup;
	struct writer *writer;
	struct effects *fx;
	struct acks *acks;
	struct health *health;
	struct moderation *moderation; /* NULL: bodies may hold anything */
};

struct intake *intake_new(const struct intake_parts *p);
void intake_free(struct intake **in);

/* Record types MSG_*: IM_OK whether it was taken or refused; IM_E_IO, IM_E_NOMEM: roll back. */
int intake_message(struct intake *in, const struct im_up_rec *rec) IM_MUST_CHECK;
/* Record types SIGNAL_*; one that is older than a signal's life at now_ms is dropped. */
int intake_signal(struct intake *in, const struct im_up_rec *rec, int64_t now_ms) IM_MUST_CHECK;

#endif
