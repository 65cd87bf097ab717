/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer of the SQLite backend, as store.h says. */
#ifndef IM_BRIDGE_STORE_SQLITE_WRITE_H
#define IM_BRIDGE_STORE_SQLITE_WRITE_H

#include "bridge/store/store_sqlite_core.h"

int store_sqlite_begin(struct store *s);
void store_sqlite_rollback(struct store *s);
int store_sqlite_write_head(struct store *s, uint64_t conv, struct store_head *out);
int store_sqlite_append(struct store *s, const struct store_msg *m);
int store_sqlite_get(struct store *s, uint64_t conv, uint64_t seq, store_msg_fn fn, void *arg);
int store_sqlite_amend(struct store *s, const struct store_msg *m);
int store_sqlite_origin(struct store *s, uint64_t gid, struct message_origin *out);
int store_sqlite_commit(struct store *s, const struct store_mark *mark);
int store_sqlite_log_head(struct store *s, uint64_t *gid_out);
int store_sqlite_marks(struct store *s, store_mark_fn fn, void *arg);

#endif
