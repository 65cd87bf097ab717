/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices in directory.db: which user an MQTT client id belongs to. Declared in directory_user.h.
 */
#include "bridge/directory/directory_bind.h"
#include "bridge/directory/directory_sql.h"
#include "bridge/directory/directory_user.h"
#include "common/limits.h"

#define DAY_MS INT64_C(86400000)

static struct directory_device device_of_row(sqlite3_stmt *st)
{
	return (struct directory_device){
		.device = sqldb_str(st, 0),
		.user = sqldb_id(st, 1),
		.created_ms = sqldb_int(st, 2),
		.seen_ms = sqldb_int(st, 3),
		.cursor = sqldb_id(st, 4),
		.start = sqldb_id(st, 5),
		.broker = (unsigned)sqldb_int(st, 6),
		.home_ms = sqldb_int(st, 7),
	};
}

int directory_device_get(struct directory *d, struct im_str device, struct directory_device *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_GET);
	int rc;

	sqldb_bind_text(st, 1, device);
	rc = directory_row(d, st);
	if (rc)
		return rc;
	*out = device_of_row(st);
	out->device = directory_keep(d, st, 0);
	sqldb_done(st);
	return IM_OK;
}

int directory_device_mark(struct directory *d, struct im_str device, uint64_t *user_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MARK_GET);

	sqldb_bind_text(st, 1, device);
	return sqldb_count(&d->q, st, user_out);
}

static int remove_mark(struct directory *d, struct im_str device)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MARK_REMOVE);

	sqldb_bind_text(st, 1, device);
	return sqldb_run(&d->q, st);
}

/* IM_OK: nobody's, or the user's own. */
static int check_mark(struct directory *d, struct im_str device, uint64_t user)
{
	uint64_t owner;
	int rc = directory_device_mark(d, device, &owner);

	if (rc == IM_OK && owner != user)
		return IM_E_EXISTS;
	return rc == IM_E_NONE ? IM_OK : rc;
}

int directory_device_bind(
	struct directory *d, struct im_str device, uint64_t user, int64_t now_ms, uint64_t cursor)
{
	struct directory_device found;
	sqlite3_stmt *st;
	uint64_t owner;
	int rc = directory_bind_owner(d, device, &owner);

	if (rc == IM_OK && owner != user)
		return IM_E_EXISTS;
	if (rc == IM_OK || rc == IM_E_NONE)
		rc = directory_device_get(d, device, &found);
	if (rc == IM_OK)
		return found.user == user ? IM_OK : IM_E_EXISTS;
	if (rc == IM_E_NONE)
		rc = check_mark(d, device, user);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_DEVICE_ADD);
	sqldb_bind_text(st, 1, device);
	sqldb_bind_id(st, 2, user);
	sqldb_bind_int(st, 3, now_ms);
	sqldb_bind_id(st, 4, cursor);
	rc = sqldb_run(&d->q, st);
	return rc == IM_OK ? remove_mark(d, device) : rc;
}

int directory_device_count(struct directory *d, uint64_t user, uint64_t *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_COUNT);

	sqldb_bind_id(st, 1, user);
	return sqldb_count(&d->q, st, out);
}

int directory_device_kept(struct directory *d, struct im_str device, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_KEPT);

	sqldb_bind_text(st, 1, device);
	sqldb_bind_int(st, 2, now_ms > 0 ? now_ms : 1);
	return sqldb_run(&d->q, st);
}

int directory_device_forget(struct directory *d, struct im_str device)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_MARK);
	int rc;

	sqldb_bind_text(st, 1, device);
	rc = sqldb_run(&d->q, st);
	return rc == IM_OK ? directory_device_remove(d, device) : rc;
}

int directory_marks_sweep(struct directory *d, int64_t now_ms, int64_t days, uint32_t limit)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MARKS_EXPIRE);
	int rc;

	sqldb_bind_int(st, 1, now_ms);
	sqldb_bind_int(st, 2, limit);
	rc = sqldb_run(&d->q, st);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&d->q, DIR_MARKS_RECKON);
	sqldb_bind_int(st, 1, now_ms + days * DAY_MS);
	sqldb_bind_int(st, 2, limit);
	return sqldb_run(&d->q, st);
}

int directory_device_seen(struct directory *d, struct im_str device, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_SEEN);

	sqldb_bind_text(st, 1, device);
	sqldb_bind_int(st, 2, now_ms);
	return directory_change(d, st);
}

int directory_device_set_cursor(struct directory *d, struct im_str device, uint64_t cursor)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_CURSOR);

	sqldb_bind_text(st, 1, device);
	sqldb_bind_id(st, 2, cursor);
	return directory_change(d, st);
}

int directory_device_start(struct directory *d, struct im_str device, uint64_t cursor)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_START);

	sqldb_bind_text(st, 1, device);
	sqldb_bind_id(st, 2, cursor);
	return directory_change(d, st);
}

int directory_device_set_home(
	struct directory *d, struct im_str device, unsigned number, int64_t since_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_SET_HOME);

	sqldb_bind_text(st, 1, device);
	sqldb_bind_int(st, 2, number);
	sqldb_bind_int(st, 3, since_ms);
	return directory_change(d, st);
}

int directory_device_ended(struct directory *d, uint64_t user, struct im_str device, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, device.n ? DIR_DEVICE_ENDED : DIR_USER_ENDED);

	sqldb_bind_id(st, 1, user);
	if (device.n)
		sqldb_bind_text(st, 2, device);
	sqldb_bind_int(st, device.n ? 3 : 2, now_ms);
	return sqldb_run(&d->q, st);
}

int directory_device_homes(struct directory *d, uint64_t user, uint32_t *mask_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_HOMES);
	int rc;

	*mask_out = 0;
	sqldb_bind_id(st, 1, user);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		int64_t home = sqldb_int(st, 0);

		*mask_out |= home >= 1 && home <= IM_PEERS_MAX ? UINT32_C(1) << (home - 1)
							       : IM_PEERS_ALL;
	}
	return rc;
}

static int ask(struct directory *d, int statement, uint64_t user, uint64_t at, uint64_t *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, statement);

	sqldb_bind_id(st, 1, user);
	sqldb_bind_id(st, 2, at);
	return sqldb_count(&d->q, st, out);
}

int directory_received(struct directory *d, uint64_t user, uint64_t at, bool *out)
{
	uint64_t has = 0;
	int rc = ask(d, DIR_RECEIVED, user, at, &has);

	*out = has != 0;
	return rc;
}

/* Stretch by stretch, as long as each one leads further. */
static int far(struct directory *d, int statement, uint64_t user, uint64_t at, uint64_t *out)
{
	uint64_t from;
	int rc;

	*out = at;
	do {
		from = *out;
		rc = ask(d, statement, user, from, out);
	} while (rc == IM_OK && *out != from);
	return rc;
}

int directory_received_through(struct directory *d, uint64_t user, uint64_t at, uint64_t *out)
{
	return far(d, DIR_RECEIVED_UP, user, at, out);
}

int directory_received_after(struct directory *d, uint64_t user, uint64_t at, uint64_t *out)
{
	return far(d, DIR_RECEIVED_DOWN, user, at, out);
}

int directory_device_remove(struct directory *d, struct im_str device)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_REMOVE);

	sqldb_bind_text(st, 1, device);
	return directory_change(d, st);
}

int directory_device_release(struct directory *d, struct im_str device)
{
	int rc = directory_device_remove(d, device);

	return rc == IM_OK || rc == IM_E_NONE ? remove_mark(d, device) : rc;
}

static int walk(struct directory *d, sqlite3_stmt *st, directory_device_fn fn, void *arg)
{
	int rc;

	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_device dev = device_of_row(st);

		rc = fn(arg, &dev);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_device_list(struct directory *d, uint64_t user, struct im_str after, uint32_t limit,
	directory_device_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_DEVICE_LIST);

	sqldb_bind_id(st, 1, user);
	sqldb_bind_text(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	return walk(d, st, fn, arg);
}

static int list(
	struct directory *d, int statement, uint64_t user, directory_device_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, statement);

	sqldb_bind_id(st, 1, user);
	return walk(d, st, fn, arg);
}

int directory_device_list_seen(
	struct directory *d, uint64_t user, directory_device_fn fn, void *arg)
{
	return list(d, DIR_DEVICE_LIST_SEEN, user, fn, arg);
}

int directory_device_list_unseen(
	struct directory *d, uint64_t user, directory_device_fn fn, void *arg)
{
	return list(d, DIR_DEVICE_LIST_UNSEEN, user, fn, arg);
}
