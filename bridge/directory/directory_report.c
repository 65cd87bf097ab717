/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports in directory.db. Called by the method that makes them and by administration; must not
 * know who may do either. */
#include "bridge/directory/directory_report.h"

#include "bridge/directory/directory_sql.h"

int directory_report_has(
	struct directory *d, uint64_t reporter, uint64_t conv, uint64_t seq, bool *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_REPORT_HAS);

	sqldb_bind_id(st, 1, reporter);
	sqldb_bind_id(st, 2, conv);
	sqldb_bind_id(st, 3, seq);
	return sqldb_has(&d->q, st, out);
}

int directory_report_count(struct directory *d, uint64_t reporter, int64_t since_ms, uint32_t *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_REPORT_RATE);
	uint64_t n;
	int rc;

	sqldb_bind_id(st, 1, reporter);
	sqldb_bind_int(st, 2, since_ms);
	rc = sqldb_count(&d->q, st, &n);
	*out = (uint32_t)n;
	return rc;
}

int directory_report_full(struct directory *d, uint32_t max, bool *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_REPORT_FULL);

	sqldb_bind_int(st, 1, (int64_t)max - 1);
	return sqldb_has(&d->q, st, out);
}

int directory_report_add(struct directory *d, const struct directory_report *r)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_REPORT_ADD);

	sqldb_bind_id(st, 1, r->reporter);
	sqldb_bind_id(st, 2, r->conv);
	sqldb_bind_id(st, 3, r->seq);
	sqldb_bind_text(st, 4, r->conv_name);
	sqldb_bind_id(st, 5, r->sender);
	sqldb_bind_int(st, 6, r->sent_ms);
	sqldb_bind_text(st, 7, r->type);
	sqldb_bind_int(st, 8, r->enc);
	sqldb_bind_blob(st, 9, r->body);
	sqldb_bind_int(st, 10, r->cut);
	sqldb_bind_text(st, 11, r->reason);
	sqldb_bind_int(st, 12, r->created_ms);
	return sqldb_run(&d->q, st);
}

static struct directory_report report_of_row(sqlite3_stmt *st)
{
	return (struct directory_report){
		.id = sqldb_id(st, 0),
		.reporter_uid = sqldb_str(st, 1),
		.conv_name = sqldb_str(st, 2),
		.seq = sqldb_id(st, 3),
		.sender_uid = sqldb_str(st, 4),
		.sent_ms = sqldb_int(st, 5),
		.type = sqldb_str(st, 6),
		.enc = (enum im_enc)sqldb_int(st, 7),
		.body = sqldb_str(st, 8),
		.cut = sqldb_int(st, 9) != 0,
		.reason = sqldb_str(st, 10),
		.created_ms = sqldb_int(st, 11),
		.closed = sqldb_int(st, 12) != 0,
		.closed_ms = sqldb_int(st, 13),
		.closed_by = sqldb_str(st, 14),
		.note = sqldb_str(st, 15),
		.reporter = sqldb_id(st, 16),
		.conv = sqldb_id(st, 17),
		.sender = sqldb_id(st, 18),
	};
}

static int walk(
	struct directory *d, sqlite3_stmt *st, directory_report_fn fn, void *arg, bool *any_out)
{
	int rc;

	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_report r = report_of_row(st);

		*any_out = true;
		rc = fn(arg, &r);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_report_list(struct directory *d, bool closed, uint64_t after, uint32_t limit,
	directory_report_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_REPORT_LIST);
	bool any;

	sqldb_bind_int(st, 1, closed);
	sqldb_bind_id(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	return walk(d, st, fn, arg, &any);
}

int directory_report_of(struct directory *d, uint64_t reporter, uint64_t after, uint32_t limit,
	directory_report_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_REPORT_OF);
	bool any;

	sqldb_bind_id(st, 1, reporter);
	sqldb_bind_id(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	return walk(d, st, fn, arg, &any);
}

int directory_report_get(struct directory *d, uint64_t id, directory_report_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_REPORT_GET);
	bool any = false;
	int rc;

	sqldb_bind_id(st, 1, id);
	rc = walk(d, st, fn, arg, &any);
	return rc == IM_OK && !any ? IM_E_NONE : rc;
}

int directory_report_close(struct directory *d, uint64_t id, uint64_t by, struct im_str note,
	int64_t now_ms, uint32_t keep)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_REPORT_STATE);
	int64_t closed;
	int rc;

	sqldb_bind_id(st, 1, id);
	rc = sqldb_number(&d->q, st, &closed);
	if (rc != IM_OK || closed)
		return rc != IM_OK ? rc : IM_E_EXISTS;
	st = sqldb_get(&d->q, DIR_REPORT_CLOSE);
	sqldb_bind_id(st, 1, id);
	sqldb_bind_int(st, 2, now_ms);
	sqldb_bind_id(st, 3, by);
	sqldb_bind_text(st, 4, note);
	rc = sqldb_run(&d->q, st);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_REPORT_TRIM);
	sqldb_bind_int(st, 1, keep);
	return sqldb_run(&d->q, st);
}
