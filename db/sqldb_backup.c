/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An online copy of one database: some pages a call, on the writer's own connection, so that what
 * is committed in between goes into the copy and the copy never starts again. Written to
 * {name}.db.part; the final name appears only when every byte is on disk.
 */
#include "db/sqldb_backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/datafile.h"

/* Pages of one step: 1 MiB, a few milliseconds between two commits. */
#define BACKUP_PAGES 256

struct sqldb_backup {
	struct sqldb *q;
	sqlite3 *to;
	sqlite3_backup *copy;
	char folder[4096], final[4096], part[4096];
};

void sqldb_backup_end(struct sqldb_backup **b)
{
	if (!*b)
		return;
	sqlite3_backup_finish((*b)->copy);
	sqlite3_close((*b)->to);
	unlink((*b)->part);
	(*b)->q->copying = false;
	free(*b);
	*b = NULL;
}

static int begin(struct sqldb *q, const char *folder, struct sqldb_backup **out)
{
	struct sqldb_backup *b = calloc(1, sizeof(*b));
	const char *name = q->spec->name;

	if (!b)
		return IM_E_NOMEM;
	*out = b;
	b->q = q;
	q->copying = true;
	if ((size_t)snprintf(b->folder, sizeof(b->folder), "%s", folder) >= sizeof(b->folder) ||
		(size_t)snprintf(b->final, sizeof(b->final), "%s/%s.db", folder, name) >=
			sizeof(b->final) ||
		(size_t)snprintf(b->part, sizeof(b->part), "%s/%s.db.part", folder, name) >=
			sizeof(b->part))
		return sqldb_fail(q, IM_E_IO, "the path is too long");
	unlink(b->part);
	if (sqlite3_open_v2(b->part, &b->to,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		    NULL) != SQLITE_OK)
		return sqldb_fail(q, IM_E_IO, sqlite3_errmsg(b->to));
	/* An unfinished copy is thrown away, so it needs no journal; it is synced once, at the end.
	 */
	if (sqlite3_exec(b->to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL,
		    NULL) != SQLITE_OK)
		return sqldb_fail(q, IM_E_IO, sqlite3_errmsg(b->to));
	b->copy = sqlite3_backup_init(b->to, "main", q->db, "main");
	return b->copy ? IM_OK : sqldb_fail(q, IM_E_IO, sqlite3_errmsg(b->to));
}

static int finish(struct sqldb_backup *b)
{
	struct sqldb *q = b->q;
	int rc = sqlite3_backup_finish(b->copy);

	b->copy = NULL;
	if (rc != SQLITE_OK)
		return sqldb_fail(q, IM_E_IO, sqlite3_errstr(rc));
	rc = sqlite3_close(b->to);
	b->to = NULL;
	if (rc != SQLITE_OK)
		return sqldb_fail(q, IM_E_IO, sqlite3_errstr(rc));
	if (datafile_sync(b->part) || rename(b->part, b->final) || datafile_sync(b->folder))
		return sqldb_fail(q, IM_E_IO, strerror(errno));
	return IM_OK;
}

int sqldb_backup_step(struct sqldb *q, const char *folder, struct sqldb_backup **b, bool *done_out,
	struct im_buf *why)
{
	int rc = IM_OK;
	int sq;

	*done_out = false;
	if (!*b)
		rc = begin(q, folder, b);
	if (rc == IM_OK) {
		sq = sqlite3_backup_step((*b)->copy, BACKUP_PAGES);
		if (sq == SQLITE_DONE) {
			rc = finish(*b);
			*done_out = rc == IM_OK;
		} else if (sq != SQLITE_OK && sq != SQLITE_BUSY && sq != SQLITE_LOCKED) {
			rc = sqldb_fail(q, IM_E_IO, sqlite3_errstr(sq));
		}
	}
	if (rc != IM_OK)
		im_buf_printf(why, "copying %s.db to %s failed: %s", q->spec->name, folder, q->err);
	if (rc != IM_OK || *done_out)
		sqldb_backup_end(b);
	return rc;
}
