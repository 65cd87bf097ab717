/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user table of directory.db, written while no bridge runs. Called by cmd_user.c and
 * import_offline.c. Knows the schema of schema/sqlite/directory and the lock file that the bridge
 * holds.
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
#include "common/may.h"
#include "common/pwhash.h"
#include "db/sqldb.h"
#include "schema/account.h"
#include "schema/check.h"
#include "schema/migrations.h"

#define CACHE_KIB 16384 /* for imports */

enum statement {
#define X(name, sql) name,
#include "schema/sqlite/offline.def"
#undef X
	STATEMENTS
};

static const char *const sql[STATEMENTS] = {
#define X(name, sql) sql,
#include "schema/sqlite/offline.def"
#undef X
};

static const struct sqldb_spec spec = {
	.name = "directory",
	.migrations = schema_migrations,
	.sql = sql,
	.n_sql = STATEMENTS,
	.writer_kib = CACHE_KIB,
};

struct offline {
	struct sqldb q;
	int lock_fd;
	struct accounts *accounts;
	int64_t now_ms;
	char actor[OFFLINE_ACTOR_MAX];
};

static int fail(struct offline *o, const char *what, struct im_buf *why)
{
	im_buf_printf(why, "%s: %s", what, *o->q.err ? o->q.err : "out of memory");
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

/* The broker's plugin may be reading meanwhile; it never writes. */
static int open_database(struct offline *o, const char *folder, struct im_buf *why)
{
	int rc = sqldb_open(&o->q, folder, &spec, SQLDB_WRITER, why);

	if (rc == IM_OK) {
		o->accounts = accounts_open(&o->q, folder);
		rc = o->accounts ? IM_OK : IM_E_NOMEM;
	}
	if (rc != IM_OK && why->n == 0)
		im_buf_z(why, "out of memory");
	return rc == IM_OK ? IMCTL_OK : IMCTL_REFUSED;
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
	if ((*o)->q.db)
		sqldb_close(&(*o)->q);
	if ((*o)->lock_fd >= 0)
		close((*o)->lock_fd);
	free(*o);
	*o = NULL;
}

/* What is written past the log would be in this copy alone. */
static int check_alone(struct offline *o, struct im_buf *why)
{
	uint64_t pos;
	int rc = sqldb_count(&o->q, sqldb_get(&o->q, PLACE), &pos);

	if (rc == IM_E_NONE)
		return IMCTL_OK;
	if (rc != IM_OK)
		return fail(o, "cannot read directory.db", why);
	im_buf_z(why,
		"this node shares its log with others (cluster_database): leave --offline out, "
		"at any node that runs");
	return IMCTL_REFUSED;
}

int offline_begin(struct offline *o, struct im_buf *why)
{
	int rc = check_alone(o, why);

	if (rc != IMCTL_OK)
		return rc;
	return sqldb_begin(&o->q) == IM_OK ? IMCTL_OK
					   : fail(o, "cannot write to directory.db", why);
}

/* Notes it in the audit log, and makes it count. */
static int finish(struct offline *o, const char *action, const json_t *params, struct im_buf *why)
{
	const char *uid = json_string_value(json_object_get(params, "username"));
	sqlite3_stmt *s = uid ? sqldb_get(&o->q, USER_LAST) : NULL;
	uint64_t user = 0;
	int rc = IM_E_NONE;

	if (uid) {
		sqldb_bind_text(s, 1, im_str(uid));
		rc = sqldb_count(&o->q, s, &user);
	}
	if (rc != IM_OK && rc != IM_E_NONE)
		return fail(o, "cannot write to directory.db", why);
	if (offline_audit(&o->q, o->actor, o->now_ms, action, params, user) != IM_OK)
		return fail(o, "cannot write to directory.db", why);
	return sqldb_commit(&o->q) == IM_OK ? IMCTL_OK
					    : fail(o, "cannot write to directory.db", why);
}

int offline_end(
	struct offline *o, const char *action, const json_t *params, int rc, struct im_buf *why)
{
	if (rc == IMCTL_OK)
		rc = finish(o, action, params, why);
	sqldb_rollback(&o->q);
	return rc;
}

static int unknown(const char *uid, struct im_buf *why)
{
	im_buf_printf(why, "unknown user %s", uid);
	return IMCTL_REFUSED;
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

/* An UPDATE: ?1 is the user; what is new, ?2, is bound already. */
static int update_user(struct offline *o, sqlite3_stmt *s, const char *uid, struct im_buf *why)
{
	sqldb_bind_text(s, 1, im_str(uid));
	if (sqldb_run(&o->q, s) != IM_OK)
		return fail(o, "cannot change the user", why);
	return sqldb_changes(&o->q) ? IMCTL_OK : unknown(uid, why);
}

static int update_number(
	struct offline *o, enum statement which, const char *uid, int value, struct im_buf *why)
{
	sqlite3_stmt *s = sqldb_get(&o->q, which);

	sqldb_bind_int(s, 2, value);
	return update_user(o, s, uid, why);
}

int offline_user_set_password(
	struct offline *o, const char *uid, const char *phc, struct im_buf *why)
{
	sqlite3_stmt *s = sqldb_get(&o->q, USER_PASSWORD);

	sqldb_bind_text_or_null(s, 2, im_str(phc));
	return update_user(o, s, uid, why);
}

int offline_user_set_disabled(struct offline *o, const char *uid, bool disabled, struct im_buf *why)
{
	return update_number(o, USER_DISABLED, uid, disabled, why);
}

int offline_user_set_role(struct offline *o, const char *uid, int role, struct im_buf *why)
{
	int rc = update_number(o, USER_ROLE, uid, role, why);
	sqlite3_stmt *s;

	if (rc != IMCTL_OK)
		return rc;
	s = sqldb_get(&o->q, USER_UNBIND);
	sqldb_bind_text(s, 1, im_str(uid));
	return sqldb_run(&o->q, s) == IM_OK ? IMCTL_OK
					    : fail(o, "cannot take the pattern back", why);
}

static json_t *text_of(sqlite3_stmt *s, int column)
{
	struct im_str v = sqldb_str(s, column);

	return json_stringn(v.n ? v.p : "", v.n);
}

static const char *role_name(int64_t role)
{
	return im_role_names[role >= 0 && role < IM_ROLES ? role : IM_ROLE_USER];
}

static json_t *row_object(sqlite3_stmt *s)
{
	json_t *row = json_pack("{s:o, s:s, s:b, s:b, s:I, s:o}", "username", text_of(s, 0), "role",
		role_name(sqldb_int(s, 1)), "disabled", sqldb_int(s, 2) != 0, "password",
		!sqldb_null(s, 3), "created_ms", (json_int_t)sqldb_int(s, 4), "nick",
		text_of(s, 5));
	struct im_pwhash h;

	if (row && im_pwhash_read(sqldb_str(s, 3), &h, NULL) == IM_OK)
		json_object_set_new(row, "hash", json_string(im_pwhash_name(h.kind)));
	return row;
}

int offline_user_list(
	struct offline *o, const char *after, int64_t limit, json_t *rows, struct im_buf *why)
{
	sqlite3_stmt *s = sqldb_get(&o->q, USER_LIST);
	int rc;

	sqldb_bind_text(s, 1, im_str(after));
	sqldb_bind_int(s, 2, limit > 0 ? limit : -1);
	while ((rc = sqldb_step(&o->q, s)) == SQLDB_ROW) {
		if (json_array_append_new(rows, row_object(s)) == 0)
			continue;
		sqldb_done(s);
		rc = sqldb_fail(&o->q, IM_E_NOMEM, "out of memory");
		break;
	}
	return rc == IM_OK ? IMCTL_OK : fail(o, "cannot list the users", why);
}

int offline_user_get(struct offline *o, const char *uid, json_t **out, struct im_buf *why)
{
	sqlite3_stmt *s = sqldb_get(&o->q, USER_GET);
	int rc;

	*out = NULL;
	sqldb_bind_text(s, 1, im_str(uid));
	rc = sqldb_step(&o->q, s);
	if (rc == IM_OK)
		return unknown(uid, why);
	if (rc != SQLDB_ROW)
		return fail(o, "cannot read the user", why);
	*out = row_object(s);
	sqldb_done(s);
	return IMCTL_OK;
}

static json_t *owner_object(sqlite3_stmt *s, const char *device)
{
	json_t *v = json_pack("{s:s, s:o}", "device", device, "username", text_of(s, 0));

	if (v && sqldb_int(s, 1)) {
		json_object_set_new(v, "created_ms", json_integer(sqldb_int(s, 1)));
		json_object_set_new(v, "seen_ms", json_integer(sqldb_int(s, 2)));
	}
	return v;
}

int offline_device_owner(struct offline *o, const char *device, json_t **out, struct im_buf *why)
{
	sqlite3_stmt *s = sqldb_get(&o->q, DEVICE_OWNER);
	int rc;

	*out = NULL;
	sqldb_bind_text(s, 1, im_str(device));
	rc = sqldb_step(&o->q, s);
	if (rc == IM_OK) {
		im_buf_printf(why, "no user has the client id \"%s\"", device);
		return IMCTL_REFUSED;
	}
	if (rc != SQLDB_ROW)
		return fail(o, "cannot read the devices", why);
	*out = owner_object(s, device);
	sqldb_done(s);
	return IMCTL_OK;
}

static int stored_is(
	struct offline *o, struct im_str uid, struct im_str hash, struct offline_user *out)
{
	sqlite3_stmt *s = sqldb_get(&o->q, USER_HASH);
	int rc;

	sqldb_bind_text(s, 1, uid);
	rc = sqldb_step(&o->q, s);
	if (rc != SQLDB_ROW)
		return rc;
	out->same = im_str_eq(sqldb_str(s, 0), hash);
	out->admin = sqldb_int(s, 1) == IM_ROLE_ADMIN;
	sqldb_done(s);
	return IM_OK;
}

int offline_import_look(struct offline *o, struct im_str uid, struct im_str hash,
	struct offline_user *out, struct im_buf *why)
{
	enum account_name is = ACCOUNT_FREE;
	struct im_buf holder;
	int rc;

	*out = (struct offline_user){.exists = false};
	im_buf_init(&holder, 0);
	rc = accounts_user_name(o->accounts, uid, &is, &holder);
	out->exists = is == ACCOUNT_EXISTS;
	if (rc == IM_OK && out->exists)
		rc = stored_is(o, uid, hash, out);
	else if (rc == IM_OK && is != ACCOUNT_FREE)
		accounts_explain(is, ACCOUNT_USER, uid, im_buf_view(&holder), why);
	im_buf_free(&holder);
	if (rc != IM_OK)
		return fail(o, "cannot read the users", why);
	return out->exists || is == ACCOUNT_FREE ? IMCTL_OK : IMCTL_REFUSED;
}

int offline_import_write(
	struct offline *o, struct im_str uid, struct im_str hash, bool exists, struct im_buf *why)
{
	const struct account_new n = {.uid = uid, .phc = hash, .now_ms = o->now_ms};
	sqlite3_stmt *s;
	uint64_t id;
	int rc;

	if (!exists) {
		rc = accounts_create(o->accounts, &n, &id, why);
		return rc == IM_OK         ? IMCTL_OK
		       : rc == IM_E_EXISTS ? IMCTL_REFUSED
					   : fail(o, "cannot import", why);
	}
	s = sqldb_get(&o->q, USER_PASSWORD);
	sqldb_bind_text(s, 1, uid);
	sqldb_bind_text_or_null(s, 2, hash);
	return sqldb_run(&o->q, s) == IM_OK ? IMCTL_OK : fail(o, "cannot import", why);
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
		rc = check_names(&o->q, &place, CHECK_NAMES, on_finding, findings);
	return rc == IM_OK ? IMCTL_OK : fail(o, "cannot check the names", why);
}
