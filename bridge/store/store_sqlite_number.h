/* SPDX-License-Identifier: BSD-3-Clause */
/* Ordinals for what an earlier version has stored without. */
#ifndef IM_BRIDGE_STORE_SQLITE_NUMBER_H
#define IM_BRIDGE_STORE_SQLITE_NUMBER_H

#include "bridge/store/store_sqlite_core.h"

/* When the store is opened. */
int store_sqlite_number_start(struct store *s);
/* As store.h says. */
int store_sqlite_number(struct store *s, uint32_t limit, uint64_t *left_out);

#endif
