/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups and members in directory.db. */
#include "bridge/directory/directory_group.h"

#include "bridge/directory/directory_sql.h"

static struct directory_group group_of_row(sqlite3_stmt *st)
{
	return (struct directory_group){
		.id = sqldb_id(st, 0),
		.gid = sqldb_str(st, 1),
		.kind = sqldb_int(st, 2),
		.name = sqldb_str(st, 3),
		.avatar = sqldb_str(st, 4),
		.announcement = sqldb_str(st, 5),
		.join_policy = sqldb_int(st, 6),
		.member_limit = (uint32_t)sqldb_int(st, 7),
		.members = (uint32_t)sqldb_int(st, 8),
		.history = sqldb_int(st, 9),
		.muted_until_ms = sqldb_int(st, 10),
		.slow_ms = sqldb_int(st, 11),
		.retention_days = sqldb_int(st, 12),
		.created_ms = sqldb_int(st, 13),
		.dismissed = sqldb_int(st, 14),
	};
}

static int get_group(struct directory *d, sqlite3_stmt *st, struct directory_group *out)
{
	int rc = directory_row(d, st);

	if (rc)
		return rc;
	*out = group_of_row(st);
	out->gid = directory_keep(d, st, 1);
	out->name = directory_keep(d, st, 3);
	out->avatar = directory_keep(d, st, 4);
	out->announcement = directory_keep(d, st, 5);
	sqldb_done(st);
	return IM_OK;
}

int directory_group_get(struct directory *d, struct im_str gid, struct directory_group *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_BY_GID);

	sqldb_bind_text(st, 1, gid);
	return get_group(d, st, out);
}

int directory_group_gone(struct directory *d, struct im_str gid, struct directory_group *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_GONE);

	sqldb_bind_text(st, 1, gid);
	return get_group(d, st, out);
}

int directory_group_by_id(struct directory *d, uint64_t id, struct directory_group *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_BY_ID);

	sqldb_bind_id(st, 1, id);
	return get_group(d, st, out);
}

int directory_group_nameable(struct directory *d, struct im_str gid)
{
	return directory_nameable(d, ACCOUNT_GROUP, gid);
}

int directory_group_create(struct directory *d, const struct directory_group *g, uint64_t *id_out)
{
	sqlite3_stmt *st;
	int rc = g->id ? IM_OK : directory_group_nameable(d, g->gid);

	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_GROUP_ADD);
	if (g->id)
		sqldb_bind_id(st, 1, g->id);
	else
		sqldb_bind_null(st, 1);
	sqldb_bind_text(st, 2, g->gid);
	sqldb_bind_int(st, 3, g->kind);
	sqldb_bind_text(st, 4, g->name);
	sqldb_bind_text(st, 5, g->avatar);
	sqldb_bind_text(st, 6, g->announcement);
	sqldb_bind_int(st, 7, g->join_policy);
	sqldb_bind_int(st, 8, g->member_limit);
	sqldb_bind_int(st, 9, g->history);
	sqldb_bind_int(st, 10, g->muted_until_ms);
	sqldb_bind_int(st, 11, g->slow_ms);
	sqldb_bind_int(st, 12, g->retention_days);
	sqldb_bind_int(st, 13, g->created_ms);
	rc = sqldb_run(&d->q, st);
	if (rc == IM_OK)
		*id_out = sqldb_last_id(&d->q);
	return rc;
}

int directory_group_update(struct directory *d, const struct directory_group *g)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_UPDATE);

	sqldb_bind_id(st, 1, g->id);
	sqldb_bind_text(st, 2, g->name);
	sqldb_bind_text(st, 3, g->avatar);
	sqldb_bind_text(st, 4, g->announcement);
	sqldb_bind_int(st, 5, g->join_policy);
	sqldb_bind_int(st, 6, g->member_limit);
	sqldb_bind_int(st, 7, g->history);
	sqldb_bind_int(st, 8, g->muted_until_ms);
	sqldb_bind_int(st, 9, g->slow_ms);
	sqldb_bind_int(st, 10, g->retention_days);
	sqldb_bind_int(st, 11, g->dismissed);
	return directory_change(d, st);
}

/* Notes that he, or everybody, is going out. */
static int leave(struct directory *d, uint64_t group, uint64_t user, uint64_t gone_gid)
{
	sqlite3_stmt *st = sqldb_get(&d->q, user ? DIR_LEFT_ONE : DIR_LEFT_BY_ALL);

	sqldb_bind_id(st, 1, group);
	if (user)
		sqldb_bind_id(st, 2, user);
	sqldb_bind_id(st, user ? 3 : 2, gone_gid);
	return sqldb_run(&d->q, st);
}

int directory_group_dismiss(struct directory *d, uint64_t id, uint64_t gone_gid)
{
	static const int emptied[] = {DIR_GROUP_EMPTY, DIR_BANS_END, DIR_MUTES_END, DIR_LINKS_END};
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_DISMISS);
	int rc;

	sqldb_bind_id(st, 1, id);
	rc = directory_change(d, st);
	if (rc == IM_OK)
		rc = leave(d, id, 0, gone_gid);
	for (size_t i = 0; rc == IM_OK && i < sizeof(emptied) / sizeof(emptied[0]); i++) {
		st = sqldb_get(&d->q, emptied[i]);
		sqldb_bind_id(st, 1, id);
		rc = sqldb_run(&d->q, st);
	}
	return rc;
}

int directory_group_erase(struct directory *d, uint64_t id)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_ERASE);

	sqldb_bind_id(st, 1, id);
	return directory_change(d, st);
}

int directory_group_erased(struct directory *d, uint64_t id)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_ERASED);

	sqldb_bind_id(st, 1, id);
	return sqldb_run(&d->q, st);
}

int directory_group_to_erase(struct directory *d, uint64_t *id_out)
{
	return sqldb_count(&d->q, sqldb_get(&d->q, DIR_GROUP_TO_ERASE), id_out);
}

int directory_group_retentions(
	struct directory *d, uint64_t after, uint32_t limit, directory_retention_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_RETENTIONS);
	int rc;

	sqldb_bind_id(st, 1, after);
	sqldb_bind_int(st, 2, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		rc = fn(arg, sqldb_id(st, 0), sqldb_int(st, 1));
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_group_list(
	struct directory *d, struct im_str after, uint32_t limit, directory_group_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_GROUP_LIST);
	int rc;

	sqldb_bind_text(st, 1, after);
	sqldb_bind_int(st, 2, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_group g = group_of_row(st);

		rc = fn(arg, &g);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

static struct directory_member member_of_row(sqlite3_stmt *st)
{
	return (struct directory_member){
		.group = sqldb_id(st, 0),
		.user = sqldb_id(st, 1),
		.uid = sqldb_str(st, 2),
		.role = sqldb_int(st, 3),
		.joined_seq = sqldb_id(st, 4),
		.joined_ms = sqldb_int(st, 5),
		.muted_until_ms = sqldb_int(st, 6),
		.changed_gid = sqldb_id(st, 7),
	};
}

static int walk_members(struct directory *d, sqlite3_stmt *st, directory_member_fn fn, void *arg)
{
	int rc;

	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_member m = member_of_row(st);

		rc = fn(arg, &m);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_member_get(
	struct directory *d, uint64_t group, uint64_t user, struct directory_member *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MEMBER_GET);
	int rc;

	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	rc = directory_row(d, st);
	if (rc)
		return rc;
	*out = member_of_row(st);
	out->uid = directory_keep(d, st, 2);
	sqldb_done(st);
	return IM_OK;
}

int directory_member_add(struct directory *d, const struct directory_member *m)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MEMBER_ADD);

	sqldb_bind_id(st, 1, m->group);
	sqldb_bind_id(st, 2, m->user);
	sqldb_bind_int(st, 3, m->role);
	sqldb_bind_id(st, 4, m->joined_seq);
	sqldb_bind_int(st, 5, m->joined_ms);
	sqldb_bind_int(st, 6, m->muted_until_ms);
	sqldb_bind_id(st, 7, m->changed_gid);
	return directory_change(d, st);
}

int directory_member_update(struct directory *d, const struct directory_member *m)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MEMBER_UPDATE);

	sqldb_bind_id(st, 1, m->group);
	sqldb_bind_id(st, 2, m->user);
	sqldb_bind_int(st, 3, m->role);
	sqldb_bind_int(st, 4, m->muted_until_ms);
	sqldb_bind_id(st, 5, m->changed_gid);
	return directory_change(d, st);
}

int directory_member_remove(struct directory *d, uint64_t group, uint64_t user, uint64_t gone_gid)
{
	sqlite3_stmt *st;
	int rc = leave(d, group, user, gone_gid);

	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_MEMBER_REMOVE);
	sqldb_bind_id(st, 1, group);
	sqldb_bind_id(st, 2, user);
	return directory_change(d, st);
}

int directory_member_list(struct directory *d, uint64_t group, struct im_str after, uint32_t limit,
	directory_member_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MEMBER_LIST);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_text(st, 2, after);
	sqldb_bind_int(st, 3, limit ? (int64_t)limit : -1);
	return walk_members(d, st, fn, arg);
}

int directory_member_admins(struct directory *d, uint64_t group, directory_member_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MEMBER_ADMINS);

	sqldb_bind_id(st, 1, group);
	return walk_members(d, st, fn, arg);
}

int directory_user_in_groups(struct directory *d, uint64_t user, uint32_t max, bool *full_out)
{
	sqlite3_stmt *st;

	*full_out = false;
	if (max == 0)
		return IM_OK;
	st = sqldb_get(&d->q, DIR_USER_IN_GROUPS);
	sqldb_bind_id(st, 1, user);
	sqldb_bind_int(st, 2, (int64_t)max - 1);
	return sqldb_has(&d->q, st, full_out);
}

int directory_memberships(struct directory *d, uint64_t user, uint64_t after, uint32_t limit,
	directory_membership_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MEMBERSHIPS);
	int rc;

	sqldb_bind_id(st, 1, user);
	sqldb_bind_id(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_group g = group_of_row(st);

		rc = fn(arg, &g, sqldb_int(st, 15));
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_member_shared(struct directory *d, uint64_t a, uint64_t b, uint64_t before, bool *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MEMBER_SHARED);

	sqldb_bind_id(st, 1, a);
	sqldb_bind_id(st, 2, b);
	sqldb_bind_id(st, 3, before);
	return sqldb_has(&d->q, st, out);
}

int directory_user_groups(struct directory *d, uint64_t user, directory_member_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_GROUPS);

	sqldb_bind_id(st, 1, user);
	return walk_members(d, st, fn, arg);
}

int directory_user_left(
	struct directory *d, uint64_t user, uint64_t since, directory_left_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_LEFT_SINCE);
	int rc;

	sqldb_bind_id(st, 1, user);
	sqldb_bind_id(st, 2, since > INT64_MAX ? INT64_MAX : since);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		rc = fn(arg, sqldb_id(st, 0), sqldb_id(st, 1));
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}
