/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns which statements are whose of the two indexes of search.db. Called by the indexer, and by
 * search.c for which of them answers. */
#include "bridge/search/search_table.h"

#include <stdlib.h>

#include "bridge/search/search_db.h"

const struct search_table search_table_old = {"im", SEARCH_OLD_INSERT};
const struct search_table search_table_new = {"im4", SEARCH_NEW_INSERT};
_Static_assert(SEARCH_OLD_FIND - SEARCH_OLD_INSERT == SEARCH_OF_FIND &&
		       SEARCH_NEW_FIND - SEARCH_NEW_INSERT == SEARCH_OF_FIND,
	"search.def has the order of enum search_of");

int search_has_old(struct sqldb *q, bool *out)
{
	return sqldb_has(q, sqldb_get(q, SEARCH_HAS_OLD), out);
}

int search_drop_old(struct sqldb *q)
{
	int rc = sqldb_begin(q);

	if (rc == IM_OK)
		rc = sqldb_run(q, sqldb_get(q, SEARCH_OLD_TABLE_DROP));
	if (rc == IM_OK)
		rc = sqldb_run(q, sqldb_get(q, SEARCH_OLD_MARK_DROP));
	if (rc == IM_OK)
		return sqldb_commit(q);
	sqldb_rollback(q);
	return rc;
}

void search_table_leave(struct sqldb *q, const struct search_table *of)
{
	for (int i = 0; i < SEARCH_OF_ALL; i++)
		sqldb_drop(q, of->first + i);
}

int search_writer_open(struct sqldb *q, const struct search_table *of, struct search_writer *w)
{
	uint64_t gid;
	int rc = sqldb_count(q, sqldb_get(q, of->first + SEARCH_OF_MARKED), &gid);

	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	*w = (struct search_writer){q, of, gid};
	return IM_OK;
}

/* Nothing may be prepared on a table that is to be dropped. */
void search_writer_close(struct search_writer *w)
{
	if (w->of)
		search_table_leave(w->q, w->of);
	*w = (struct search_writer){.of = NULL};
}

static sqlite3_stmt *get(struct search_writer *w, enum search_of which)
{
	return sqldb_get(w->q, w->of->first + which);
}

int search_writer_put(struct search_writer *w, uint64_t gid, struct im_str text, struct im_str tag)
{
	sqlite3_stmt *st = get(w, SEARCH_OF_INSERT);

	sqldb_bind_id(st, 1, gid);
	sqldb_bind_text(st, 2, text);
	sqldb_bind_text(st, 3, tag);
	return sqldb_run(w->q, st);
}

int search_writer_remove(struct search_writer *w, uint64_t gid)
{
	sqlite3_stmt *st = get(w, SEARCH_OF_REMOVE);

	sqldb_bind_id(st, 1, gid);
	return sqldb_run(w->q, st);
}

int search_writer_forget(struct search_writer *w, struct im_str tag, uint32_t max, bool *more_out)
{
	sqlite3_stmt *st = get(w, SEARCH_OF_TAGGED);
	uint64_t *gids = calloc(max, sizeof(*gids));
	uint32_t n = 0;
	int rc = IM_OK;

	if (!gids)
		return IM_E_NOMEM;
	sqldb_bind_text(st, 1, tag);
	/* Read first: nothing may be deleted under a walk. */
	while (n < max && (rc = sqldb_step(w->q, st)) == SQLDB_ROW)
		gids[n++] = sqldb_id(st, 0);
	if (rc == SQLDB_ROW) {
		sqldb_done(st);
		rc = IM_OK;
	}
	for (uint32_t i = 0; i < n && rc == IM_OK; i++)
		rc = search_writer_remove(w, gids[i]);
	*more_out = n == max;
	free(gids);
	return rc;
}

int search_writer_mark(struct search_writer *w, uint64_t gid)
{
	sqlite3_stmt *st = get(w, SEARCH_OF_MARK);

	sqldb_bind_id(st, 1, gid);
	return sqldb_run(w->q, st);
}
