/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From effects to frames: what is urgent leaves at once, with the commit-return behind it; what
 * large groups get goes through the queues.
 */
#ifndef IM_BRIDGE_OUTBOX_H
#define IM_BRIDGE_OUTBOX_H

#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/deliver/downq.h"
#include "bridge/deliver/effects.h"

typedef void (*outbox_send_fn)(void *arg, struct im_str frame);

struct outbox;

/* Borrows all. */
struct outbox *outbox_new(
	struct downq *q, struct health *h, struct log *log, outbox_send_fn send, void *arg);
void outbox_free(struct outbox **o);

/* Sends and queues what a committed transaction has planned, and empties the effects. epoch != 0:
 * everything through recno is committed, which is said after the urgent part: when the plugin has
 * it, it has all before it, and what it does not have is replayed. */
void outbox_take(struct outbox *o, struct effects *fx, uint64_t epoch, uint64_t recno);
/* Queues what was planned for EFFECTS_CONTROL (answers to requests), and empties the effects. */
void outbox_answer(struct outbox *o, struct effects *fx);
/* Gives out what waits, as far as the window allows. */
void outbox_pump(struct outbox *o);
/* A frame with this one record. */
void outbox_one(struct outbox *o, const struct im_down_rec *r);

#endif
