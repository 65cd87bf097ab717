/* SPDX-License-Identifier: BSD-3-Clause */
/* What lies unused on the pages of a database: made zeros. */
#ifndef IM_DB_SQLDB_SCRUB_H
#define IM_DB_SQLDB_SCRUB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/*
 * SQLite zeroes what it deletes (secure_delete), but when it divides the rows of a full page anew,
 * it leaves copies of moved ones where the page is empty now; those outlive the row. This writes
 * zeros there, in the file itself, where SQLite never reads.
 *
 * Looks at so many pages from *page on (0: the first), which then is where to go on. Only for the
 * one writer of the database, outside of any transaction and view, when the write-ahead log is
 * empty and stays so until it returns: pages of the log would be read in place of those of the
 * file. *done_out: all pages have been looked at.
 */
int sqldb_scrub(sqlite3 *writer, uint32_t pages, uint32_t *page, bool *done_out) IM_MUST_CHECK;

/* One page's content; true if something was made zero. Pure, for tests. first: it is page 1. */
bool sqldb_scrub_page(unsigned char *p, uint32_t size, bool first);

#endif
