/* SPDX-License-Identifier: BSD-3-Clause */
/* What the list of conversations asks, as store.h says. */
#ifndef IM_BRIDGE_STORE_SQLITE_UNREAD_H
#define IM_BRIDGE_STORE_SQLITE_UNREAD_H

#include "bridge/store/store_sqlite_core.h"

int store_sqlite_read_shown(struct store_reader *r, uint64_t conv, struct store_head *out);
int store_sqlite_unread(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out);
int store_sqlite_mentions(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out);

#endif
