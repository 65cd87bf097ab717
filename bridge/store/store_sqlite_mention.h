/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom the messages of the SQLite backend mention: what the writer notes of it. */
#ifndef IM_BRIDGE_STORE_SQLITE_MENTION_H
#define IM_BRIDGE_STORE_SQLITE_MENTION_H

#include "bridge/store/store_sqlite_core.h"

/* The row that stands for everybody; no user has this id. */
#define STORE_MENTION_ALL 0

/* Of a message that is there and has none noted. */
int store_sqlite_mention_add(struct sqldb *q, uint64_t gid, const struct message_mentions *m);
/* While the message is still there. */
int store_sqlite_mention_drop(struct sqldb *q, uint64_t gid);

#endif
