/* SPDX-License-Identifier: BSD-3-Clause */
/* A request: found, parsed and checked before any method sees it. */
#ifndef IM_BRIDGE_RPC_REQUEST_H
#define IM_BRIDGE_RPC_REQUEST_H

#include <jansson.h>

#include "bridge/rpc/rpc.h"
#include "common/buf.h"
#include "common/str.h"

#define RPC_NOT_JSON "the payload is not JSON (RFC 8259, UTF-8, at most 64 levels deep)"

/* The method of this name, or NULL. */
typedef const struct rpc_method *(*rpc_find_fn)(struct im_str name);

/* A request as it came: either target = method and payload = params, or target empty and payload =
 * a JSON-RPC 2.0 request object. */
struct rpc_request {
	rpc_find_fn find;
	const struct rpc_method *method; /* NULL after an error */
	json_t *params;                  /* owned; NULL after an error */
	struct im_buf id;                /* the request's id as JSON text: "null" when none */
	int code;                        /* IM_OK or the error to answer */
	struct im_buf why;
	int64_t retry_ms; /* of the error: when it would be none; 0: not known */
};
/* Never fails: what is wrong is in code and why. Free with rpc_request_clear. */
void rpc_request_parse(
	rpc_find_fn find, struct im_str target, struct im_str payload, struct rpc_request *out);
/* It is not run, but answered with this code. */
void rpc_request_refuse(struct rpc_request *r, int code, struct im_str why, int64_t retry_ms);
void rpc_request_clear(struct rpc_request *r);

#endif
