/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns these checks. Called by service.c before it opens the databases, or right after. */
#include "bridge/premises.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "db/datafile.h"

/* Open files: databases, logs, link, backup; and those of each reader thread. */
#define FILES_OWN 32
#define FILES_READER 8

int premises_files(unsigned reader_threads, struct im_buf *why)
{
	struct rlimit limit;
	rlim_t need = FILES_OWN + FILES_READER * (rlim_t)reader_threads;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
		return IM_OK;
	im_buf_printf(why,
		"only %llu files may be open, %llu are needed; raise the limit (LimitNOFILE, "
		"ulimit -n)",
		(unsigned long long)limit.rlim_cur, (unsigned long long)need);
	return IM_E_IO;
}

int premises_lock(const char *data_dir, int *fd_out, struct im_buf *why)
{
	char path[DATAFILE_PATH];
	int rc = datafile_path(data_dir, "bridge.lock", path, why);

	if (rc)
		return rc;
	*fd_out = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd_out < 0) {
		im_buf_printf(why, "%s: %s; does data_dir exist, and may this user write there?",
			path, strerror(errno));
		return IM_E_IO;
	}
	if (flock(*fd_out, LOCK_EX | LOCK_NB)) {
		im_buf_printf(why, "another im-bridge runs on %s; stop it first", data_dir);
		return IM_E_IO;
	}
	return IM_OK;
}

/* Only at the first start is there no log. One that has gone since must not be begun again unasked:
 * places that have been given would be given again. */
int premises_log(struct directory *d, const char *data_dir, struct im_buf *why)
{
	char path[DATAFILE_PATH];
	uint64_t epoch, applied;
	int rc = datafile_path(data_dir, "messages.db", path, why);

	if (rc)
		return rc;
	if (directory_meta_get(d, "link_epoch", &epoch) ||
		directory_meta_get(d, "applied_gid", &applied)) {
		im_buf_printf(why, "directory.db could not be read: %s", directory_errmsg(d));
		return IM_E_IO;
	}
	if ((!epoch && !applied) || access(path, F_OK) == 0)
		return IM_OK;
	im_buf_printf(why,
		"%s is missing, but directory.db beside it has been in use; restore it from a "
		"backup, or create it as an empty file to begin an empty log",
		path);
	return IM_E_IO;
}

int premises_settings(struct directory *d, const struct options *opt, struct im_buf *why)
{
	int rc = directory_setting_set(d, "link_username", im_str(opt->link_username));

	if (rc)
		im_buf_printf(why, "directory.db could not be written: %s", directory_errmsg(d));
	return rc;
}
