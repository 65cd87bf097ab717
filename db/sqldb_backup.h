/* SPDX-License-Identifier: BSD-3-Clause */
/* An online copy of one database through SQLite's backup interface. Called by sqldb.c only. */
#ifndef IM_BRIDGE_SQLDB_BACKUP_H
#define IM_BRIDGE_SQLDB_BACKUP_H

struct sqldb_backup;

/* Ends a copy that is not complete and removes its file. NULL is allowed. */
void sqldb_backup_abandon(struct sqldb_backup **b);

#endif
