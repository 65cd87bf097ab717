/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what is asked of each name. Called by bridge/directory/directory.c and
 * clients/imctl/offline.c. */
#include "schema/check.h"

#include "common/ids.h"
#include "common/jsonw.h"
#include "db/sqldb.h"

/* Number, name, gone, the same but for case, given again to another, lost to an erasure, the
 * link's. */
#define LINK_NAME(column)                                                               \
	"EXISTS (SELECT 1 FROM setting WHERE key = 'link_username' AND value = " column \
	" COLLATE NOCASE)"
static const char users[] =
	"SELECT u.id, u.uid, u.deleted,"
	" (SELECT o.uid FROM user o WHERE o.uid = u.uid COLLATE NOCASE AND o.id <> u.id"
	"  ORDER BY o.deleted, o.id DESC LIMIT 1),"
	" EXISTS (SELECT 1 FROM erasure e WHERE e.user = u.id AND e.words = 0"
	"  AND e.hash IS NULL),"
	" EXISTS (SELECT 1 FROM erasure e WHERE e.user = u.id AND e.hash IS NOT NULL),"
	" " LINK_NAME("u.uid") " FROM user u WHERE u.id > ?1 ORDER BY u.id";
static const char groups[] =
	"SELECT g.id, g.gid, g.dismissed,"
	" (SELECT o.gid FROM grp o WHERE o.gid = g.gid COLLATE NOCASE AND o.id <> g.id"
	"  ORDER BY o.dismissed, o.id DESC LIMIT 1),"
	" 0, 0, " LINK_NAME("g.gid") " FROM grp g WHERE g.id > ?1 ORDER BY g.id";

struct look {
	check_fn fn;
	void *arg;
	uint32_t found;
	bool group;
};

static int tell(struct look *l, const struct check_finding *f)
{
	l->found++;
	return l->fn(l->arg, f);
}

static int look_at(struct look *l, sqlite3_stmt *st)
{
	struct check_finding f = {.group = l->group,
		.name = sqldb_str(st, 1),
		.gone = sqldb_int(st, 2) != 0,
		.beside = sqldb_str(st, 3)};
	bool twice = sqldb_int(st, 4) != 0, erased = sqldb_int(st, 5) != 0;
	bool link = sqldb_int(st, 6) != 0;
	int rc = IM_OK;

	if (twice || f.beside.n > 0) {
		f.finding = twice || im_str_eq(f.beside, f.name) ? "twice" : "case";
		rc = tell(l, &f);
	}
	/* Whose own name is gone has such a name by right. */
	if (rc != IM_OK || f.gone || twice || erased || !(link || im_name_reserved(f.name)))
		return rc;
	f.finding = "reserved";
	f.beside = (struct im_str){NULL, 0};
	return tell(l, &f);
}

int check_names(
	struct sqldb *q, struct check_place *place, uint32_t findings, check_fn fn, void *arg)
{
	struct look l = {.fn = fn, .arg = arg, .group = place->groups};
	sqlite3_stmt *own = NULL, *st = sqldb_prepare(q, &own, place->groups ? groups : users);
	int step = SQLDB_ROW, rc = IM_OK;
	uint32_t n = 0;

	sqldb_bind_id(st, 1, place->id);
	while (rc == IM_OK && n < CHECK_NAMES && l.found < findings &&
		(step = sqldb_step(q, st)) == SQLDB_ROW) {
		rc = look_at(&l, st);
		place->id = sqldb_id(st, 0);
		n++;
	}
	sqldb_finalize(&own);
	if (rc == IM_OK && step == IM_OK) {
		place->done = place->groups;
		place->groups = true;
		place->id = 0;
	}
	return rc == IM_OK && step != SQLDB_ROW ? step : rc;
}

void check_put(struct im_buf *out, const struct check_finding *f)
{
	im_buf_printf(out, "{\"kind\":\"%s\"", f->group ? "group" : "user");
	im_jsonw_member_str(out, "name", f->name);
	im_jsonw_member_str(out, "finding", im_str(f->finding));
	if (f->beside.n > 0)
		im_jsonw_member_str(out, "beside", f->beside);
	im_buf_printf(out, ",\"deleted\":%s}", f->gone ? "true" : "false");
}
