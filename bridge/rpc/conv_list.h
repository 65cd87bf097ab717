/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A caller's list of conversations, for the methods that show a page of it: all of them, or those
 * about which something has changed since a cursor; and what is new in them together.
 */
#ifndef IM_BRIDGE_CONV_LIST_H
#define IM_BRIDGE_CONV_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/rpc/conv_order.h"
#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/rpc.h"

struct conv_list {
	struct rpc_read *rd;
	struct conv_set set;
	struct conv_set left; /* groups that the caller has gone out of */
	struct conv_order order;
	bool all; /* not only what has changed */
};

/* What is listed. */
struct conv_choice {
	bool pinned_first;
	bool changed; /* only what has, after the position `since`, and what is gone since then */
	uint64_t since;
};

/* Inside open views. A position from before changes were noted is answered with all that there is.
 * Close also after a failure. */
int conv_list_open(
	struct rpc_read *rd, const struct conv_choice *choice, struct conv_list *out) IM_MUST_CHECK;
void conv_list_close(struct conv_list *l);
/* Members of the result, an object that these begin if nothing is in it yet. */
/* `"cursor":".."`: from where on the next list may be asked for what has changed. */
void conv_list_put_cursor(struct conv_list *l);
/* `"groups":{"cursor":".."}`: when the caller came into one last, went out of one, or got another
 * role. */
int conv_list_put_groups(struct conv_list *l) IM_MUST_CHECK;
/* `"all":true`: what is not in the list is gone. */
void conv_list_put_all(struct conv_list *l);
/* `"total_unread":..,"total_mentions":..`: of the IM_TOTAL_CONVS newest, whatever a page holds. */
int conv_list_put_news(struct conv_list *l) IM_MUST_CHECK;
/* `"conversations":[..],"more":..,"next":..}`: what stands behind `after` (NULL: from the
 * beginning). The object ends with it. */
int conv_list_page(struct conv_list *l, bool brief, const struct conv_key *after) IM_MUST_CHECK;

#endif
