/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files in data_dir share: their paths, and the steps after which they survive a power
 * cut.
 */
#ifndef IM_DB_DATAFILE_H
#define IM_DB_DATAFILE_H

#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

#define DATAFILE_PATH 4096 /* as the system bounds paths */

/* {data_dir}/{name}. IM_E_FORMAT: that is longer than paths are. */
int datafile_path(const char *data_dir, const char *name, char path[DATAFILE_PATH],
	struct im_buf *why) IM_MUST_CHECK;
/* All of it, on the disk; or -1 and errno, ENOSPC when only a part of it went in. */
int datafile_write(int fd, const void *bytes, size_t n) IM_MUST_CHECK;
/* What lies under this name, on the disk: a file's bytes, a folder's names; or -1 and errno. A file
 * must not be lost where what refers to it is not. */
int datafile_sync(const char *path) IM_MUST_CHECK;
/* Says which file could not be "read" or "made", and by errno why. Returns IM_E_IO. */
int datafile_failed(const char *path, const char *doing, struct im_buf *why);

#endif
