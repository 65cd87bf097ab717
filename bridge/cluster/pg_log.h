/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cluster's log in PostgreSQL, behind the seam of cluster_log.h. Where the node stands and what
 * it has executed is the caller's business; here is one connection that appends and reads.
 */
#ifndef IM_BRIDGE_PG_LOG_H
#define IM_BRIDGE_PG_LOG_H

#include "bridge/base/log.h"
#include "bridge/base/loop.h"
#include "bridge/cluster/cluster_log.h"
#include "common/err.h"

struct pg_log;

struct pg_log_parts {
	struct loop *loop;
	struct log *log;
	const char *conninfo, *password_file; /* see pg_conn.h */
	/* Which node of the cluster this is: its number, from 1 to 32767, and its name. Both are
	 * its alone, and stay together. */
	unsigned node;
	const char *name;
	struct cluster_events events;
};

/* Does not connect. Copies the strings. */
int pg_log_new(const struct pg_log_parts *p, struct pg_log **out) IM_MUST_CHECK;
/* *l may be NULL. Not from within one of its events. */
void pg_log_free(struct pg_log **l);

extern const struct cluster_log_ops pg_log_ops;

#endif
