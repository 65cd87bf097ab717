/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A batch: several reading requests in one JSON-RPC 2.0 array, which one array answers. Each is
 * parsed, paid and read as if it had come alone, one after the other: this is the list of them, and
 * the array of replies as it grows. What writes is refused in its place, so that a batch has no
 * order among other requests and may be run again.
 */
#ifndef IM_BRIDGE_RPC_BATCH_H
#define IM_BRIDGE_RPC_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/rpc/rpc_request.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct rpc_batch {
	struct rpc_request *v; /* those behind `at`: to be read, or with the code to answer */
	size_t n, at;
	struct im_buf replies; /* of those before `at`; of all: the array */
	size_t owed;           /* bytes that refusals of all that have no reply yet take */
};

/* Whether a request is one; rpc_request_parse takes the others. */
bool rpc_batch_is(struct im_str target, struct im_str payload);
/* IM_OK; IM_E_NOMEM; or a wire code with `why` filled: of the array as a whole. */
int rpc_batch_parse(rpc_find_fn find, struct im_str payload, struct rpc_batch **out,
	struct im_buf *why) IM_MUST_CHECK;
void rpc_batch_free(struct rpc_batch **b);

/* Answers what is refused, until there is one to be read: true, and it is the caller's. False:
 * each has its reply. */
bool rpc_batch_next(struct rpc_batch *b, struct rpc_request *out);
/* The reply of the one that rpc_batch_next has given. One that would not leave room for the others
 * is replaced by a refusal. */
void rpc_batch_answer(struct rpc_batch *b, struct im_str id, const struct im_buf *reply);

#endif
