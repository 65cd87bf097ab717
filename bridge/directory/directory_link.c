/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rows of links. Called by the methods and by group changes; must not know what the secret
 * is, nor whether its maker may still have one. */
#include "bridge/directory/directory_link.h"

#include "bridge/directory/directory_sql.h"

int directory_link_add(struct directory *d, const struct directory_link *l)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_LINK_PURGE);
	int rc;

	sqldb_bind_int(st, 1, l->created_ms);
	rc = sqldb_run(&d->q, st);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_LINK_ADD);
	sqldb_bind_blob(st, 1, l->hash);
	sqldb_bind_id(st, 2, l->group);
	sqldb_bind_text(st, 3, l->name);
	sqldb_bind_id(st, 4, l->user);
	sqldb_bind_int(st, 5, l->created_ms);
	sqldb_bind_int(st, 6, l->expires_ms);
	sqldb_bind_int(st, 7, l->uses);
	return sqldb_run(&d->q, st);
}

static struct directory_link link_of_row(sqlite3_stmt *st)
{
	return (struct directory_link){
		.name = sqldb_str(st, 0),
		.group = sqldb_id(st, 1),
		.user = sqldb_id(st, 2),
		.created_ms = sqldb_int(st, 3),
		.expires_ms = sqldb_int(st, 4),
		.uses = (uint32_t)sqldb_int(st, 5),
		.uses_left = (uint32_t)sqldb_int(st, 6),
	};
}

int directory_link_get(
	struct directory *d, struct im_str hash, int64_t now_ms, struct directory_link *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_LINK_GET);
	int rc;

	sqldb_bind_blob(st, 1, hash);
	sqldb_bind_int(st, 2, now_ms);
	rc = directory_row(d, st);
	if (rc)
		return rc;
	*out = link_of_row(st);
	out->name = directory_keep(d, st, 0);
	sqldb_done(st);
	return IM_OK;
}

int directory_link_count(struct directory *d, uint64_t group, int64_t now_ms, uint64_t *n_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_LINK_COUNT);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_int(st, 2, now_ms);
	return sqldb_count(&d->q, st, n_out);
}

static int change(struct directory *d, int which, uint64_t group, struct im_str name)
{
	sqlite3_stmt *st = sqldb_get(&d->q, which);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_text(st, 2, name);
	return directory_change(d, st);
}

/* IM_E_NONE: the link is no more, or this user is noted already. */
static int note_user(struct directory *d, uint64_t group, struct im_str name, uint64_t user)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_LINK_USER_ADD);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_text(st, 2, name);
	sqldb_bind_id(st, 3, user);
	return directory_change(d, st);
}

int directory_link_use(struct directory *d, uint64_t group, struct im_str name, uint64_t user)
{
	int rc = note_user(d, group, name, user);

	if (rc == IM_OK)
		rc = change(d, DIR_LINK_USE, group, name);
	if (rc == IM_OK)
		rc = change(d, DIR_LINK_USED_UP, group, name);
	return rc == IM_E_NONE ? IM_OK : rc;
}

int directory_link_remove(struct directory *d, uint64_t group, struct im_str name)
{
	return change(d, DIR_LINK_REMOVE, group, name);
}

int directory_link_drop(struct directory *d, uint64_t group, uint64_t user)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_LINK_DROP);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	return sqldb_run(&d->q, st);
}

int directory_link_drop_all(struct directory *d, uint64_t user)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_LINK_DROP_ALL);

	sqldb_bind_id(st, 1, user);
	return sqldb_run(&d->q, st);
}

int directory_link_list(struct directory *d, uint64_t group, int64_t now_ms, struct im_str after,
	uint32_t limit, directory_link_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_LINK_LIST);
	int rc;

	sqldb_bind_id(st, 1, group);
	sqldb_bind_int(st, 2, now_ms);
	sqldb_bind_text(st, 3, after);
	sqldb_bind_int(st, 4, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		const struct directory_link l = link_of_row(st);

		rc = fn(arg, &l);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}
