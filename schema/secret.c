/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads and makes link.secret. Called by the plugin at start and at each login of the bridge, by
 * the bridge before each connection, so that who replaces the file restarts nothing but the bridge.
 */
#include "schema/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/datafile.h"

static int failed(const char *path, const char *doing, struct im_buf *why)
{
	(void)datafile_failed(path, doing, why);
	im_buf_z(why, "; it belongs to the user that broker and bridge run as, with mode 600, in a "
		      "folder that this user may write to");
	return IM_E_IO;
}

static void to_hex(const uint8_t bytes[SECRET_BYTES], char hex[SECRET_PASSWORD + 1])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < SECRET_BYTES; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[SECRET_PASSWORD] = '\0';
}

/* A secret that others know is none, and half of one is easily guessed. */
static int read_bytes(int fd, const char *path, uint8_t bytes[SECRET_BYTES], struct im_buf *why)
{
	struct stat st;
	char beyond;
	ssize_t n;

	if (fstat(fd, &st))
		return failed(path, "read", why);
	if (S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO)) {
		im_buf_printf(why,
			"%s has mode %03o, so others may know it: remove it and restart im-bridge, "
			"which makes another one with mode 600",
			path, (unsigned)(st.st_mode & 07777));
		return IM_E_FORMAT;
	}
	n = S_ISREG(st.st_mode) ? pread(fd, bytes, SECRET_BYTES, 0) : 0;
	if (n < 0)
		return failed(path, "read", why);
	if (n == SECRET_BYTES && pread(fd, &beyond, 1, SECRET_BYTES) == 0)
		return IM_OK;
	im_buf_printf(why,
		"%s is not a file of %d bytes: remove it and restart im-bridge, which makes "
		"another one",
		path, SECRET_BYTES);
	return IM_E_FORMAT;
}

int secret_read(const char *data_dir, char password_out[SECRET_PASSWORD + 1], struct im_buf *why)
{
	uint8_t bytes[SECRET_BYTES];
	char path[DATAFILE_PATH];
	int fd, rc = datafile_path(data_dir, SECRET_FILE, path, why);

	if (rc)
		return rc;
	/* Whatever it is, opening it must not wait. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		im_buf_printf(why,
			"%s is missing: restart im-bridge with this data_dir, it makes one", path);
		return IM_E_NONE;
	}
	if (fd < 0)
		return failed(path, "read", why);
	rc = read_bytes(fd, path, bytes, why);
	close(fd);
	if (!rc)
		to_hex(bytes, password_out);
	explicit_bzero(bytes, sizeof(bytes));
	return rc;
}

static int make(const char *data_dir, const uint8_t fresh[SECRET_BYTES], struct im_buf *why)
{
	char path[DATAFILE_PATH], temporary[DATAFILE_PATH];
	int fd, rc = datafile_path(data_dir, SECRET_FILE, path, why);

	if (!rc)
		rc = datafile_path(data_dir, SECRET_FILE ".XXXXXX", temporary, why);
	if (rc)
		return rc;
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 600 */
	if (fd < 0)
		return failed(path, "made", why);
	/* Somebody else was faster: his counts. */
	if (datafile_write(fd, fresh, SECRET_BYTES) || (link(temporary, path) && errno != EEXIST))
		rc = failed(path, "made", why);
	unlink(temporary);
	close(fd);
	/* The name must not be lost where the file is not, or the two sides would have different
	 * ones after a power cut. */
	return rc || !datafile_sync(data_dir) ? rc : failed(path, "synced", why);
}

int secret_make(const char *data_dir, const uint8_t fresh[SECRET_BYTES],
	char password_out[SECRET_PASSWORD + 1], struct im_buf *why)
{
	struct im_buf missing;
	int rc;

	im_buf_init(&missing, 0);
	rc = secret_read(data_dir, password_out, &missing);
	if (rc == IM_E_NONE) {
		im_buf_reset(&missing);
		rc = make(data_dir, fresh, &missing);
		if (!rc)
			rc = secret_read(data_dir, password_out, &missing);
	}
	if (rc)
		im_buf_str(why, im_buf_view(&missing));
	im_buf_free(&missing);
	return rc;
}
