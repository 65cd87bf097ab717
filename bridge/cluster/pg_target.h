/* SPDX-License-Identifier: BSD-3-Clause */
/* Which server, database and role a connection is for, and what it is begun with. */
#ifndef IM_BRIDGE_PG_TARGET_H
#define IM_BRIDGE_PG_TARGET_H

#include <postgresql/libpq-fe.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

/* Begins a connection, without waiting for it. The nth attempt begins with the nth of several
 * hosts: libpq goes on to the next one by itself only when a host refuses, not when it is silent.
 * *limit_ms_out: how long the attempt may take. IM_E_FORMAT: somebody has to mend what is given,
 * why says what; never with anything of the connection string in it. */
int pg_target_begin(const char *conninfo, const char *password_file, unsigned nth, PGconn **out,
	int64_t *limit_ms_out, struct im_buf *why) IM_MUST_CHECK;

#endif
