/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by import.c. A file is gone through several times, so that nothing is changed before all
 * of it is known to be right. */
#include "clients/imctl/import_lines.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Some programs begin a text file with it. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Passwords do not belong on a disk, so into memory. */
static int copy(struct import_lines *l, FILE *in, struct im_buf *why)
{
	int fd = memfd_create("imctl-import", MFD_CLOEXEC);
	size_t n, all = 0;

	l->in = fd < 0 ? NULL : fdopen(fd, "w+");
	l->own = l->in != NULL;
	while (l->in && (n = fread(l->text, 1, sizeof(l->text), in)) > 0) {
		all += n;
		if (all > IM_IMPORT_BYTES_MAX) {
			im_buf_printf(why,
				"more than %d MiB from a pipe: write it to a file, or give it in "
				"parts",
				IM_IMPORT_BYTES_MAX >> 20);
			return IM_E_FULL;
		}
		if (fwrite(l->text, 1, n, l->in) != n)
			break;
	}
	if (l->in && !ferror(in) && !ferror(l->in) && fflush(l->in) == 0)
		return import_lines_again(l);
	im_buf_printf(why, "cannot read the file: %s", strerror(errno));
	return IM_E_IO;
}

int import_lines_open(struct import_lines *l, FILE *in, struct im_buf *why)
{
	struct stat st;

	*l = (struct import_lines){.in = in};
	/* There are devices that can be gone back in, and have no end. */
	return fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode) ? import_lines_again(l)
								  : copy(l, in, why);
}

void import_lines_close(struct import_lines *l)
{
	if (l->own)
		fclose(l->in);
	explicit_bzero(l, sizeof(*l));
}

int import_lines_again(struct import_lines *l)
{
	l->number = 0;
	clearerr(l->in);
	return fseeko(l->in, 0, SEEK_SET) == 0 ? IM_OK : IM_E_IO;
}

int import_lines_next(struct import_lines *l, struct im_str *out)
{
	size_t n = 0;
	int c;

	while ((c = getc_unlocked(l->in)) != EOF && c != '\n')
		if (n++ < sizeof(l->text))
			l->text[n - 1] = (char)c;
	if (ferror(l->in))
		return IM_E_IO;
	if (c == EOF && n == 0)
		return IM_E_NONE;
	l->number++;
	if (n > sizeof(l->text))
		return IM_E_FULL;
	*out = (struct im_str){l->text, n};
	if (l->number == 1 && n >= 3 && memcmp(l->text, BYTE_ORDER_MARK, 3) == 0)
		*out = (struct im_str){l->text + 3, n - 3};
	while (out->n && out->p[out->n - 1] == '\r')
		out->n--;
	return IM_OK;
}
