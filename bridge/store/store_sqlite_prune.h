/* SPDX-License-Identifier: BSD-3-Clause */
/* Retention and expiry in the SQLite backend, as store.h says. */
#ifndef IM_BRIDGE_STORE_SQLITE_PRUNE_H
#define IM_BRIDGE_STORE_SQLITE_PRUNE_H

#include "bridge/store/store_sqlite_core.h"

int store_sqlite_prune(struct store *s, uint64_t conv, const uint64_t *except, size_t n_except,
	int64_t before_ms, uint32_t limit, uint32_t *deleted_out);
int store_sqlite_expire(struct store *s, int64_t now_ms, uint32_t limit, uint32_t *expired_out);

#endif
