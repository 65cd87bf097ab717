/* SPDX-License-Identifier: BSD-3-Clause */
/* What a failure of PostgreSQL's means to whoever has to do something about it. */
#ifndef IM_BRIDGE_PG_WHY_H
#define IM_BRIDGE_PG_WHY_H

#include <stdbool.h>

#include "common/buf.h"

/* Appends the server's message and what to do, in one line. True: it is fatal, trying again is of
 * no use until somebody has done something. sqlstate: five characters, or NULL. */
bool pg_why(const char *sqlstate, const char *message, struct im_buf *why);
/* The state within a message that libpq has given verbosely. False: none is in it. */
bool pg_why_state(const char *message, char state_out[6]);

#endif
