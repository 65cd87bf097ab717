/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by imctl while no bridge runs: it takes minutes, in which nothing could be stored. */
#include "db/sqldb_vacuum.h"

#include <sqlite3.h>

#include "db/sqldb.h"

int sqldb_vacuum(const char *path, struct im_buf *why)
{
	sqlite3 *db = NULL;
	int rc = IM_OK;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
		sqlite3_busy_timeout(db, SQLDB_BUSY_MS) != SQLITE_OK ||
		sqlite3_exec(db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) !=
			SQLITE_OK) {
		im_buf_z(why, db ? sqlite3_errmsg(db) : "out of memory");
		rc = IM_E_IO;
	}
	sqlite3_close(db);
	return rc;
}
