/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes between a connection to PostgreSQL and its use: settings, whether the server is one
 * that can hold the log, the schema. Says once in its life what the server does not promise.
 */
#ifndef IM_BRIDGE_PG_SESSION_H
#define IM_BRIDGE_PG_SESSION_H

#include "bridge/base/log.h"
#include "bridge/cluster/pg_conn.h"
#include "bridge/cluster/pg_migrate.h"

struct pg_session {
	struct pg_conn *conn;
	struct log *log;
	void *arg;
	void (*ready)(void *arg);
	/* Its own. */
	struct pg_migrate migrate;
	const char *said[4]; /* of pg_server_doubt */
};

/* The first four are set. The connection is up: calls ready, or ends it. */
void pg_session_begin(struct pg_session *s);
void pg_session_free(struct pg_session *s);

#endif
