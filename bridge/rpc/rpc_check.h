/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters against a method's table: unknown ones, types, ranges, missing ones. */
#ifndef IM_BRIDGE_RPC_CHECK_H
#define IM_BRIDGE_RPC_CHECK_H

#include <jansson.h>

#include "bridge/rpc/rpc.h"
#include "common/buf.h"
#include "common/err.h"

/* IM_OK or IM_E_INVALID_PARAMS; why then says what was wrong and what would be right. prefix: how a
 * sentence calls a parameter ("params." before its name). */
int rpc_check(const char *method, const struct rpc_param *table, const json_t *params,
	const char *prefix, struct im_buf *why) IM_MUST_CHECK;

#endif
