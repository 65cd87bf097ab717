/* SPDX-License-Identifier: BSD-3-Clause */
/* Bans in directory.db. Called by group changes; must not know why somebody is banned. */
#include "directory_ban.h"

#include "directory_sql.h"

int directory_ban_add(struct directory *d, uint64_t group, uint64_t user, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BAN_ADD);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	sqldb_bind_int(st, 3, now_ms);
	return sqldb_run(&d->q, st);
}

int directory_ban_remove(struct directory *d, uint64_t group, uint64_t user)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BAN_REMOVE);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	return sqldb_run(&d->q, st);
}

int directory_ban_has(struct directory *d, uint64_t group, uint64_t user, bool *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BAN_HAS);
	int64_t one;
	int rc;

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	rc = sqldb_number(&d->q, st, &one);
	*out = rc == IM_OK;
	return rc == IM_E_NONE ? IM_OK : rc;
}
