/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by intake, which looks whether there can be such a device, by the engine's sessions, and
 * by administrators' commands. */
#include "bridge/directory/directory_bind.h"

#include <stdio.h>

#include "bridge/directory/directory_sql.h"
#include "bridge/directory/directory_user.h"

int directory_bind_get(
	struct directory *d, uint64_t user, char text[IM_DEVICE_MAX], struct im_str *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BIND_GET);
	struct im_str found;
	int rc;

	sqldb_bind_id(st, 1, user);
	rc = directory_row(d, st);
	if (rc)
		return rc;
	found = sqldb_str(st, 0);
	if (found.n > IM_DEVICE_MAX)
		found.n = IM_DEVICE_MAX;
	memcpy(text, found.p, found.n);
	*out = (struct im_str){text, found.n};
	sqldb_done(st);
	return IM_OK;
}

int directory_bind_owner(struct directory *d, struct im_str device, uint64_t *user_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BIND_OWNER);

	sqldb_bind_text(st, 1, device);
	return sqldb_count(&d->q, st, user_out);
}

/* Fails with what stands in the way, if something does: the text of the first column, and a user.
 */
static int none_in_the_way(
	struct directory *d, int which, uint64_t user, struct im_str prefix, const char *what)
{
	sqlite3_stmt *st = sqldb_get(&d->q, which);
	struct im_str found, uid;
	int rc;

	sqldb_bind_text(st, 1, prefix);
	sqldb_bind_id(st, 2, user);
	rc = directory_row(d, st);
	if (rc)
		return rc == IM_E_NONE ? IM_OK : rc;
	found = sqldb_str(st, 0);
	uid = sqldb_str(st, 1);
	snprintf(d->q.err, sizeof(d->q.err), what, IM_ARGS(found), IM_ARGS(uid));
	sqldb_done(st);
	return IM_E_EXISTS;
}

int directory_bind_set(struct directory *d, uint64_t user, struct im_str prefix)
{
	sqlite3_stmt *st;
	int rc = none_in_the_way(d, DIR_BIND_OVERLAP, user, prefix,
		"the pattern \"%.*s*\" of the device account %.*s takes in some of the same client "
		"ids; give one that differs from it");

	if (rc == IM_OK)
		rc = none_in_the_way(d, DIR_BIND_FOREIGN, user, prefix,
			"the client id \"%.*s\" is bound to %.*s; remove it there, or give a "
			"pattern that does not take it in");
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_BIND_SET);
	sqldb_bind_text(st, 1, prefix);
	sqldb_bind_id(st, 2, user);
	return sqldb_run(&d->q, st);
}

int directory_bind_remove(struct directory *d, uint64_t user)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BIND_REMOVE);

	sqldb_bind_id(st, 1, user);
	return sqldb_run(&d->q, st);
}
