/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversations in the order of a list: by the newest messages that are shown, so that an operation
 * moves none; one without a message stands where its settings were last changed. Pinned ones may
 * come first.
 *
 * Which message is shown costs two looks into conv_log's index, and two more for each doubling of
 * the operations behind it, and is asked only of those conversations that the page may hold: it is
 * never newer than the head, so they wait in a heap, each by its head until the other is known.
 * With 10,000 conversations the heads are 20 ms of a processor for each page, as ever; the last
 * page, for which all are asked, took 100 ms where half of them ended in 20 operations.
 */
#ifndef IM_BRIDGE_CONV_ORDER_H
#define IM_BRIDGE_CONV_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/rpc.h"
#include "common/buf.h"
#include "common/str.h"

/* Where a conversation stands. */
struct conv_key {
	bool pinned; /* and those are first */
	uint64_t at; /* a log position */
};

struct conv_order {
	struct conv_place *v; /* a heap, once it is sorted */
	size_t n;
	bool pinned_first;
};

/* Room for so many. IM_E_NOMEM. Free with conv_order_clear, also after a failure. */
int conv_order_init(struct conv_order *o, size_t max, bool pinned_first) IM_MUST_CHECK;
void conv_order_clear(struct conv_order *o);
/* One whose head and settings are known. */
void conv_order_add(struct conv_order *o, struct conv_item *item);
void conv_order_sort(struct conv_order *o);
/* Takes out the next of those that stand behind `after` (NULL: of all), with its key; its `shown`
 * is filled. *out NULL: there is none. */
int conv_order_next(struct rpc_read *rd, struct conv_order *o, const struct conv_key *after,
	struct conv_item **out, struct conv_key *key_out) IM_MUST_CHECK;

/* A key as a client gives it back. */
void conv_key_put(struct im_buf *b, const struct conv_key *key);
bool conv_key_parse(struct im_str text, bool pinned_first, struct conv_key *out);

#endif
