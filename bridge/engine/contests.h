/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two devices with one client id, at two brokers, throw each other out as often as their libraries
 * reconnect. How often a client id was taken over so, and until when the one that is there stays.
 * The same rule as within one broker, see plugin/contest.h. In memory, for a bounded number of
 * client ids, of which the oldest are forgotten.
 */
#ifndef IM_BRIDGE_CONTESTS_H
#define IM_BRIDGE_CONTESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/siphash.h"
#include "common/str.h"

struct contests;

/* NULL: out of memory. */
struct contests *contests_new(const struct im_sipkey *key);
void contests_free(struct contests **c);

enum contest {
	CONTEST_NONE,   /* it is taken over, and that is counted */
	CONTEST_BEGINS, /* once too often: the one that is there stays, for a while */
	CONTEST_GOES_ON,
};
/* One connection is to take over from another, at this time. */
enum contest contests_move(struct contests *c, struct im_str device, int64_t at_ms);
/* What was counted stays, or is not so. */
void contests_settle(struct contests *c, bool committed);

#endif
