/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handle on search.db: which index answers, and one view for each search. Called by the search
 * method on reader threads.
 */
#include "bridge/search/search.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "bridge/search/search_db.h"
#include "bridge/search/search_table.h"
#include "bridge/search/search_terms.h"
#include "bridge/search/search_tokens.h"
#include "bridge/search/search_walk.h"

struct search {
	struct sqldb q;
	const struct search_table *table; /* that `tokenizer` is for; NULL: none yet */
	struct search_tokenizer tokenizer;
	struct im_buf match;
	struct search_walk *walk; /* of the search in hand */
};

/* seen(rowid): asked for each row before a snippet is made of it. */
static void on_seen(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct search *s = sqlite3_user_data(ctx);

	(void)n;
	sqlite3_result_int(ctx, search_walk_sees(s->walk, (uint64_t)sqlite3_value_int64(v[0])));
}

int search_open(const char *folder, struct search **out, struct im_buf *why)
{
	struct search *s = calloc(1, sizeof(*s));

	if (!s)
		return IM_E_NOMEM;
	im_buf_init(&s->match, 0);
	int rc = search_db_open(folder, false, &s->q, why);
	if (rc == IM_OK &&
		sqlite3_create_function_v2(s->q.db, "seen", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, s,
			on_seen, NULL, NULL, NULL) != SQLITE_OK) {
		im_buf_printf(why, "search.db: %s", sqlite3_errmsg(s->q.db));
		rc = IM_E_IO;
	}
	if (rc) {
		search_close(&s);
		return rc;
	}
	*out = s;
	return IM_OK;
}

static void leave_table(struct search *s)
{
	if (s->table)
		search_table_leave(&s->q, s->table);
	if (s->tokenizer.self)
		s->tokenizer.calls.xDelete(s->tokenizer.self);
	s->tokenizer.self = NULL;
	s->table = NULL;
}

void search_close(struct search **s)
{
	if (!*s)
		return;
	leave_table(*s);
	sqldb_close(&(*s)->q);
	im_buf_free(&(*s)->match);
	free(*s);
	*s = NULL;
}

void search_watch(struct search *s, int (*passed)(void *arg), void *arg)
{
	sqldb_watch(&s->q, passed, arg);
}

static int use_table(struct search *s, const struct search_table *table)
{
	fts5_api *api = search_tokens_api(s->q.db);
	void *ctx;

	if (!api ||
		api->xFindTokenizer(api, table->tokenizer, &ctx, &s->tokenizer.calls) != SQLITE_OK)
		return IM_E_IO;
	if (s->tokenizer.calls.xCreate(ctx, NULL, 0, &s->tokenizer.self) != SQLITE_OK)
		return IM_E_NOMEM;
	s->table = table;
	return IM_OK;
}

/* Which index answers is looked up in the view in which it is asked. */
static int choose_table(struct search *s)
{
	bool old;

	if (search_has_old(&s->q, &old) != IM_OK)
		return IM_E_IO;
	const struct search_table *table = old ? &search_table_old : &search_table_new;
	if (s->table == table)
		return IM_OK;
	leave_table(s);
	return use_table(s, table);
}

static int run_in_view(
	struct search *s, const struct search_query *query, uint64_t *cut_out, const char **why_out)
{
	struct search_walk walk;
	int rc = choose_table(s);

	if (rc)
		return rc;
	im_buf_reset(&s->match);
	rc = search_terms_put(&s->tokenizer, query->q, &s->match, why_out);
	if (rc || query->n_convs == 0)
		return rc;
	s->walk = &walk;
	rc = search_walk_init(&walk, &s->q, s->table->first + SEARCH_OF_FIND, &s->match, query);
	if (rc == IM_OK)
		rc = search_walk_run(&walk, cut_out);
	search_walk_clear(&walk);
	s->walk = NULL;
	return rc;
}

int search_run(
	struct search *s, const struct search_query *query, uint64_t *cut_out, const char **why_out)
{
	*cut_out = 0;
	*why_out = NULL;
	int rc = sqldb_view_begin(&s->q);
	if (rc)
		return rc;
	rc = run_in_view(s, query, cut_out, why_out);
	/* The view ends whatever the watch thinks of it: an open one lets the write-ahead log grow.
	 */
	sqldb_view_end(&s->q);
	return rc;
}
