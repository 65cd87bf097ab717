/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What has a part in a transaction beside the two databases: memory that knows something of an open
 * transaction which a rollback makes untrue. Whoever keeps such memory gives one of these, and it
 * is joined to the writer once (writer_join), so that nobody needs to know all that there is to
 * undo.
 */
#ifndef IM_BRIDGE_TX_PART_H
#define IM_BRIDGE_TX_PART_H

#include <stdint.h>

struct tx_part {
	/* Both databases have the transaction. NULL: nothing is to be done then. */
	void (*commit)(void *arg);
	/* It did not happen, or by half, or somebody else has written: what is known of the
	 * databases is to be forgotten. Nothing has `first` or a later position of the log. NULL:
	 * as above. */
	void (*rollback)(void *arg, uint64_t first);
	void *arg;
};

#endif
