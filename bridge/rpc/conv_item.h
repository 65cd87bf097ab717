/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a conversation looks in a list: whole, or in brief, which is what a first screen needs of it.
 * In brief, members at their default are left out, and texts are their beginnings.
 */
#ifndef IM_BRIDGE_CONV_ITEM_H
#define IM_BRIDGE_CONV_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/rpc.h"

/* In brief, all but the names and avatars in it. A screen of 50 is 25 KB then, and a page has room
 * for more than 100. */
#define CONV_BRIEF_MAX 500

/* Appends it as an object, `{"conv":..,"gone":true}` if it is; nothing if it is not to be shown.
 * item->head and item->shown are those of the log. Inside open views. */
int conv_item_put(
	struct rpc_read *rd, struct conv_item *item, bool brief, struct im_buf *b) IM_MUST_CHECK;
/* Counts what is new in it behind view_mark, unless that was done. Of one whose peer and settings
 * are known. */
int conv_item_news(struct rpc_read *rd, struct conv_item *item, uint64_t mark) IM_MUST_CHECK;

#endif
