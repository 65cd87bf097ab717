/* SPDX-License-Identifier: BSD-3-Clause */
/* Quotas in directory.db. Called by quota.c, which knows what is allowed. */
#include "bridge/directory/directory_quota.h"

#include "bridge/directory/directory_sql.h"

#define HOUR_MS (INT64_C(60) * 60 * 1000)
#define DAY_HOURS 24

/* Whatever was counted in this hour or earlier is more than a day ago. */
static int64_t over_hour(int64_t now_ms)
{
	return now_ms / HOUR_MS - DAY_HOURS - 1;
}

int directory_quota_used(struct directory *d, uint64_t user, int kind, uint64_t subject,
	int64_t now_ms, int64_t *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_QUOTA_USED);

	sqldb_bind_id(st, 1, user);
	sqldb_bind_int(st, 2, kind);
	sqldb_bind_id(st, 3, subject);
	sqldb_bind_int(st, 4, over_hour(now_ms));
	return sqldb_number(&d->q, st, out);
}

int directory_quota_add(
	struct directory *d, uint64_t user, int kind, uint64_t subject, int64_t now_ms, int64_t n)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_QUOTA_ADD);
	int rc;

	sqldb_bind_id(st, 1, user);
	sqldb_bind_int(st, 2, kind);
	sqldb_bind_id(st, 3, subject);
	sqldb_bind_int(st, 4, now_ms / HOUR_MS);
	sqldb_bind_int(st, 5, n);
	rc = sqldb_run(&d->q, st);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_QUOTA_OVER);
	sqldb_bind_int(st, 1, over_hour(now_ms));
	return sqldb_run(&d->q, st);
}

int directory_quota_max(struct directory *d, uint64_t user, int kind, int64_t *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_QUOTA_MAX);
	int rc;

	sqldb_bind_id(st, 1, user);
	sqldb_bind_int(st, 2, kind);
	rc = sqldb_number(&d->q, st, out);
	if (rc == IM_E_NONE)
		*out = DIRECTORY_QUOTA_DEFAULT;
	return rc == IM_E_NONE ? IM_OK : rc;
}

int directory_quota_set_max(struct directory *d, uint64_t user, int kind, int64_t max)
{
	sqlite3_stmt *st = sqldb_get(
		&d->q, max == DIRECTORY_QUOTA_DEFAULT ? DIR_QUOTA_MAX_CLEAR : DIR_QUOTA_MAX_SET);

	sqldb_bind_id(st, 1, user);
	sqldb_bind_int(st, 2, kind);
	if (max != DIRECTORY_QUOTA_DEFAULT)
		sqldb_bind_int(st, 3, max);
	return sqldb_run(&d->q, st);
}
