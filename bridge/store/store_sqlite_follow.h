/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For whoever keeps this log a copy of another one (bridge/cluster/copy.h) and writes rows of it
 * past the store: its connection, and what the store's memory has to hear of that. Within the
 * store's transaction, whose rollback takes it back.
 */
#ifndef IM_BRIDGE_STORE_SQLITE_FOLLOW_H
#define IM_BRIDGE_STORE_SQLITE_FOLLOW_H

#include "bridge/store/store.h"
#include "db/sqldb.h"

struct sqldb *store_sqlite_db(struct store *s);
/* Before its row is written: a conversation, new or not. New ones in the order of their ids. */
int store_sqlite_followed_conv(struct store *s, const struct store_conv *c) IM_MUST_CHECK;
/* A message was put or taken away; somebody's last place in a conversation was. */
void store_sqlite_followed_message(struct store *s, uint64_t gid, uint64_t conv);
void store_sqlite_followed_speaker(struct store *s, uint64_t conv, uint64_t user);

#endif
