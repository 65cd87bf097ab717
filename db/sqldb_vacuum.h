/* SPDX-License-Identifier: BSD-3-Clause */
/* A database written anew, without what lies unused in it. */
#ifndef IM_DB_SQLDB_VACUUM_H
#define IM_DB_SQLDB_VACUUM_H

#include "common/buf.h"
#include "common/err.h"

/* Of the file at `path`, which nobody has open: SQLite's VACUUM, and nothing is left in its log. It
 * is as it was on failure, and why gets the reason. */
int sqldb_vacuum(const char *path, struct im_buf *why) IM_MUST_CHECK;

#endif
