/* SPDX-License-Identifier: BSD-3-Clause */
/* An online copy of one database through SQLite's backup interface. Whoever makes it owns it. */
#ifndef IM_DB_SQLDB_BACKUP_H
#define IM_DB_SQLDB_BACKUP_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "db/sqldb.h"

struct sqldb_backup;

/* Copies the next pages of a writer's database into {folder}/{name}.db, outside a transaction. *b:
 * NULL at first, and again when it is complete or has failed. The copy gets its name when it is
 * complete and synced. */
int sqldb_backup_step(struct sqldb *q, const char *folder, struct sqldb_backup **b, bool *done_out,
	struct im_buf *why) IM_MUST_CHECK;
/* Ends a copy that is not complete and removes its file; before the connection is closed. NULL is
 * allowed. */
void sqldb_backup_end(struct sqldb_backup **b);

#endif
