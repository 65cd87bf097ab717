/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user table of directory.db, written while no bridge runs. Called by cmd_user.c and import.c.
 * Knows the schema of schema/sqlite/directory and the lock file that the bridge holds.
 */
#include "clients/imctl/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clients/imctl/offline_audit.h"
#include "schema/account.h"
#include "schema/check.h"
#include "schema/migrations.h"

struct offline {
	sqlite3 *db;
	int lock_fd;
	struct accounts *accounts;
	int64_t now_ms;
	char actor[OFFLINE_ACTOR_MAX];
};

static int fail(struct offline *o, const char *what, struct im_buf *why)
{
	im_buf_printf(why, "%s: %s", what, sqlite3_errmsg(o->db));
	return IMCTL_REFUSED;
}

/* As root: become the folder's owner, for good. */
static int become_owner(const char *folder, struct im_buf *why)
{
	struct stat st;
	bool there = stat(folder, &st) == 0;

	if (!there || !S_ISDIR(st.st_mode)) {
		im_buf_printf(why,
			"data folder %s: %s; give the one that is data_dir in im-bridge.conf",
			folder, there ? "not a folder" : strerror(errno));
		return IMCTL_REFUSED;
	}
	if (geteuid() != 0 || st.st_uid == 0)
		return IMCTL_OK;
	if (setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 && setuid(st.st_uid) == 0)
		return IMCTL_OK;
	im_buf_printf(why, "cannot become the owner of %s: %s", folder, strerror(errno));
	return IMCTL_REFUSED;
}

static int take_lock(struct offline *o, const char *folder, struct im_buf *why)
{
	struct im_buf path;
	int rc = IMCTL_OK;

	im_buf_init(&path, 0);
	im_buf_printf(&path, "%s/bridge.lock", folder);
	im_buf_c(&path, '\0');
	if (!path.failed)
		o->lock_fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (o->lock_fd < 0) {
		im_buf_printf(why, "cannot open %s/bridge.lock: %s", folder, strerror(errno));
		rc = IMCTL_REFUSED;
	} else if (flock(o->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		im_buf_printf(why,
			"a bridge is running on %s: stop it, or, if the command works on a running "
			"node, leave --offline out",
			folder);
		rc = IMCTL_REFUSED;
	}
	im_buf_free(&path);
	return rc;
}

static int open_database(struct offline *o, const char *folder, struct im_buf *why)
{
	struct im_buf path;
	int rc = IMCTL_OK;

	im_buf_init(&path, 0);
	im_buf_printf(&path, "%s/directory.db", folder);
	im_buf_c(&path, '\0');
	if (path.failed ||
		sqlite3_open_v2(path.p, &o->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL)) {
		im_buf_printf(
			why, "cannot open %s/directory.db: %s", folder, sqlite3_errmsg(o->db));
		rc = IMCTL_REFUSED;
		goto out;
	}
	/* The broker's plugin may be reading meanwhile; it never writes. */
	sqlite3_busy_timeout(o->db, 5000);
	if (sqlite3_exec(o->db,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
		    NULL, NULL, NULL))
		rc = fail(o, "cannot open directory.db", why);
	else if (migrate_apply(o->db, schema_migrations, "directory", why) != IM_OK)
		rc = IMCTL_REFUSED;
out:
	im_buf_free(&path);
	return rc;
}

int offline_open(const char *folder, struct offline **out, struct im_buf *why)
{
	struct timespec now;
	struct offline *o = calloc(1, sizeof(*o));

	*out = NULL;
	if (!o) {
		im_buf_z(why, "out of memory");
		return IMCTL_REFUSED;
	}
	o->lock_fd = -1;
	clock_gettime(CLOCK_REALTIME, &now);
	o->now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	offline_actor(o->actor);
	umask(077);
	int rc = become_owner(folder, why);
	if (rc == IMCTL_OK)
		rc = take_lock(o, folder, why);
	if (rc == IMCTL_OK)
		rc = open_database(o, folder, why);
	if (rc == IMCTL_OK) {
		o->accounts = accounts_open(o->db, folder);
		rc = o->accounts ? IMCTL_OK : fail(o, "cannot open directory.db", why);
	}
	if (rc == IMCTL_OK)
		*out = o;
	else
		offline_close(&o);
	return rc;
}

void offline_close(struct offline **o)
{
	if (!*o)
		return;
	accounts_close(&(*o)->accounts);
	sqlite3_close((*o)->db);
	if ((*o)->lock_fd >= 0)
		close((*o)->lock_fd);
	free(*o);
	*o = NULL;
}

int offline_begin(struct offline *o, struct im_buf *why)
{
	return sqlite3_exec(o->db, "BEGIN IMMEDIATE", NULL, NULL, NULL)
		       ? fail(o, "cannot write to directory.db", why)
		       : IMCTL_OK;
}

int offline_end(
	struct offline *o, const char *action, const json_t *params, int rc, struct im_buf *why)
{
	if (rc == IMCTL_OK && (offline_audit(o->db, o->actor, o->now_ms, action, params) != IM_OK ||
				      sqlite3_exec(o->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK))
		rc = fail(o, "cannot write to directory.db", why);
	if (!sqlite3_get_autocommit(o->db))
		sqlite3_exec(o->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

static int unknown(const char *uid, struct im_buf *why)
{
	im_buf_printf(why, "unknown user %s", uid);
	return IMCTL_REFUSED;
}

static int bind_phc(sqlite3_stmt *s, int at, const char *phc)
{
	return phc && *phc ? sqlite3_bind_text(s, at, phc, -1, SQLITE_STATIC)
			   : sqlite3_bind_null(s, at);
}

int offline_user_create(struct offline *o, const char *uid, int role, const char *phc,
	const char *nick, struct im_buf *why)
{
	const struct account_new n = {.uid = im_str(uid),
		.role = role,
		.phc = im_str(phc),
		.nick = im_str(nick),
		.now_ms = o->now_ms};
	uint64_t id;
	int rc = accounts_create(o->accounts, &n, &id, why);

	if (rc == IM_OK)
		return IMCTL_OK;
	return rc == IM_E_EXISTS ? IMCTL_REFUSED : fail(o, "cannot create the user", why);
}

/* UPDATE ... ?1 = uid, ?2 = the value, already bound. */
static int update_user(struct offline *o, sqlite3_stmt *s, const char *uid, struct im_buf *why)
{
	int rc = IMCTL_OK;

	sqlite3_bind_text(s, 1, uid, -1, SQLITE_STATIC);
	if (sqlite3_step(s) != SQLITE_DONE)
		rc = fail(o, "cannot change the user", why);
	else if (sqlite3_changes(o->db) == 0)
		rc = unknown(uid, why);
	sqlite3_finalize(s);
	return rc;
}

static int update_number(
	struct offline *o, const char *sql, const char *uid, int value, struct im_buf *why)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(o->db, sql, -1, &s, NULL))
		return fail(o, "cannot change the user", why);
	sqlite3_bind_int(s, 2, value);
	return update_user(o, s, uid, why);
}

int offline_user_set_password(
	struct offline *o, const char *uid, const char *phc, struct im_buf *why)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(o->db,
		    "UPDATE user SET password = ?2 WHERE uid = ?1 AND deleted = 0", -1, &s, NULL))
		return fail(o, "cannot change the user", why);
	bind_phc(s, 2, phc);
	return update_user(o, s, uid, why);
}

int offline_user_set_disabled(struct offline *o, const char *uid, bool disabled, struct im_buf *why)
{
	return update_number(o, "UPDATE user SET disabled = ?2 WHERE uid = ?1 AND deleted = 0", uid,
		disabled, why);
}

int offline_user_set_role(struct offline *o, const char *uid, int role, struct im_buf *why)
{
	return update_number(
		o, "UPDATE user SET role = ?2 WHERE uid = ?1 AND deleted = 0", uid, role, why);
}

static json_t *row_object(sqlite3_stmt *s)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:I, s:s}", "username",
		(const char *)sqlite3_column_text(s, 0), "role",
		sqlite3_column_int(s, 1) == 1 ? "admin" : "user", "disabled",
		sqlite3_column_int(s, 2), "password", sqlite3_column_int(s, 3), "created_ms",
		(json_int_t)sqlite3_column_int64(s, 4), "nick",
		(const char *)sqlite3_column_text(s, 5));
}

#define USER_COLUMNS "SELECT uid, role, disabled, password IS NOT NULL, created_ms, nick FROM user "

int offline_user_list(
	struct offline *o, const char *after, int64_t limit, json_t *rows, struct im_buf *why)
{
	sqlite3_stmt *s = NULL;
	int step = SQLITE_DONE, rc = IMCTL_OK;

	if (sqlite3_prepare_v2(o->db,
		    USER_COLUMNS "WHERE deleted = 0 AND uid > ?1 ORDER BY uid LIMIT ?2", -1, &s,
		    NULL)) {
		rc = fail(o, "cannot list the users", why);
		goto out;
	}
	sqlite3_bind_text(s, 1, after, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, limit > 0 ? limit : -1);
	while ((step = sqlite3_step(s)) == SQLITE_ROW)
		if (json_array_append_new(rows, row_object(s)) < 0)
			break;
	if (step != SQLITE_DONE)
		rc = fail(o, "cannot list the users", why);
out:
	sqlite3_finalize(s);
	return rc;
}

int offline_user_get(struct offline *o, const char *uid, json_t **out, struct im_buf *why)
{
	sqlite3_stmt *s = NULL;
	int rc = IMCTL_OK;

	*out = NULL;
	if (sqlite3_prepare_v2(
		    o->db, USER_COLUMNS "WHERE deleted = 0 AND uid = ?1", -1, &s, NULL)) {
		rc = fail(o, "cannot read the user", why);
		goto out;
	}
	sqlite3_bind_text(s, 1, uid, -1, SQLITE_STATIC);
	int step = sqlite3_step(s);
	if (step == SQLITE_ROW)
		*out = row_object(s);
	else
		rc = step == SQLITE_DONE ? unknown(uid, why) : fail(o, "cannot read the user", why);
out:
	sqlite3_finalize(s);
	return rc;
}

int offline_device_owner(struct offline *o, const char *device, json_t **out, struct im_buf *why)
{
	sqlite3_stmt *s = NULL;
	int rc = IMCTL_OK;

	*out = NULL;
	if (sqlite3_prepare_v2(o->db,
		    "SELECT u.uid, d.created_ms, d.seen_ms FROM device d"
		    " JOIN user u ON u.id = d.user WHERE d.device = ?1"
		    " UNION ALL SELECT u.uid, NULL, NULL FROM device_mark m"
		    " JOIN user u ON u.id = m.user WHERE m.device = ?1 LIMIT 1",
		    -1, &s, NULL))
		return fail(o, "cannot read the devices", why);
	sqlite3_bind_text(s, 1, device, -1, SQLITE_STATIC);
	int step = sqlite3_step(s);
	if (step == SQLITE_ROW) {
		*out = json_pack("{s:s, s:s}", "device", device, "username",
			(const char *)sqlite3_column_text(s, 0));
		if (*out && sqlite3_column_int64(s, 1)) {
			json_object_set_new(
				*out, "created_ms", json_integer(sqlite3_column_int64(s, 1)));
			json_object_set_new(
				*out, "seen_ms", json_integer(sqlite3_column_int64(s, 2)));
		}
	} else if (step == SQLITE_DONE) {
		im_buf_printf(why, "no user has the client id \"%s\"", device);
		rc = IMCTL_REFUSED;
	} else {
		rc = fail(o, "cannot read the devices", why);
	}
	sqlite3_finalize(s);
	return rc;
}

int offline_import_add(struct offline *o, struct im_str uid, struct im_str phc, bool *created_out,
	struct im_buf *why)
{
	const struct account_new n = {.uid = uid, .phc = phc, .now_ms = o->now_ms};
	enum account_name is = ACCOUNT_FREE;
	struct im_buf holder;
	uint64_t id;
	int rc;

	im_buf_init(&holder, 0);
	rc = accounts_user_name(o->accounts, uid, &is, &holder);
	im_buf_free(&holder);
	*created_out = is != ACCOUNT_EXISTS;
	if (rc == IM_OK && *created_out)
		rc = accounts_create(o->accounts, &n, &id, why);
	if (rc == IM_OK)
		return IMCTL_OK;
	return rc == IM_E_EXISTS ? IMCTL_REFUSED : fail(o, "cannot import", why);
}

static int on_finding(void *arg, const struct check_finding *f)
{
	struct im_buf text;
	json_t *one;

	im_buf_init(&text, 0);
	check_put(&text, f);
	one = json_loadb(text.p, text.n, 0, NULL);
	im_buf_free(&text);
	return json_array_append_new(arg, one) == 0 ? IM_OK : IM_E_NOMEM;
}

int offline_check(struct offline *o, json_t *findings, struct im_buf *why)
{
	struct check_place place = {.id = 0};
	int rc = IM_OK;

	while (rc == IM_OK && !place.done)
		rc = check_names(o->db, &place, CHECK_NAMES, on_finding, findings);
	return rc == IM_OK ? IMCTL_OK : fail(o, "cannot check the names", why);
}
