/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading small files whole. Called wherever imctl takes a file's content as an argument. */
#include "clients/imctl/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, struct im_buf *out)
{
	char chunk[4096];
	int error = 0;
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			error = errno;
		if (n <= 0)
			break;
		im_buf_put(out, chunk, (size_t)n);
		if (out->failed) {
			error = EFBIG;
			break;
		}
	}
	if (fd != STDIN_FILENO)
		close(fd);
	explicit_bzero(chunk, sizeof(chunk));
	return error;
}

int file_read_line(const char *path, struct im_buf *out)
{
	int error = file_read(path, out);
	if (error)
		return error;
	size_t n = 0;
	while (n < out->n && out->p[n] != '\n' && out->p[n] != '\r')
		n++;
	out->n = n;
	im_buf_c(out, '\0');
	if (out->failed)
		return EFBIG;
	out->n--;
	return 0;
}

FILE *file_open(const char *path, struct im_buf *why)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct stat st;

	if (in == stdin)
		return in;
	if (!in || fstat(fileno(in), &st)) {
		im_buf_printf(why, "%s: %s", path, strerror(errno));
	} else if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || isatty(fileno(in))) {
		return in;
	} else {
		im_buf_printf(why, "%s: %s; give a file, or - for standard input", path,
			S_ISDIR(st.st_mode) ? "it is a folder" : "it is a device");
	}
	if (in)
		fclose(in);
	return NULL;
}
