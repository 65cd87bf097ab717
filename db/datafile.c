/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by whoever owns a file in data_dir; must not know what is in it. */
#include "db/datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int datafile_path(
	const char *data_dir, const char *name, char path[DATAFILE_PATH], struct im_buf *why)
{
	int n = snprintf(path, DATAFILE_PATH, "%s/%s", data_dir, name);

	if (n > 0 && n < DATAFILE_PATH)
		return IM_OK;
	im_buf_z(why, "data_dir is too long");
	return IM_E_FORMAT;
}

int datafile_write(int fd, const void *bytes, size_t n)
{
	ssize_t written = write(fd, bytes, n);

	if (written < 0)
		return -1;
	if ((size_t)written < n) {
		/* A part is no error to the system, which leaves errno as it was. */
		errno = ENOSPC;
		return -1;
	}
	return fsync(fd);
}

int datafile_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc, reason;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	reason = errno;
	close(fd);
	errno = reason;
	return rc;
}

int datafile_failed(const char *path, const char *doing, struct im_buf *why)
{
	im_buf_printf(why, "%s cannot be %s: %s", path, doing, strerror(errno));
	return IM_E_IO;
}
