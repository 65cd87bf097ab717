/* SPDX-License-Identifier: BSD-3-Clause */
/* What the server has answered to a reader of the log: where that stands, and the entries behind.
 */
#ifndef IM_BRIDGE_PG_READ_H
#define IM_BRIDGE_PG_READ_H

#include <postgresql/libpq-fe.h>

#include "bridge/cluster/cluster_log.h"
#include "bridge/cluster/pg_value.h"
#include "common/err.h"

enum pg_standing {
	PG_STANDS,  /* what the reader has is the log's */
	PG_FORKED,  /* it is not */
	PG_TRIMMED, /* it may be; entries behind it are not there any more */
};

/* Of the result of END (schema/postgres/log.def). */
void pg_read_end(const PGresult *end, struct cluster_place *out);
/* entries: of ENTRIES, and asked for before `end`. */
enum pg_standing pg_read_standing(
	const PGresult *entries, const PGresult *end, const struct cluster_place *from);
/* The row of the first entry behind `from`. */
int pg_read_first(const struct cluster_place *from);
/* The bigint[] of all gids that the entries say they have amended, a parameter of MESSAGES. */
void pg_read_amended(const PGresult *entries, int first, struct pg_params *p);

/* Gives the entries from `first` on to `entry`, with their messages: of MESSAGES. *place follows.
 * Ends with what `entry` returns other than IM_OK, and when going(arg) says no. */
struct pg_delivery {
	void *arg; /* of entry */
	int (*entry)(void *arg, const struct cluster_entry *e);
	const void *going_arg;
	bool (*going)(const void *arg);
};
int pg_read_deliver(const PGresult *entries, int first, const PGresult *messages,
	const struct pg_delivery *d, struct cluster_place *place) IM_MUST_CHECK;

#endif
