/* SPDX-License-Identifier: BSD-3-Clause */
/* What a server must be to hold a cluster's log, and what of it an operator should know. */
#ifndef IM_BRIDGE_PG_SERVER_H
#define IM_BRIDGE_PG_SERVER_H

#include <stdbool.h>

#include "common/buf.h"

struct pg_server {
	int version; /* 150004: 15.4 */
	bool standby, read_only;
	/* Settings as the server says them. */
	const char *standby_names, *fsync, *full_page_writes;
	const char *synchronous_commit; /* what holds for the role where nobody sets another */
};

enum pg_verdict {
	PG_SERVER_FIT,
	PG_SERVER_WAIT,  /* not now */
	PG_SERVER_UNFIT, /* not before somebody has done something */
};

/* why: a sentence, unless it is fit. */
enum pg_verdict pg_server_check(const struct pg_server *s, struct im_buf *why);

/* Of a server that is fit: the ith thing that it does not promise, as a sentence that says what to
 * do; NULL: there are no more. */
#define PG_DOUBTS_MAX 4
const char *pg_server_doubt(const struct pg_server *s, unsigned i);

#endif
