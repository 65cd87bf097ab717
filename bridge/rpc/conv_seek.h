/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a conversation goes on behind a position of the log, found by steps that double back from
 * its head: what is asked for is seldom far from there. Reads the log alone. */
#ifndef IM_BRIDGE_CONV_SEEK_H
#define IM_BRIDGE_CONV_SEEK_H

#include <stdint.h>

#include "bridge/rpc/rpc.h"
#include "bridge/store/store.h"
#include "common/err.h"

/* The oldest message behind `cursor` with a seq above `floor`. head: the conversation's, which
 * stands behind `cursor` and above `floor`. */
int conv_seek(struct rpc_read *rd, uint64_t conv, uint64_t floor, struct store_head head,
	uint64_t cursor, struct store_head *out) IM_MUST_CHECK;

#endif
