/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the row that keeps the triggers still; it is never there when a transaction ends. */
#include "bridge/directory/directory_follow.h"

#include "bridge/directory/directory_sql.h"

struct sqldb *directory_db(struct directory *d)
{
	return &d->q;
}

int directory_following(struct directory *d, bool on)
{
	return sqldb_run(&d->q, sqldb_get(&d->q, on ? DIR_FOLLOWING_ON : DIR_FOLLOWING_OFF));
}
