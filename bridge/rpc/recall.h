/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking a message back: its words go, those of its edits too, its place stays, and a message of
 * type `recall` says so. Used by msg.recall and by administrators. Who may is the callers' to know.
 */
#ifndef IM_BRIDGE_RECALL_H
#define IM_BRIDGE_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/rpc.h"
#include "bridge/write/writer.h"
#include "common/err.h"

/* What takes an administrator's name's place. */
#define RECALL_ADMINISTRATOR "administrator"

struct recall {
	struct message say; /* the recall as a message, but for its body */
	uint64_t conv;
	struct im_str by; /* `recalled_by` of the message */
	bool say_by;      /* the recall names `by` as well: it is not who seems to send it */
};

/* t: the message, not recalled yet. */
int recall_write(struct rpc_write *wr, const struct recall *r, struct msg_target *t,
	uint64_t *seq_out) IM_MUST_CHECK;

#endif
