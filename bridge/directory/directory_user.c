/* SPDX-License-Identifier: BSD-3-Clause */
/* Users and blocks in directory.db. Devices are in directory_device.c. */
#include "bridge/directory/directory_user.h"

#include "bridge/directory/directory_link.h"
#include "bridge/directory/directory_sql.h"

/* The columns of USER_COLUMNS, strings borrowed from the statement. */
static struct directory_user user_of_row(sqlite3_stmt *st)
{
	return (struct directory_user){
		.id = sqldb_id(st, 0),
		.uid = sqldb_str(st, 1),
		.role = (enum im_role)sqldb_int(st, 2),
		.password = sqldb_str(st, 3),
		.disabled = sqldb_int(st, 4),
		.deleted = sqldb_int(st, 5),
		.created_ms = sqldb_int(st, 6),
		.nick = sqldb_str(st, 7),
		.avatar = sqldb_str(st, 8),
		.ext = sqldb_str(st, 9),
		.direct_policy = (enum im_direct_policy)sqldb_int(st, 10),
		.read_receipts = sqldb_int(st, 11),
		.online = sqldb_int(st, 12),
		.seen_ms = sqldb_int(st, 13),
		.max_devices = sqldb_null(st, 14) ? DIRECTORY_DEVICES_DEFAULT : sqldb_int(st, 14),
		.rev = sqldb_int(st, 15),
		.told_ms = sqldb_int(st, 16),
	};
}

static int get_one(struct directory *d, sqlite3_stmt *st, struct directory_user *out)
{
	int rc = directory_row(d, st);

	if (rc)
		return rc;
	*out = user_of_row(st);
	out->uid = directory_keep(d, st, 1);
	out->password = directory_keep(d, st, 3);
	out->nick = directory_keep(d, st, 7);
	out->avatar = directory_keep(d, st, 8);
	out->ext = directory_keep(d, st, 9);
	sqldb_done(st);
	return IM_OK;
}

static int walk(struct directory *d, sqlite3_stmt *st, directory_user_fn fn, void *arg)
{
	int rc;

	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_user u = user_of_row(st);

		rc = fn(arg, &u);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_user_get(struct directory *d, struct im_str uid, struct directory_user *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_BY_UID);

	sqldb_bind_text(st, 1, uid);
	return get_one(d, st, out);
}

int directory_user_last(struct directory *d, struct im_str uid, struct directory_user *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_LAST);

	sqldb_bind_text(st, 1, uid);
	return get_one(d, st, out);
}

int directory_user_by_id(struct directory *d, uint64_t id, struct directory_user *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_BY_ID);

	sqldb_bind_id(st, 1, id);
	return get_one(d, st, out);
}

int directory_user_nameable(struct directory *d, struct im_str uid)
{
	return directory_nameable(d, ACCOUNT_USER, uid);
}

int directory_user_create(struct directory *d, struct im_str uid, enum im_role role,
	struct im_str password, int64_t now_ms, uint64_t *id_out)
{
	const struct account_new n = {.uid = uid, .role = role, .phc = password, .now_ms = now_ms};
	struct im_buf why;
	int rc;

	im_buf_init(&why, 0);
	rc = accounts_create(d->accounts, &n, id_out, &why);
	if (rc == IM_E_EXISTS) {
		im_buf_c(&why, '\0');
		sqldb_fail(&d->q, rc, why.failed ? "the name is taken" : why.p);
	}
	im_buf_free(&why);
	return rc;
}

int directory_user_set_password(struct directory *d, uint64_t id, struct im_str phc)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_PASSWORD);

	sqldb_bind_id(st, 1, id);
	sqldb_bind_text_or_null(st, 2, phc);
	return directory_change(d, st);
}

int directory_user_rehash(struct directory *d, const struct im_rehash *which, struct im_str phc)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_REHASH);

	sqldb_bind_id(st, 1, which->user);
	sqldb_bind_int(st, 2, which->credential);
	sqldb_bind_id(st, 3, which->rehashed);
	sqldb_bind_text(st, 4, phc);
	return directory_change(d, st);
}

static int set_number(struct directory *d, int which, uint64_t id, int64_t value)
{
	sqlite3_stmt *st = sqldb_get(&d->q, which);

	sqldb_bind_id(st, 1, id);
	sqldb_bind_int(st, 2, value);
	return directory_change(d, st);
}

int directory_user_set_disabled(struct directory *d, uint64_t id, bool disabled)
{
	int rc = set_number(d, DIR_USER_DISABLED, id, disabled);

	return rc == IM_OK && disabled ? directory_link_drop_all(d, id) : rc;
}

int directory_user_set_max_devices(struct directory *d, uint64_t id, int64_t max)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_MAX_DEVICES);

	sqldb_bind_id(st, 1, id);
	if (max == DIRECTORY_DEVICES_DEFAULT)
		sqldb_bind_null(st, 2);
	else
		sqldb_bind_int(st, 2, max);
	return directory_change(d, st);
}

int directory_user_set_told(struct directory *d, uint64_t id, int64_t told_ms)
{
	return set_number(d, DIR_USER_TOLD, id, told_ms);
}

int directory_user_set_role(struct directory *d, uint64_t id, enum im_role role)
{
	return set_number(d, DIR_USER_ROLE, id, role);
}

static void bind_if_given(sqlite3_stmt *st, int at, struct im_str s)
{
	if (s.p)
		sqldb_bind_text(st, at, s);
	else
		sqldb_bind_null(st, at);
}

static void bind_if_not_negative(sqlite3_stmt *st, int at, int v)
{
	if (v >= 0)
		sqldb_bind_int(st, at, v);
	else
		sqldb_bind_null(st, at);
}

int directory_user_set_profile(struct directory *d, uint64_t id, struct im_str nick,
	struct im_str avatar, struct im_str ext, int direct_policy, int read_receipts)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_PROFILE);

	sqldb_bind_id(st, 1, id);
	bind_if_given(st, 2, nick);
	bind_if_given(st, 3, avatar);
	bind_if_given(st, 4, ext);
	bind_if_not_negative(st, 5, direct_policy);
	bind_if_not_negative(st, 6, read_receipts);
	return directory_change(d, st);
}

int directory_user_delete(struct directory *d, uint64_t id, uint64_t gone_gid)
{
	/* The mark first: it says whether there is such a user. Blocks stay, on both sides: who
	 * comes back is the same one to whom they were meant, or who meant them. */
	static const int steps[] = {DIR_USER_MARK_DEVICES, DIR_USER_DELETE_DEVICES, DIR_BIND_REMOVE,
		DIR_USER_DELETE_CONTACTS, DIR_USER_DELETE_CONTACTED, DIR_LEFT_ALL,
		DIR_USER_DELETE_MEMBERS, DIR_USER_DELETE_CONVS, DIR_USER_DELETE_EVENTS};
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_DELETE);
	int rc;
	sqldb_bind_id(st, 1, id);
	rc = directory_change(d, st);
	for (size_t i = 0; rc == IM_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
		st = sqldb_get(&d->q, steps[i]);
		sqldb_bind_id(st, 1, id);
		if (steps[i] == DIR_LEFT_ALL || steps[i] == DIR_USER_DELETE_CONVS)
			sqldb_bind_id(st, 2, gone_gid);
		rc = sqldb_run(&d->q, st);
	}
	return rc;
}

int directory_user_restore(
	struct directory *d, uint64_t id, enum im_role role, struct im_str password, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_RESTORE);

	sqldb_bind_id(st, 1, id);
	sqldb_bind_int(st, 2, role);
	sqldb_bind_text_or_null(st, 3, password);
	sqldb_bind_int(st, 4, now_ms);
	return directory_change(d, st);
}

int directory_user_set_online(struct directory *d, uint64_t id, int online, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_ONLINE);

	sqldb_bind_id(st, 1, id);
	sqldb_bind_int(st, 2, online);
	sqldb_bind_int(st, 3, now_ms);
	return directory_change(d, st);
}

int directory_user_list(
	struct directory *d, struct im_str after, uint32_t limit, directory_user_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_USER_LIST);

	sqldb_bind_text(st, 1, after);
	sqldb_bind_int(st, 2, limit);
	return walk(d, st, fn, arg);
}

static int by_id(struct directory *d, int which, uint64_t after_id, uint32_t limit,
	directory_user_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, which);

	sqldb_bind_id(st, 1, after_id);
	sqldb_bind_int(st, 2, limit);
	return walk(d, st, fn, arg);
}

int directory_user_walk(
	struct directory *d, uint64_t after_id, uint32_t limit, directory_user_fn fn, void *arg)
{
	return by_id(d, DIR_USER_WALK, after_id, limit, fn, arg);
}

int directory_user_list_online(
	struct directory *d, uint64_t after_id, uint32_t limit, directory_user_fn fn, void *arg)
{
	return by_id(d, DIR_USER_LIST_ONLINE, after_id, limit, fn, arg);
}

uint64_t directory_user_count(struct directory *d)
{
	uint64_t n;

	return sqldb_count(&d->q, sqldb_get(&d->q, DIR_USER_COUNT), &n) == IM_OK ? n : 0;
}

int directory_block_add(struct directory *d, uint64_t owner, uint64_t peer, int64_t now_ms)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BLOCK_ADD);

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_id(st, 2, peer);
	sqldb_bind_int(st, 3, now_ms);
	return sqldb_run(&d->q, st);
}

int directory_block_remove(struct directory *d, uint64_t owner, uint64_t peer)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BLOCK_REMOVE);

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_id(st, 2, peer);
	return sqldb_run(&d->q, st);
}

int directory_block_has(struct directory *d, uint64_t owner, uint64_t peer, bool *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BLOCK_HAS);

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_id(st, 2, peer);
	return sqldb_has(&d->q, st, out);
}

int directory_block_between(struct directory *d, uint64_t a, uint64_t b, bool *out)
{
	int rc = directory_block_has(d, a, b, out);

	return rc == IM_OK && !*out ? directory_block_has(d, b, a, out) : rc;
}

int directory_contact_has(struct directory *d, uint64_t owner, uint64_t peer, bool *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONTACT_HAS);

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_id(st, 2, peer);
	return sqldb_has(&d->q, st, out);
}

int directory_contact_people(struct directory *d, uint64_t owner, uint64_t after, uint32_t limit,
	directory_user_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONTACT_PEOPLE);

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_id(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	return walk(d, st, fn, arg);
}

int directory_member_people(struct directory *d, uint64_t group, struct im_str after,
	uint32_t limit, directory_user_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_MEMBER_PEOPLE);

	sqldb_bind_id(st, 1, group);
	sqldb_bind_text(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	return walk(d, st, fn, arg);
}

int directory_block_list(struct directory *d, uint64_t owner, uint64_t after, uint32_t limit,
	directory_user_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BLOCK_LIST);

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_id(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	return walk(d, st, fn, arg);
}
