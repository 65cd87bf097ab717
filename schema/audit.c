/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what is written to the audit log and how long it stays. Called by bridge/admin/audit.c and
 * clients/imctl/audit.c, which know what a command is. */
#include "schema/audit.h"

#include "common/limits.h"
#include "db/sqldb.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

bool audit_keeps(struct im_str member)
{
	static const char *const names[] = {"username", "gid", "owner", "members", "role", "kind",
		"join", "history", "member_limit", "device", "max_devices", "max", "conv", "with",
		"seq", "id", "closed", "erase", "seconds", "dir", "words", "database", "created",
		"existing"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (im_str_eqz(member, names[i]))
			return true;
	return false;
}

static int run(sqlite3 *db, sqlite3_stmt *st)
{
	int rc = st ? sqlite3_step(st) : SQLITE_ERROR;

	sqlite3_finalize(st);
	if (rc == SQLITE_DONE)
		return IM_OK;
	return (sqlite3_errcode(db) & 0xff) == SQLITE_NOMEM ? IM_E_NOMEM : IM_E_IO;
}

static int write_row(sqlite3 *db, const char *sql, const struct audit_row *r)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return run(db, NULL);
	sqldb_bind_int(st, 1, r->now_ms);
	sqldb_bind_id(st, 2, r->actor);
	sqldb_bind_text(st, 3, r->name);
	sqldb_bind_text(st, 4, r->action);
	sqldb_bind_id(st, 5, r->user);
	sqldb_bind_text(st, 6, r->subject);
	sqldb_bind_text(st, 7, r->detail);
	sqldb_bind_int(st, 8, r->code);
	return run(db, st);
}

/* A few at a time: no command waits for a lowered bound to be met. */
static int trim(sqlite3 *db, int64_t now_ms, int64_t days)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(db,
		    "DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT 10)"
		    " AND (ts_ms < ?1 OR id <= (SELECT max(id) FROM audit) - ?2)",
		    -1, &st, NULL) != SQLITE_OK)
		return run(db, NULL);
	sqldb_bind_int(st, 1, days > 0 ? now_ms - days * DAY_MS : INT64_MIN);
	sqldb_bind_int(st, 2, IM_AUDIT_MAX);
	return run(db, st);
}

int audit_add(sqlite3 *db, const struct audit_row *r, int64_t days)
{
	int rc = write_row(db,
		"UPDATE audit SET n = n + 1, ts_ms = ?1 WHERE id ="
		" (SELECT id FROM audit WHERE actor = ?2 ORDER BY id DESC LIMIT 1)"
		" AND name = ?3 AND action = ?4 AND user = ?5 AND subject = ?6 AND detail = ?7"
		" AND code = ?8",
		r);

	if (rc != IM_OK || sqlite3_changes(db) > 0)
		return rc;
	rc = write_row(db,
		"INSERT INTO audit (first_ms, ts_ms, actor, name, action, user, subject, detail, "
		"code)"
		" VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		r);
	return rc == IM_OK ? trim(db, r->now_ms, days) : rc;
}
