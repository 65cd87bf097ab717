/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by the plugin, the bridge and imctl for their configuration, lists and keys. */
#include "db/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0: it can be read from beginning to end. */
static int kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return errno;
	if (S_ISREG(st.st_mode))
		return 0;
	return S_ISDIR(st.st_mode) ? EISDIR : TEXTFILE_ODD;
}

int textfile_read(const char *path, size_t max, struct im_buf *b)
{
	/* Whatever it is, opening it must not wait. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), error;
	size_t begin = b->n;
	ssize_t n = 0;
	char chunk[4096];

	if (fd < 0)
		return errno == ENXIO ? TEXTFILE_ODD : errno; /* a socket */
	error = kind_of(fd);
	while (!error && b->n - begin <= max && (n = read(fd, chunk, sizeof(chunk))) > 0)
		im_buf_put(b, chunk, (size_t)n);
	if (n < 0)
		error = errno;
	else if (n > 0)
		error = EFBIG;
	else if (!error && b->failed)
		error = ENOMEM;
	close(fd);
	explicit_bzero(chunk, sizeof(chunk));
	return error;
}

const char *textfile_why(int error)
{
	return error == TEXTFILE_ODD ? "it is a pipe, a socket or a device; name a regular file"
				     : strerror(error);
}

bool textfile_blank(struct im_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!strchr(" \t\r\n", text.p[i]) || !text.p[i])
			return false;
	return true;
}
