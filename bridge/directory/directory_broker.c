/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by brokers.c at start. */
#include "bridge/directory/directory_broker.h"

#include "bridge/directory/directory_sql.h"
#include "db/socketname.h"

int directory_broker_list(struct directory *d, directory_broker_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&d->q, DIR_BROKER_LIST);
	int rc;

	while ((rc = sqldb_step(&d->q, st)) == SQLDB_ROW) {
		rc = fn(arg, (unsigned)sqldb_int(st, 0), sqldb_str(st, 1));
		if (rc) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}

/* Who has each number. */
struct giving {
	char *const *paths;
	size_t n;
	unsigned *numbers; /* 0: none yet */
	enum { FREE, LEFT, TAKEN } is[IM_PEERS_MAX + 1];
};

static int on_broker(void *arg, unsigned number, struct im_str path)
{
	struct giving *g = arg;

	if (number < 1 || number > IM_PEERS_MAX)
		return IM_OK;
	g->is[number] = LEFT;
	for (size_t i = 0; i < g->n; i++) {
		const struct im_str own = im_str(g->paths[i]);

		if (!socketname_same(path, own))
			continue;
		if (!g->numbers[i] || im_str_eq(path, own))
			g->numbers[i] = number;
		g->is[number] = TAKEN;
	}
	return IM_OK;
}

/* There are no more paths than numbers, so one is not taken. */
static unsigned lowest(const struct giving *g)
{
	for (unsigned i = 1; i <= IM_PEERS_MAX; i++)
		if (g->is[i] == FREE)
			return i;
	for (unsigned i = 1; i < IM_PEERS_MAX; i++)
		if (g->is[i] == LEFT)
			return i;
	return IM_PEERS_MAX;
}

static int forget_homes(struct directory *d, int devices, int marks, unsigned number)
{
	sqlite3_stmt *st = sqldb_get(&d->q, devices);
	int rc;

	sqldb_bind_int(st, 1, number);
	rc = sqldb_run(&d->q, st);
	if (rc)
		return rc;
	st = sqldb_get(&d->q, marks);
	sqldb_bind_int(st, 1, number);
	return sqldb_run(&d->q, st);
}

static int homes_left(struct directory *d, unsigned number)
{
	return forget_homes(d, DIR_BROKER_LEFT, DIR_BROKER_LEFT_MARKS, number);
}

/* While there is one broker nobody notes who comes to it: those whose home was another one are
 * nobody knows where when there are several again. */
static int homes_elsewhere(struct directory *d, const struct giving *g)
{
	bool others = false;

	for (unsigned i = 1; i <= IM_PEERS_MAX; i++)
		others |= g->is[i] == LEFT;
	if (g->n != 1 || !others)
		return IM_OK;
	return forget_homes(d, DIR_BROKER_ALONE, DIR_BROKER_ALONE_MARKS, g->numbers[0]);
}

static int give(struct directory *d, struct giving *g, const char *path)
{
	unsigned number = lowest(g);
	sqlite3_stmt *st;
	int rc = g->is[number] == LEFT ? homes_left(d, number) : IM_OK;

	if (rc)
		return rc;
	st = sqldb_get(&d->q, DIR_BROKER_SET);
	sqldb_bind_int(st, 1, number);
	sqldb_bind_text(st, 2, im_str(path));
	rc = sqldb_run(&d->q, st);
	return rc ? rc : on_broker(g, number, im_str(path));
}

static int give_all(struct directory *d, struct giving *g)
{
	int rc = directory_broker_list(d, on_broker, g);

	for (size_t i = 0; i < g->n && !rc; i++) {
		if (!g->numbers[i])
			rc = give(d, g, g->paths[i]);
	}
	return rc;
}

int directory_broker_numbers(
	struct directory *d, char *const paths[], size_t n, unsigned numbers_out[])
{
	struct giving g = {.paths = paths, .n = n, .numbers = numbers_out};
	int rc = n > IM_PEERS_MAX ? IM_E_FULL : directory_begin(d);

	if (rc)
		return rc;
	memset(numbers_out, 0, n * sizeof(*numbers_out));
	rc = give_all(d, &g);
	if (!rc)
		rc = homes_elsewhere(d, &g);
	if (!rc)
		return directory_commit(d);
	directory_rollback(d);
	return rc;
}
