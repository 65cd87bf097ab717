/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Brings the schema im in PostgreSQL up to the version that this program knows, each step in a
 * transaction of its own. Any number of nodes may do so at once: the row that holds the version is
 * the lock.
 */
#ifndef IM_BRIDGE_PG_MIGRATE_H
#define IM_BRIDGE_PG_MIGRATE_H

#include "bridge/cluster/pg_conn.h"
#include "common/buf.h"
#include "db/migrate.h"

struct pg_migrate {
	struct pg_conn *conn;
	const struct migration *list; /* of "postgres", from 0 on without a gap; ends as all do */
	void *arg;
	void (*done)(void *arg);
	/* Its own. */
	int found;
	struct im_buf text;
};

/* The first four are set. Calls done, or ends the connection: for good where the schema is newer
 * than this program. Before the first pg_conn_calls; goes on until either, or pg_conn_close. */
void pg_migrate_begin(struct pg_migrate *m);
void pg_migrate_free(struct pg_migrate *m);

#endif
