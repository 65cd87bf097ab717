/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of erasures, and what goes at once because it is found by a user's number. What is found
 * by looking at everything is erasure.c's. */
#include "bridge/directory/directory_erasure.h"

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_sql.h"

static struct directory_erasure erasure_of_row(sqlite3_stmt *st)
{
	return (struct directory_erasure){
		.id = sqldb_id(st, 0),
		.user = sqldb_id(st, 1),
		.created_ms = sqldb_int(st, 2),
		.words = sqldb_int(st, 3) != 0,
		.uid = sqldb_str(st, 4),
		.from_ms = sqldb_int(st, 5),
		.until_ms = sqldb_int(st, 6),
		.hash = sqldb_str(st, 7),
		.asked_ms = sqldb_int(st, 8),
		.stage = (enum erasure_stage)sqldb_int(st, 9),
		.position = sqldb_id(st, 10),
		.done_ms = sqldb_int(st, 11),
		.shown = sqldb_str(st, 12),
	};
}

int directory_erasure_add(struct directory *d, const struct directory_erasure *e, uint64_t *id_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ERASURE_ADD);
	int rc;

	sqldb_bind_id(st, 1, e->user);
	sqldb_bind_int(st, 2, e->created_ms);
	sqldb_bind_int(st, 3, e->words);
	sqldb_bind_text_or_null(st, 4, e->uid);
	if (e->hash.n)
		sqldb_bind_blob(st, 5, e->hash);
	else
		sqldb_bind_null(st, 5);
	sqldb_bind_int(st, 6, e->asked_ms);
	rc = sqldb_run(&d->q, st);
	if (rc == IM_OK)
		*id_out = sqldb_last_id(&d->q);
	return rc;
}

int directory_erasure_next(struct directory *d, struct directory_erasure *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ERASURE_NEXT);
	int rc = directory_row(d, st);

	if (rc)
		return rc;
	*out = erasure_of_row(st);
	out->uid = directory_keep(d, st, 4);
	out->hash = directory_keep(d, st, 7);
	out->shown = directory_keep(d, st, 12);
	sqldb_done(st);
	return IM_OK;
}

int directory_erasure_open(struct directory *d, uint64_t *n_out)
{
	return sqldb_count(&d->q, sqldb_get(&d->q, DIR_ERASURE_OPEN), n_out);
}

int directory_erasure_names(struct directory *d, bool *out)
{
	uint64_t n;
	int rc = sqldb_count(&d->q, sqldb_get(&d->q, DIR_ERASURE_NAMES), &n);

	*out = n > 0;
	return rc;
}

static int walk(struct directory *d, sqlite3_stmt *st, directory_erasure_fn fn, void *arg)
{
	int rc;

	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_erasure e = erasure_of_row(st);

		rc = fn(arg, &e);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_erasure_list(
	struct directory *d, uint64_t after, uint32_t limit, directory_erasure_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ERASURE_LIST);

	sqldb_bind_id(st, 1, after);
	sqldb_bind_int(st, 2, limit);
	return walk(d, st, fn, arg);
}

int directory_erasure_of_user(
	struct directory *d, uint64_t user, directory_erasure_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ERASURE_OF_USER);

	sqldb_bind_id(st, 1, user);
	return walk(d, st, fn, arg);
}

int directory_erasure_move(
	struct directory *d, uint64_t id, enum erasure_stage stage, uint64_t position)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ERASURE_MOVE);

	sqldb_bind_id(st, 1, id);
	sqldb_bind_int(st, 2, stage);
	sqldb_bind_id(st, 3, position);
	return directory_change(d, st);
}

int directory_erasure_forget(struct directory *d, uint64_t id)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ERASURE_FORGET);

	sqldb_bind_id(st, 1, id);
	return directory_change(d, st);
}

int directory_erasure_done(struct directory *d, uint64_t id, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_ERASURE_DONE);

	sqldb_bind_id(st, 1, id);
	sqldb_bind_int(st, 2, now_ms);
	return directory_change(d, st);
}

int directory_user_rename(struct directory *d, uint64_t user, struct im_str uid)
{
	enum account_name is = ACCOUNT_FREE;
	struct im_buf holder;
	sqlite3_stmt *st;
	int rc;

	im_buf_init(&holder, 0);
	rc = accounts_user_name(d->accounts, uid, &is, &holder);
	im_buf_free(&holder);
	if (rc != IM_OK)
		return rc;
	/* Reserved it is, for this. */
	if (is != ACCOUNT_FREE && is != ACCOUNT_RESERVED)
		return IM_E_EXISTS;
	st = sqldb_get(&d->q, DIR_USER_RENAME);
	sqldb_bind_id(st, 1, user);
	sqldb_bind_text(st, 2, uid);
	return directory_change(d, st);
}

int directory_wipe_user(struct directory *d, uint64_t user)
{
	static const int steps[] = {DIR_WIPE_USER, DIR_WIPE_REMARKS, DIR_WIPE_NOTES,
		DIR_WIPE_DRAFTS, DIR_WIPE_REPORTED, DIR_WIPE_REASONS, DIR_WIPE_VERDICTS,
		DIR_USER_DELETE_EVENTS};
	int rc = IM_OK;

	for (size_t i = 0; rc == IM_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
		sqlite3_stmt *st = sqldb_get(&d->q, steps[i]);

		sqldb_bind_id(st, 1, user);
		rc = sqldb_run(&d->q, st);
	}
	return rc;
}

int directory_wipe_announcement(struct directory *d, uint64_t group, struct im_str text)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_WIPE_ANNOUNCEMENT);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_text(st, 2, text);
	return sqldb_run(&d->q, st);
}

/* The next row of the audit log whose detail has the text; *id_out 0: none is left. */
static int next_naming(struct directory *d, uint64_t *id, struct im_str text,
	const struct renaming *r, struct im_buf *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_AUDIT_NAMING);
	int rc;

	sqldb_bind_id(st, 1, *id);
	sqldb_bind_text(st, 2, text);
	*id = 0;
	rc = sqldb_step(&d->q, st);
	if (rc != SQLDB_ROW)
		return rc;
	*id = sqldb_id(st, 0);
	im_buf_reset(out);
	(void)renaming_detail(out, sqldb_str(st, 1), r);
	sqldb_done(st);
	return out->failed ? IM_E_NOMEM : IM_OK;
}

static int rename_details(struct directory *d, const struct renaming *r)
{
	struct im_buf text, detail;
	uint64_t id = 0;
	int rc;

	im_buf_init(&text, 0);
	im_buf_init(&detail, 0);
	im_buf_str(&text, r->name);
	im_buf_c(&text, '"');
	do {
		rc = text.failed ? IM_E_NOMEM : next_naming(d, &id, im_buf_view(&text), r, &detail);
		if (rc == IM_OK && id) {
			sqlite3_stmt *st = sqldb_get(&d->q, DIR_AUDIT_DETAIL);

			sqldb_bind_id(st, 1, id);
			sqldb_bind_text(st, 2, im_buf_view(&detail));
			rc = sqldb_run(&d->q, st);
		}
	} while (rc == IM_OK && id);
	im_buf_free(&text);
	im_buf_free(&detail);
	return rc;
}

static int rename_actor(struct directory *d, const struct renaming *r)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_AUDIT_RENAME_ACTOR);

	sqldb_bind_id(st, 1, r->user);
	sqldb_bind_text(st, 2, r->to);
	return sqldb_run(&d->q, st);
}

static int rename_by_name(struct directory *d, int which, const struct renaming *r)
{
	sqlite3_stmt *st = sqldb_get(&d->q, which);

	sqldb_bind_text(st, 1, r->name);
	sqldb_bind_text(st, 2, r->to);
	if (which == DIR_REPORT_RENAME)
		sqldb_bind_id(st, 3, r->user);
	return sqldb_run(&d->q, st);
}

/* What was done to him under this name; other rows are about him as well, and say it otherwise. */
static int rename_subject(struct directory *d, const struct renaming *r)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_AUDIT_RENAME_USER);

	sqldb_bind_id(st, 1, r->user);
	sqldb_bind_text(st, 2, r->to);
	sqldb_bind_text(st, 3, r->name);
	return sqldb_run(&d->q, st);
}

int directory_rename_traces(struct directory *d, const struct renaming *r)
{
	int rc = rename_by_name(d, DIR_REPORT_RENAME, r);

	if (rc == IM_OK)
		rc = rename_actor(d, r);
	if (rc == IM_OK)
		rc = rename_subject(d, r);
	if (rc == IM_OK)
		rc = rename_by_name(d, DIR_AUDIT_RENAME_NOBODY, r);
	if (rc == IM_OK)
		rc = rename_by_name(d, DIR_AUDIT_RENAME_CONV, r);
	return rc == IM_OK ? rename_details(d, r) : rc;
}

int directory_event_walk(struct directory *d, uint64_t user, struct im_str key, uint32_t limit,
	directory_event_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_EVENT_WALK);

	sqldb_bind_id(st, 1, user);
	sqldb_bind_text(st, 2, key);
	sqldb_bind_int(st, 3, limit);
	return directory_event_rows(d, st, fn, arg);
}

int directory_event_change(struct directory *d, uint64_t user, struct im_str key,
	struct im_str new_key, struct im_str event)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_EVENT_CHANGE);

	sqldb_bind_id(st, 1, user);
	sqldb_bind_text(st, 2, key);
	sqldb_bind_text(st, 3, new_key);
	sqldb_bind_text(st, 4, event);
	return sqldb_run(&d->q, st);
}
