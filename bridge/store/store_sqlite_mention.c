/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rows of table mention. Called by the writer and by retention; who counts them is
 * store_sqlite_unread.c. */
#include "bridge/store/store_sqlite_mention.h"

static int add(struct sqldb *q, uint64_t gid, uint64_t user)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_MENTION_ADD);

	sqldb_bind_id(st, 1, gid);
	sqldb_bind_id(st, 2, user);
	return sqldb_run(q, st);
}

int store_sqlite_mention_add(struct sqldb *q, uint64_t gid, const struct message_mentions *m)
{
	int rc = IM_OK;

	if (m->all)
		return add(q, gid, STORE_MENTION_ALL);
	for (uint32_t i = 0; i < m->n && rc == IM_OK; i++)
		rc = add(q, gid, m->users[i]);
	return rc;
}

int store_sqlite_mention_drop(struct sqldb *q, uint64_t gid)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_MENTION_DROP);

	sqldb_bind_id(st, 1, gid);
	return sqldb_run(q, st);
}
