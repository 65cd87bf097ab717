/* SPDX-License-Identifier: BSD-3-Clause */
/* A page of a list as a result: bounded in elements and in bytes, one element at least, and where
 * to go on: {"<list>":[..],"more":true,"next":".."}. */
#ifndef IM_BRIDGE_RPC_PAGE_H
#define IM_BRIDGE_RPC_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/str.h"

#define RPC_PAGE_STOP 0x7003 /* positive: no error code */
/* The longest name that a list goes by. */
#define RPC_PAGE_KEY_MAX (IM_GID_MAX + 1 + IM_UID_MAX) /* user.search; a client id is shorter */

struct rpc_page {
	struct im_buf one; /* the element in hand; emptied by rpc_page_add */
	struct im_buf *out;
	uint32_t count, limit; /* elements that were looked at, shown or not */
	size_t max_bytes;
	bool more;
	char next[RPC_PAGE_KEY_MAX + 1]; /* key of the last element that was taken */
};

/* Writes `{"<list>":[`, or `,"<list>":[` behind members that stand in `out` already. Whoever feeds
 * the page asks for limit + 1 rows. */
void rpc_page_begin(
	struct rpc_page *p, struct im_buf *out, const char *list, uint32_t limit, size_t max_bytes);
/* Takes `one`, whose key (at most RPC_PAGE_KEY_MAX bytes) continues the list. RPC_PAGE_STOP: the
 * page is full; IM_E_NOMEM. */
int rpc_page_add(struct rpc_page *p, struct im_str key) IM_MUST_CHECK;
/* Passes over an element that is not to be shown; it counts, since looking at it was work: a page
 * may hold fewer than `limit`, or none, and there be more. */
int rpc_page_skip(struct rpc_page *p, struct im_str key) IM_MUST_CHECK;
/* rc: how the walk ended. Closes the object unless it failed; frees what the page holds. */
int rpc_page_end(struct rpc_page *p, int rc) IM_MUST_CHECK;

#endif
