/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that an operator writes and a running program reads, perhaps while they are being written:
 * whole, within a bound, and without waiting for anybody. What is no regular file (a pipe, a
 * device) would hold the reader up, or give less than was meant, so it is not read at all.
 */
#ifndef IM_DB_TEXTFILE_H
#define IM_DB_TEXTFILE_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

#define TEXTFILE_ODD (-1) /* neither a regular file nor a folder */

/* Appends the whole file; 0, TEXTFILE_ODD, or the errno that says why not (EFBIG: more than max
 * bytes). */
int textfile_read(const char *path, size_t max, struct im_buf *b) IM_MUST_CHECK;
/* What strerror says of an errno, and of TEXTFILE_ODD. */
const char *textfile_why(int error);

/* True of a text without anything in it: whoever writes a file in place empties it first, and then
 * it says less than he means. A comment is something. */
bool textfile_blank(struct im_str text);

#endif
