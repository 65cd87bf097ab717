/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what is written to the audit log and how long it stays. Called by
 * bridge/directory/directory_audit.c and clients/imctl/offline_audit.c; what a command is, is known
 * above them. */
#include "schema/audit.h"

#include "common/limits.h"
#include "db/sqldb.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

bool audit_keeps(struct im_str member)
{
	static const char *const names[] = {"username", "gid", "owner", "members", "role", "kind",
		"join", "history", "member_limit", "device", "max_devices", "max", "conv", "with",
		"seq", "id", "closed", "erase", "seconds", "dir", "words", "database", "created",
		"updated", "unchanged", "usernames", "rate", "listed"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (im_str_eqz(member, names[i]))
			return true;
	return false;
}

static int write_row(struct sqldb *q, const char *sql, const struct audit_row *r)
{
	sqlite3_stmt *own = NULL, *st = sqldb_prepare(q, &own, sql);
	int rc;

	sqldb_bind_int(st, 1, r->now_ms);
	sqldb_bind_id(st, 2, r->actor);
	sqldb_bind_text(st, 3, r->name);
	sqldb_bind_text(st, 4, r->action);
	sqldb_bind_id(st, 5, r->user);
	sqldb_bind_text(st, 6, r->subject);
	sqldb_bind_text(st, 7, r->detail);
	sqldb_bind_int(st, 8, r->code);
	rc = sqldb_run(q, st);
	sqldb_finalize(&own);
	return rc;
}

/* A few at a time: no command waits for a lowered bound to be met. */
static int trim(struct sqldb *q, int64_t now_ms, int64_t days)
{
	sqlite3_stmt *own = NULL;
	sqlite3_stmt *st = sqldb_prepare(q, &own,
		"DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT 10)"
		" AND (ts_ms < ?1 OR id <= (SELECT max(id) FROM audit) - ?2)");
	int rc;

	sqldb_bind_int(st, 1, days > 0 ? now_ms - days * DAY_MS : INT64_MIN);
	sqldb_bind_int(st, 2, IM_AUDIT_MAX);
	rc = sqldb_run(q, st);
	sqldb_finalize(&own);
	return rc;
}

int audit_add(struct sqldb *q, const struct audit_row *r, int64_t days)
{
	int rc = write_row(q,
		"UPDATE audit SET n = n + 1, ts_ms = ?1 WHERE id ="
		" (SELECT id FROM audit WHERE actor = ?2 ORDER BY id DESC LIMIT 1)"
		" AND name = ?3 AND action = ?4 AND user = ?5 AND subject = ?6 AND detail = ?7"
		" AND code = ?8",
		r);

	if (rc != IM_OK || sqldb_changes(q) > 0)
		return rc;
	rc = write_row(q,
		"INSERT INTO audit (first_ms, ts_ms, actor, name, action, user, subject, detail, "
		"code)"
		" VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		r);
	return rc == IM_OK ? trim(q, r->now_ms, days) : rc;
}
