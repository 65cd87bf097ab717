/* SPDX-License-Identifier: BSD-3-Clause */
/* What the log holds in the end, read past the node: what was promised of it, whoever looks. */
#ifndef IM_TESTS_FLOW_LOG_H
#define IM_TESTS_FLOW_LOG_H

#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

struct flow_stored {
	uint64_t conv, seq, sender;
	enum im_conv_kind kind; /* of its conversation, with the ids of who takes part */
	uint64_t a, b;
	char id[32], body[64];
	struct flow_stored *next;
};

struct flow_stored *flow_log_read(struct flow *f);
void flow_log_free(struct flow_stored *log);
/* Seqs are 1, 2, 3 ... in each conversation, and no sender's id is there twice. */
void flow_log_check_dense(const struct flow_stored *log);
/* How often a body was stored, and that an ack for it told where. */
unsigned flow_log_check_acked(const struct flow_stored *log, const struct flow_sent *s);

#endif
