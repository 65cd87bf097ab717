/* SPDX-License-Identifier: BSD-3-Clause */
/* The readers of the SQLite backend: messages without the operations between them, as store.h says.
 */
#ifndef IM_BRIDGE_STORE_SQLITE_SHOWN_H
#define IM_BRIDGE_STORE_SQLITE_SHOWN_H

#include "bridge/store/store_sqlite_core.h"

int store_sqlite_read_shown_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg);

#endif
