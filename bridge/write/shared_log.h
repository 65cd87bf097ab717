/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log that several nodes share, as the commit sees it. A transaction is executed on this node's
 * copy and offered to the log; only when the log has it is it committed to the copy and made
 * visible. A node by itself has no such log, and commits at once; behind this table stand
 * bridge/cluster, and a log of tests/flow.
 *
 * While an offer is under way the transaction stays open and nothing else is executed: what comes
 * waits (engine.h). Whatever stands behind this table runs in the engine's thread and does not
 * block it.
 */
#ifndef IM_BRIDGE_SHARED_LOG_H
#define IM_BRIDGE_SHARED_LOG_H

#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "bridge/write/writer.h"

enum shared_answer {
	SHARED_DONE, /* the log has it, next behind what the copy had */
	/* It has not, and never will: others were first. `follow` brings what they have appended
	 * (nothing, where an offer was lost), then the transaction is executed again. */
	SHARED_MOVED,
	SHARED_UNKNOWN, /* nobody knows yet; `ask` is called until somebody does */
	SHARED_LATER,   /* the answer comes by engine_appended */
};

struct shared_offer {
	uint64_t after;            /* the position of the copy before the transaction */
	uint64_t through;          /* and with it; the same: the directory alone was written to */
	struct writer_through own; /* through which of this node's records it has come */
	unsigned moved;            /* so often were others first already */
};

struct shared_log {
	void *arg;
	struct tx_part part; /* its own in each transaction; all NULL: none */
	/* What the open transaction has written can be read through w until the answer. */
	enum shared_answer (*append)(void *arg, struct writer *w, const struct shared_offer *o);
	/* What has become of the offer of which nobody knew. */
	enum shared_answer (*ask)(void *arg);
	/* Puts the next entry of the log that the copy has not into a transaction of its own, which
	 * is then committed as it is. What it plans is told then; its messages are read from the
	 * log by then, and delivered. *own_out, zero before: the entry is this node's own, and has
	 * come through these records. IM_E_NONE: the copy has all there is. IM_E_IO, IM_E_NOMEM: it
	 * is rolled back, and asked for again. */
	int (*follow)(void *arg, struct writer *w, struct writer_through *own_out);
};

#endif
