/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The answer to a list of names: each that is there, and the names that are not. One that nobody
 * has, or that is none of the caller's business, spoils nothing for the others.
 */
#ifndef IM_BRIDGE_RPC_NAMED_H
#define IM_BRIDGE_RPC_NAMED_H

#include "bridge/rpc/rpc.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* Appends what is told of one, an object. IM_E_UNKNOWN_USER, IM_E_UNKNOWN_GROUP: it is as if it
 * were not there; the refusal of what is no name at all ends the call. */
typedef int (*rpc_named_fn)(struct rpc_call *c, struct im_str name, struct im_buf *b);

/* The result for the names of a parameter, in their order: {"<list>":[..],"more":..} and, if there
 * are any, "unknown":[..]. `more`: the names behind as many as are in both did not fit. */
int rpc_named(
	struct rpc_call *c, const char *param, const char *list, rpc_named_fn put) IM_MUST_CHECK;

#endif
