/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The outboxes of all plugins: what a transaction has planned goes to each of them as far as it has
 * to do with it (split.h, whereabouts.h), a group has one tier at all of them, and what is an
 * answer to the client of one is nobody else's. One that is alone gets everything, and nothing is
 * looked up.
 */
#ifndef IM_BRIDGE_OUTBOXES_H
#define IM_BRIDGE_OUTBOXES_H

#include <stddef.h>
#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "bridge/deliver/outbox.h"
#include "bridge/deliver/whereabouts.h"
#include "common/err.h"

struct outboxes;

struct outboxes *outboxes_new(void);
void outboxes_free(struct outboxes **all);
/* Borrowed. NULL, which is how it begins: everybody may be everywhere. */
void outboxes_set_whereabouts(struct outboxes *all, struct whereabouts *w);
/* Borrowed until it is removed; number: of its plugin, below IM_PEERS_MAX. IM_E_EXISTS: there is
 * one of that number; IM_E_NOMEM. */
int outboxes_add(struct outboxes *all, struct outbox *o, unsigned number) IM_MUST_CHECK;
void outboxes_remove(struct outboxes *all, struct outbox *o);

/* As downq_tier and downq_pin, for all of them: where records of the group wait, they wait in the
 * same tier everywhere. A plugin that gets a part of them keeps the group in it for longer. */
enum effects_tier outboxes_tier(
	const struct outboxes *all, uint64_t group, enum effects_tier natural);
void outboxes_pin(const struct outboxes *all, uint64_t group, enum effects_tier tier, size_t ahead);

/* Gives what a committed transaction has planned to each, and empties the effects. own: whose
 * records were committed, see outbox_take; NULL: they were nobody's. One that is alone has caused
 * everything itself. */
void outboxes_take(struct outboxes *all, struct effects *fx, struct outbox *own, uint64_t epoch,
	uint64_t recno);
/* The same of answers to requests and what goes with them, which no transaction has planned and
 * `own`'s clients have asked for: see outbox_answer. own NULL: nobody's have. */
void outboxes_answer(struct outboxes *all, struct effects *fx, struct outbox *own);

/* Of all together. */
/* Something for anybody was lost: every plugin's devices are to be greeted. */
void outboxes_miss(const struct outboxes *all);
size_t outboxes_bytes(const struct outboxes *all);
unsigned outboxes_outstanding(const struct outboxes *all);

#endif
