/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has a part in a transaction beside the two databases: memory that a transaction changes, or
 * that knows something of what the databases hold. Whoever keeps such memory gives one of these,
 * and it is joined to the writer once (writer_join), so that nobody needs to know all that there is
 * to undo and to forget.
 */
#ifndef IM_BRIDGE_TX_PART_H
#define IM_BRIDGE_TX_PART_H

#include <stdbool.h>
#include <stdint.h>

/* Each NULL: nothing is to be done then. */
struct tx_part {
	/* Both databases have the transaction. */
	void (*commit)(void *arg);
	/* The directory has it not, and neither has the log, unless it is `logged`: then its
	 * records are committed, and what comes again of them is a replay. Nothing has `first` or a
	 * later position of the log. */
	void (*rollback)(void *arg, uint64_t first, bool logged);
	/* What is known of the databases may not be true any more: after each rollback, and when
	 * somebody else has written. What is known of the users alone stays. */
	void (*forget)(void *arg);
	void *arg;
};

#endif
