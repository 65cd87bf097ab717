/* SPDX-License-Identifier: BSD-3-Clause */
/* Contact lists in directory.db. Called by the contact methods; must not know what a state leads
 * to. */
#include "bridge/directory/directory_contact.h"

#include "bridge/directory/directory_sql.h"

static struct directory_contact contact_of_row(sqlite3_stmt *st)
{
	return (struct directory_contact){
		.owner = sqldb_id(st, 0),
		.peer = sqldb_id(st, 1),
		.uid = sqldb_str(st, 2),
		.nick = sqldb_str(st, 3),
		.avatar = sqldb_str(st, 4),
		.rev = sqldb_int(st, 5),
		.state = sqldb_int(st, 6),
		.note = sqldb_str(st, 7),
		.remark = sqldb_str(st, 8),
		.tags = sqldb_str(st, 9),
		.changed_ms = sqldb_int(st, 10),
		.version = sqldb_id(st, 11),
	};
}

int directory_contact_get(
	struct directory *d, uint64_t owner, uint64_t peer, struct directory_contact *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONTACT_GET);
	int rc;

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_id(st, 2, peer);
	rc = directory_row(d, st);
	if (rc)
		return rc;
	*out = contact_of_row(st);
	out->uid = directory_keep(d, st, 2);
	out->nick = directory_keep(d, st, 3);
	out->avatar = directory_keep(d, st, 4);
	out->note = directory_keep(d, st, 7);
	out->remark = directory_keep(d, st, 8);
	out->tags = directory_keep(d, st, 9);
	sqldb_done(st);
	return IM_OK;
}

int directory_contact_put(struct directory *d, const struct directory_contact *c)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONTACT_PUT);

	sqldb_bind_id(st, 1, c->owner);
	sqldb_bind_id(st, 2, c->peer);
	sqldb_bind_int(st, 3, c->state);
	sqldb_bind_text(st, 4, c->note);
	sqldb_bind_text(st, 5, c->remark);
	sqldb_bind_text(st, 6, c->tags);
	sqldb_bind_int(st, 7, c->changed_ms);
	return sqldb_run(&d->q, st);
}

int directory_contact_list(struct directory *d, uint64_t owner, uint64_t after, uint32_t limit,
	directory_contact_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONTACT_LIST);
	int rc;

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_id(st, 2, after);
	sqldb_bind_int(st, 3, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		struct directory_contact c = contact_of_row(st);

		rc = fn(arg, &c);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_contact_newest(
	struct directory *d, uint64_t owner, uint32_t limit, directory_peer_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONTACT_NEWEST);
	int rc;

	sqldb_bind_id(st, 1, owner);
	sqldb_bind_int(st, 2, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		rc = fn(arg, sqldb_id(st, 0));
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

int directory_contact_owners(struct directory *d, uint64_t peer, directory_owner_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_CONTACT_OWNERS);
	int rc;

	sqldb_bind_id(st, 1, peer);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		rc = fn(arg, sqldb_id(st, 0), sqldb_str(st, 1));
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

static int number(struct directory *d, int which, uint64_t owner, uint64_t *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, which);

	sqldb_bind_id(st, 1, owner);
	return sqldb_count(&d->q, st, out);
}

int directory_contact_version(struct directory *d, uint64_t owner, uint64_t *version_out)
{
	return number(d, DIR_CONTACT_VERSION, owner, version_out);
}

int directory_contact_count(struct directory *d, uint64_t owner, uint64_t *count_out)
{
	return number(d, DIR_CONTACT_COUNT, owner, count_out);
}
