/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers to administrators that wait until an erasure is done. */
#ifndef IM_BRIDGE_ERASURE_WAIT_H
#define IM_BRIDGE_ERASURE_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/upkeep/held.h"
#include "common/str.h"

/* More are answered at once: what they asked for is done all the same. */
#define ERASURE_WAITERS_MAX 16

struct erasure_waiter {
	uint64_t id;
	struct held held;
};

struct erasure_wait {
	struct erasure_waiter v[ERASURE_WAITERS_MAX];
	size_t n;
	uint64_t asked; /* whose response comes next; 0: none */
};

void erasure_wait_init(struct erasure_wait *w);
void erasure_wait_clear(struct erasure_wait *w);
void erasure_wait_for(struct erasure_wait *w, uint64_t id);
/* The response to what was asked for just now. The same one again, from a transaction that is tried
 * once more, takes the place of the first. */
bool erasure_wait_add(
	struct erasure_wait *w, struct im_str uid, struct im_str device, struct im_str response);
/* Everything through this one is done. */
void erasure_wait_done(struct erasure_wait *w, uint64_t id, held_reply_fn reply, void *arg);

#endif
