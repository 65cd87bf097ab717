/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading small files whole. */
#ifndef IM_IMCTL_FILE_H
#define IM_IMCTL_FILE_H

#include <stdio.h>

#include "common/buf.h"

/* Appends the file's bytes ("-": standard input) to *out, whose bound holds. Returns 0 or an errno
 * value; EFBIG when it is longer than the bound. */
int file_read(const char *path, struct im_buf *out);
/* Its first line without the line end, terminated by a NUL that is not counted. */
int file_read_line(const char *path, struct im_buf *out);

/* A file that is read line by line ("-": standard input); NULL, and *why says why not. Pipes and
 * terminals are read, too: whoever gives one waits for it. Other devices have no end. */
FILE *file_open(const char *path, struct im_buf *why);

#endif
