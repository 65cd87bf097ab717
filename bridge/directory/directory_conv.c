/* SPDX-License-Identifier: BSD-3-Clause */
/* Read marks, conversation settings and event timelines in directory.db. */
#include "bridge/directory/directory_conv.h"

#include "bridge/directory/directory_sql.h"

static struct directory_conv_user conv_of_row(sqlite3_stmt *st)
{
	return (struct directory_conv_user){
		.user = sqldb_id(st, 0),
		.conv = sqldb_id(st, 1),
		.read_seq = sqldb_id(st, 2),
		.pinned = sqldb_int(st, 3),
		.notify = sqldb_int(st, 4),
		.cleared_to = sqldb_id(st, 5),
		.marked_unread = sqldb_int(st, 6),
		.draft = sqldb_str(st, 7),
		.follow = sqldb_int(st, 8),
		.changed_gid = sqldb_id(st, 9),
	};
}

int directory_conv_get(
	struct directory *d, uint64_t user, uint64_t conv, struct directory_conv_user *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONV_GET);
	int rc;

	*out = (struct directory_conv_user){.user = user, .conv = conv, .draft = {"", 0}};
	sqldb_bind_id(st, 1, user);
	sqldb_bind_id(st, 2, conv);
	rc = directory_row(d, st);
	if (rc)
		return rc == IM_E_NONE ? IM_OK : rc;
	*out = conv_of_row(st);
	out->draft = directory_keep(d, st, 7);
	sqldb_done(st);
	return IM_OK;
}

int directory_conv_put(struct directory *d, const struct directory_conv_user *c)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONV_PUT);

	sqldb_bind_id(st, 1, c->user);
	sqldb_bind_id(st, 2, c->conv);
	sqldb_bind_id(st, 3, c->read_seq);
	sqldb_bind_int(st, 4, c->pinned);
	sqldb_bind_int(st, 5, c->notify);
	sqldb_bind_id(st, 6, c->cleared_to);
	sqldb_bind_int(st, 7, c->marked_unread);
	sqldb_bind_text(st, 8, c->draft);
	sqldb_bind_int(st, 9, c->follow);
	sqldb_bind_id(st, 10, c->changed_gid);
	return sqldb_run(&d->q, st);
}

static int walk_convs(struct directory *d, sqlite3_stmt *st, directory_conv_fn fn, void *arg)
{
	int rc;

	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_conv_user c = conv_of_row(st);

		rc = fn(arg, &c);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_conv_users(struct directory *d, uint64_t conv, directory_conv_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONV_USERS);

	sqldb_bind_id(st, 1, conv);
	return walk_convs(d, st, fn, arg);
}

int directory_conv_list(struct directory *d, uint64_t user, directory_conv_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONV_LIST);

	sqldb_bind_id(st, 1, user);
	return walk_convs(d, st, fn, arg);
}

int directory_changes_from(struct directory *d, uint64_t *gid_out)
{
	return directory_meta_get(d, "changes_from", gid_out);
}

int directory_event_put(struct directory *d, const struct directory_event *e)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_EVENT_PUT);
	int rc;

	sqldb_bind_id(st, 1, e->user);
	sqldb_bind_text(st, 2, e->key);
	sqldb_bind_id(st, 3, e->gid);
	sqldb_bind_int(st, 4, e->ts_ms);
	sqldb_bind_text(st, 5, e->event);
	rc = sqldb_run(&d->q, st);
	if (rc != IM_OK)
		return rc;
	if (d->q.in_tx) {
		/* Once a transaction is enough. */
		if (e->gid > d->event_head)
			d->event_head = e->gid;
		return IM_OK;
	}
	st = sqldb_get(&d->q, DIR_EVENT_HEAD_SET);
	sqldb_bind_id(st, 1, e->gid);
	return sqldb_run(&d->q, st);
}

int directory_event_rows(struct directory *d, sqlite3_stmt *st, directory_event_fn fn, void *arg)
{
	int rc;

	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_event e = {
			.user = sqldb_id(st, 0),
			.key = sqldb_str(st, 1),
			.gid = sqldb_id(st, 2),
			.ts_ms = sqldb_int(st, 3),
			.event = sqldb_str(st, 4),
		};

		rc = fn(arg, &e);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_event_list(struct directory *d, uint64_t user, uint64_t lo, uint64_t hi,
	directory_event_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_EVENT_LIST);

	sqldb_bind_id(st, 1, user);
	sqldb_bind_id(st, 2, lo > INT64_MAX ? INT64_MAX : lo);
	sqldb_bind_id(st, 3, hi > INT64_MAX ? INT64_MAX : hi);
	return directory_event_rows(d, st, fn, arg);
}

int directory_event_head(struct directory *d, uint64_t *gid_out)
{
	int rc = directory_meta_get(d, "event_gid", gid_out);

	if (rc == IM_OK && d->event_head > *gid_out)
		*gid_out = d->event_head;
	return rc;
}
