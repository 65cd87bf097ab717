/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rows of announcements. Called by the commands, and by whoever sends them; must not know
 * what sending is. */
#include "bridge/directory/directory_announce.h"

#include "bridge/directory/directory_sql.h"
#include "common/limits.h"

static int with_id(struct directory *d, int which, uint64_t id)
{
	sqlite3_stmt *st = sqldb_get(&d->q, which);

	sqldb_bind_id(st, 1, id);
	return sqldb_run(&d->q, st);
}

/* id: the newest one. */
static int forget_old(struct directory *d, uint64_t id)
{
	int rc = IM_OK;

	if (id > IM_ANNOUNCEMENTS_KEPT)
		rc = with_id(d, DIR_ANNOUNCE_FORGET_USERS, id - IM_ANNOUNCEMENTS_KEPT);
	if (rc == IM_OK && id > IM_ANNOUNCEMENTS_KEPT)
		rc = with_id(d, DIR_ANNOUNCE_FORGET, id - IM_ANNOUNCEMENTS_KEPT);
	return rc;
}

int directory_announce_add(
	struct directory *d, const struct directory_announcement *a, uint64_t *id_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ANNOUNCE_ADD);
	int rc;

	sqldb_bind_id(st, 1, a->actor);
	sqldb_bind_int(st, 2, a->created_ms);
	sqldb_bind_int(st, 3, a->listed);
	sqldb_bind_int(st, 4, a->rate);
	sqldb_bind_blob(st, 5, a->message);
	rc = sqldb_run(&d->q, st);
	if (rc != IM_OK)
		return rc;
	*id_out = sqldb_last_id(&d->q);
	return forget_old(d, *id_out);
}

static struct directory_announcement of_row(sqlite3_stmt *st)
{
	return (struct directory_announcement){
		.id = sqldb_id(st, 0),
		.actor = sqldb_id(st, 1),
		.created_ms = sqldb_int(st, 2),
		.listed = sqldb_int(st, 3) != 0,
		.rate = (uint32_t)sqldb_int(st, 4),
		.state = (enum announce_state)sqldb_int(st, 5),
		.through = sqldb_id(st, 6),
		.position = sqldb_id(st, 7),
		.sent = sqldb_id(st, 8),
		.total = sqldb_id(st, 9),
		.ended_ms = sqldb_int(st, 10),
		.message = sqldb_str(st, 11),
	};
}

static int one(struct directory *d, sqlite3_stmt *st, struct directory_announcement *out)
{
	int rc = directory_row(d, st);

	if (rc)
		return rc;
	*out = of_row(st);
	out->message = directory_keep(d, st, 11);
	sqldb_done(st);
	return IM_OK;
}

int directory_announce_get(struct directory *d, uint64_t id, struct directory_announcement *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ANNOUNCE_GET);

	sqldb_bind_id(st, 1, id);
	return one(d, st, out);
}

int directory_announce_next(struct directory *d, struct directory_announcement *out)
{
	return one(d, sqldb_get(&d->q, DIR_ANNOUNCE_NEXT), out);
}

int directory_announce_list_user(struct directory *d, uint64_t id, uint64_t user)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ANNOUNCE_USER_ADD);

	sqldb_bind_id(st, 1, id);
	sqldb_bind_id(st, 2, user);
	return sqldb_run(&d->q, st);
}

int directory_announce_start(struct directory *d, uint64_t id)
{
	return with_id(d, DIR_ANNOUNCE_START, id);
}

int directory_announce_move(struct directory *d, uint64_t id, uint64_t position, uint64_t sent)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ANNOUNCE_MOVE);

	sqldb_bind_id(st, 1, id);
	sqldb_bind_id(st, 2, position);
	sqldb_bind_id(st, 3, sent);
	return directory_change(d, st);
}

int directory_announce_end(
	struct directory *d, uint64_t id, enum announce_state state, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ANNOUNCE_END);
	int rc;

	sqldb_bind_id(st, 1, id);
	sqldb_bind_int(st, 2, state);
	sqldb_bind_int(st, 3, now_ms);
	rc = directory_change(d, st);
	return rc == IM_OK ? with_id(d, DIR_ANNOUNCE_USERS_END, id) : rc;
}

int directory_announce_open(struct directory *d, uint64_t *n_out)
{
	return sqldb_count(&d->q, sqldb_get(&d->q, DIR_ANNOUNCE_OPEN), n_out);
}

int directory_announce_list(
	struct directory *d, uint64_t after, uint32_t limit, directory_announce_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ANNOUNCE_LIST);
	int rc;

	sqldb_bind_id(st, 1, after);
	sqldb_bind_int(st, 2, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		const struct directory_announcement a = of_row(st);

		rc = fn(arg, &a);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_announce_users(struct directory *d, const struct directory_announcement *a,
	uint32_t limit, directory_announce_user_fn fn, void *arg)
{
	sqlite3_stmt *st =
		sqldb_get(&d->q, a->listed ? DIR_ANNOUNCE_USERS_LISTED : DIR_ANNOUNCE_USERS_ALL);
	int rc;

	sqldb_bind_id(st, 1, a->position);
	sqldb_bind_id(st, 2, a->listed ? a->id : a->through);
	sqldb_bind_int(st, 3, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		const struct directory_announce_user u = {
			sqldb_id(st, 0), sqldb_str(st, 1), sqldb_int(st, 2) != 0};

		rc = fn(arg, &u);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}
