/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads and makes names.key. Called by account.c when a name is asked for, and by the bridge when
 * one is erased. */
#include "schema/name_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/ids.h"
#include "common/limits.h"
#include "db/datafile.h"

int name_key_read(const char *data_dir, struct im_sipkey *out, struct im_buf *why)
{
	char path[DATAFILE_PATH];
	ssize_t n;
	int fd, rc = datafile_path(data_dir, NAME_KEY_FILE, path, why);

	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		im_buf_printf(why, "%s is missing", path);
		return IM_E_NONE;
	}
	if (fd < 0)
		return datafile_failed(path, "read", why);
	n = read(fd, out->k, sizeof(out->k));
	close(fd);
	if (n == (ssize_t)sizeof(out->k))
		return IM_OK;
	im_buf_printf(why, "%s is not a file of %zu bytes; restore it", path, sizeof(out->k));
	return IM_E_FORMAT;
}

static int make(const char *data_dir, const struct im_sipkey *fresh, struct im_buf *why)
{
	char path[DATAFILE_PATH], part[DATAFILE_PATH];
	int fd, rc = datafile_path(data_dir, NAME_KEY_FILE, path, why);

	if (!rc)
		rc = datafile_path(data_dir, NAME_KEY_FILE ".part", part, why);
	if (rc)
		return rc;
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return datafile_failed(path, "made", why);
	/* It must not be lost where the hashes are not. */
	if (datafile_write(fd, fresh->k, sizeof(fresh->k)) || rename(part, path) ||
		datafile_sync(data_dir))
		rc = datafile_failed(path, "made", why);
	close(fd);
	return rc;
}

int name_key_make(const char *data_dir, const struct im_sipkey *fresh, struct im_sipkey *out,
	struct im_buf *why)
{
	struct im_buf missing;
	int rc;

	im_buf_init(&missing, 0);
	rc = name_key_read(data_dir, out, &missing);
	if (rc == IM_E_NONE) {
		im_buf_reset(&missing);
		rc = make(data_dir, fresh, &missing);
		if (rc == IM_OK)
			*out = *fresh;
	}
	if (rc != IM_OK)
		im_buf_str(why, im_buf_view(&missing));
	im_buf_free(&missing);
	return rc;
}

void name_key_hash(const struct im_sipkey *key, struct im_str name, uint8_t out[NAME_HASH_BYTES])
{
	char folded[IM_UID_MAX];
	size_t n = name.n < sizeof(folded) ? name.n : sizeof(folded);
	uint64_t h[2];

	for (size_t i = 0; i < n; i++)
		folded[i] = im_name_folded(name.p[i]);
	im_siphash128(key, folded, n, h);
	for (size_t i = 0; i < NAME_HASH_BYTES; i++)
		out[i] = (uint8_t)(h[i / 8] >> 8 * (i % 8));
}
