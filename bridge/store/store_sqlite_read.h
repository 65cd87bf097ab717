/* SPDX-License-Identifier: BSD-3-Clause */
/* The readers of the SQLite backend, as store.h says; and what of the log the writer reads, too. */
#ifndef IM_BRIDGE_STORE_SQLITE_READ_H
#define IM_BRIDGE_STORE_SQLITE_READ_H

#include "bridge/store/store_sqlite_core.h"

int store_sqlite_walk_conv(struct sqldb *q, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg);

int store_sqlite_reader_open(struct store *s, struct store_reader **out);
void store_sqlite_reader_close(struct store_reader *r);
void store_sqlite_reader_watch(struct store_reader *r, int (*passed)(void *arg), void *arg);
int store_sqlite_read_head(struct store_reader *r, uint64_t conv, struct store_head *out);
int store_sqlite_read_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg);
int store_sqlite_read_log(struct store_reader *r, uint64_t lo, uint64_t hi, bool descending,
	store_msg_fn fn, void *arg);
const char *store_sqlite_reader_errmsg(const struct store_reader *r);

#endif
