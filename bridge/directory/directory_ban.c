/* SPDX-License-Identifier: BSD-3-Clause */
/* Bans and mutes in directory.db. Called by group changes and by the methods that list them; must
 * not know why somebody is banned. */
#include "bridge/directory/directory_ban.h"

#include "bridge/directory/directory_sql.h"

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

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	return sqldb_has(&d->q, st, out);
}

int directory_ban_count_is(struct directory *d, uint64_t group, uint32_t n, bool *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BAN_NTH);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_int(st, 2, (int64_t)n - 1);
	return sqldb_has(&d->q, st, out);
}

static int walk(struct directory *d, int which, uint64_t group, uint64_t after, uint32_t limit,
	directory_kept_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, which);
	int rc;

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_kept k = {
			sqldb_id(st, 0), sqldb_str(st, 1), sqldb_int(st, 2), sqldb_int(st, 3)};

		rc = fn(arg, &k);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_ban_list(struct directory *d, uint64_t group, uint64_t after, uint32_t limit,
	directory_kept_fn fn, void *arg)
{
	return walk(d, DIR_BAN_LIST, group, after, limit, fn, arg);
}

int directory_mute_put(
	struct directory *d, uint64_t group, uint64_t user, int64_t until_ms, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MUTE_OVER);
	int rc;

	/* Who never comes back leaves a row; those that are over go, so few are left. */
	sqldb_bind_id(st, 1, group);
	sqldb_bind_int(st, 2, now_ms);
	rc = sqldb_run(&d->q, st);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_MUTE_PUT);
	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	sqldb_bind_int(st, 3, until_ms);
	return sqldb_run(&d->q, st);
}

int directory_mute_get(struct directory *d, uint64_t group, uint64_t user, int64_t *until_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MUTE_GET);
	int rc;

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	rc = sqldb_number(&d->q, st, until_out);
	if (rc == IM_E_NONE)
		*until_out = 0;
	return rc == IM_E_NONE ? IM_OK : rc;
}

int directory_mute_remove(struct directory *d, uint64_t group, uint64_t user)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MUTE_REMOVE);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	return sqldb_run(&d->q, st);
}

int directory_muted_list(struct directory *d, uint64_t group, uint64_t after, uint32_t limit,
	directory_kept_fn fn, void *arg)
{
	return walk(d, DIR_MUTED_LIST, group, after, limit, fn, arg);
}
