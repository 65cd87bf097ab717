/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of the audit log. What goes in is audit.c's, its form and bounds are schema/audit.c's. */
#include "bridge/directory/directory_audit.h"

#include "bridge/directory/directory_sql.h"

int directory_audit_add(struct directory *d, const struct audit_row *r, int64_t days)
{
	return audit_add(&d->q, r, days);
}

int directory_audit_list(struct directory *d, uint64_t after, uint64_t user, uint32_t limit,
	directory_audit_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_AUDIT_LIST);
	int rc;

	sqldb_bind_id(st, 1, after);
	sqldb_bind_id(st, 2, user);
	sqldb_bind_int(st, 3, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_audit a = {
			.id = sqldb_id(st, 0),
			.first_ms = sqldb_int(st, 1),
			.last_ms = sqldb_int(st, 2),
			.n = sqldb_id(st, 3),
			.by = sqldb_str(st, 4),
			.action = sqldb_str(st, 5),
			.subject = sqldb_str(st, 6),
			.detail = sqldb_str(st, 7),
			.code = sqldb_int(st, 8),
		};

		rc = fn(arg, &a);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_audit_newest(struct directory *d, uint64_t user, uint32_t n, uint64_t *after_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_AUDIT_NEWEST);
	int rc;

	sqldb_bind_id(st, 1, user);
	sqldb_bind_int(st, 2, n);
	rc = sqldb_count(&d->q, st, after_out);
	return rc == IM_E_NONE ? IM_OK : rc;
}
