/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The databases of a data folder, written anew one by one. Called by cmd_node.c.
 */
#include "clients/imctl/vacuum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "clients/imctl/exit.h"
#include "db/sqldb_vacuum.h"

static const char *const databases[] = {"messages", "directory", "search"};

static int failed(const char *path, const char *reason, struct im_buf *why)
{
	im_buf_printf(why, "%s: %s; it is as it was", path, reason);
	return IMCTL_REFUSED;
}

/* SQLite copies the database to a temporary file and then through its log. */
static int check_room(const char *folder, const char *path, int64_t size, struct im_buf *why)
{
	struct statvfs fs;
	uint64_t have;

	if (statvfs(folder, &fs) < 0)
		return failed(folder, strerror(errno), why);
	have = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (have / 2 >= (uint64_t)size)
		return IMCTL_OK;
	im_buf_printf(why,
		"%s has %lld bytes, and rewriting it needs twice as many of free disk: there are "
		"%llu; make room first",
		path, (long long)size, (unsigned long long)have);
	return IMCTL_REFUSED;
}

static int rewrite(const char *path, struct im_buf *why)
{
	struct im_buf reason;
	int rc = IMCTL_OK;

	im_buf_init(&reason, 0);
	if (sqldb_vacuum(path, &reason) != IM_OK) {
		im_buf_c(&reason, '\0');
		rc = failed(path, reason.failed ? "out of memory" : reason.p, why);
	}
	im_buf_free(&reason);
	return rc;
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static int vacuum_one(const char *folder, const char *name, json_t *rows, struct im_buf *why)
{
	char path[4096];
	int64_t before, after;
	int rc;

	if (snprintf(path, sizeof(path), "%s/%s.db", folder, name) >= (int)sizeof(path))
		return failed(folder, strerror(ENAMETOOLONG), why);
	before = size_of(path);
	if (before < 0)
		return IMCTL_OK;
	rc = check_room(folder, path, before, why);
	if (rc == IMCTL_OK)
		rc = rewrite(path, why);
	if (rc != IMCTL_OK)
		return rc;
	after = size_of(path);
	json_array_append_new(rows, json_pack("{s:s,s:I,s:I}", "database", name, "before",
					    (json_int_t)before, "after", (json_int_t)after));
	return IMCTL_OK;
}

int vacuum_run(const char *folder, const char *database, json_t **out, struct im_buf *why)
{
	json_t *rows = json_array();
	int rc = IMCTL_OK;

	/* The copy lies where its room was looked for. */
	setenv("SQLITE_TMPDIR", folder, 1);
	for (size_t i = 0; rc == IMCTL_OK && i < sizeof(databases) / sizeof(databases[0]); i++)
		if (!database || strcmp(database, databases[i]) == 0)
			rc = vacuum_one(folder, databases[i], rows, why);
	if (rc == IMCTL_OK && json_array_size(rows) == 0) {
		im_buf_printf(
			why, "%s: no %s.db is there", folder, database ? database : "messages");
		rc = IMCTL_REFUSED;
	}
	if (rc == IMCTL_OK)
		*out = json_pack("{s:O}", "databases", rows);
	json_decref(rows);
	return rc;
}
