/* SPDX-License-Identifier: BSD-3-Clause */
/* What the replies of one page quote: each message is looked up once, after the page was walked,
 * since a walk's callback begins no other. */
#ifndef IM_BRIDGE_QUOTES_H
#define IM_BRIDGE_QUOTES_H

#include <stddef.h>
#include <stdint.h>

#include "bridge/rpc/rpc.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"

/* Bodies that are read for the quotes of one page, together: 64 of the longest, by default. What is
 * quoted beyond them is named without. */
#define QUOTES_BYTES_MAX (4u * 1024 * 1024)

struct quotes {
	struct rpc_read *rd;
	uint64_t conv, floor; /* set by the caller: messages up to there are not his to see */
	size_t read;          /* bytes of bodies */
	struct im_buf texts;
	struct {
		uint64_t seq;
		size_t end; /* in texts */
	} v[IM_PAGE_MAX];
	size_t n;
};

/* Free with quotes_clear. */
void quotes_init(struct quotes *q, struct rpc_read *rd);
void quotes_clear(struct quotes *q);

/* The message that this one answers; 0: none, or it is not said any more. */
uint64_t quotes_reply_to(const struct store_msg *m, int64_t now_ms);

/* Appends `,"quote":` and how that message looks now; null if the caller does not see it, or it is
 * none that is shown. At most IM_PAGE_MAX different ones. */
int quotes_put(struct quotes *q, uint64_t seq, struct im_buf *out) IM_MUST_CHECK;

#endif
