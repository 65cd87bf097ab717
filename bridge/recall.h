/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking a message back: its words go, those of its edits too, its place stays, and a message of
 * type `recall` says so. Who may is the caller's to know.
 */
#ifndef IM_BRIDGE_RECALL_H
#define IM_BRIDGE_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/err.h"
#include "msg_target.h"
#include "rpc.h"
#include "writer.h"

struct recall {
	struct writer_msg say; /* the recall as a message, but for its body */
	uint64_t conv;
	struct im_str by; /* `recalled_by` of the message */
};

/* t: the message, not recalled yet. */
int recall_write(struct rpc_call *c, const struct recall *r, struct msg_target *t,
	uint64_t *seq_out) IM_MUST_CHECK;

#endif
