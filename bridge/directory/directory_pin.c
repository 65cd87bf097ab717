/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rows of pins. Called by the methods and by the projection of the log; must not know
 * whether the message is still there. */
#include "bridge/directory/directory_pin.h"

#include "bridge/directory/directory_sql.h"

int directory_pin_put(struct directory *d, const struct directory_pin *p)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_PIN_PUT);

	sqldb_bind_id(st, 1, p->conv);
	sqldb_bind_id(st, 2, p->seq);
	sqldb_bind_id(st, 3, p->user);
	sqldb_bind_id(st, 4, p->gid);
	sqldb_bind_int(st, 5, p->ts_ms);
	return sqldb_run(&d->q, st);
}

int directory_pin_remove(struct directory *d, uint64_t conv, uint64_t seq)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_PIN_REMOVE);

	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, seq);
	return sqldb_run(&d->q, st);
}

int directory_pin_has(struct directory *d, uint64_t conv, uint64_t seq, bool *out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_PIN_HAS);

	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, seq);
	return sqldb_has(&d->q, st, out);
}

int directory_pin_count(struct directory *d, uint64_t conv, uint64_t *n_out)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_PIN_COUNT);

	sqldb_bind_id(st, 1, conv);
	return sqldb_count(&d->q, st, n_out);
}

int directory_pin_list(struct directory *d, uint64_t conv, uint64_t after, uint64_t before,
	uint32_t limit, directory_pin_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_PIN_LIST);
	int rc;

	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, after);
	sqldb_bind_id(st, 3, before);
	sqldb_bind_int(st, 4, limit);
	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		const struct directory_pin p = {.conv = conv,
			.seq = sqldb_id(st, 0),
			.user = sqldb_id(st, 1),
			.gid = sqldb_id(st, 2),
			.ts_ms = sqldb_int(st, 3)};

		rc = fn(arg, &p);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}
