/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From effects to the frames of one plugin: of what its own clients have caused, which slows them
 * down when it is slow, the urgent part leaves at once, with the commit-return behind it; what
 * large groups get goes through the queues, and so does all that others have caused, or nobody's
 * records, which no replay would tell again. That way a plugin that is slow, or stopped, costs a
 * bounded queue.
 */
#ifndef IM_BRIDGE_OUTBOX_H
#define IM_BRIDGE_OUTBOX_H

#include <stdbool.h>
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

/* There is a link, or there is none. */
void outbox_set_linked(struct outbox *o, bool linked);
/* Sends and queues what a committed transaction has planned. epoch != 0: everything through recno
 * is committed, which is said after the urgent part: when the plugin has it, it has all before it,
 * and what it does not have is replayed. epoch == 0: it is queued, and told until it is returned.
 * The urgent part waits behind what is queued and waits itself, so that a conversation stays in
 * order; one with something that a broker retains does so until that was returned. Without a link
 * it is missed. */
void outbox_take(struct outbox *o, const struct effects_share *s, uint64_t epoch, uint64_t recno);
/* Queues what other plugins' clients have caused. */
void outbox_hear(struct outbox *o, const struct effects_share *s);
/* What was heard is not all there any more: there was no link, or it has waited for too long. The
 * plugin forgets what it knows when it is asked for its sessions, and devices sync when they are
 * greeted. */
void outbox_miss(struct outbox *o);
bool outbox_missed(const struct outbox *o);
void outbox_made_up(struct outbox *o);
struct downq *outbox_queue(const struct outbox *o);
/* Queues records of EFFECTS_CONTROL (answers to requests). */
void outbox_answer(struct outbox *o, struct im_str answers);
/* While it is held everything waits in the queues. */
void outbox_hold(struct outbox *o, bool held);
/* It is known which sessions the plugin has; not so, which is how it begins, it may have anybody's.
 */
void outbox_set_known(struct outbox *o, bool known);
bool outbox_known(const struct outbox *o);
/* Gives out what waits, as far as the window allows. */
void outbox_pump(struct outbox *o);
/* A frame with this one record. */
void outbox_one(struct outbox *o, const struct im_down_rec *r);

#endif
