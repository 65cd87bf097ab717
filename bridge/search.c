/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turns a user's words into an FTS5 expression and walks the hits. Called by the search method on
 * reader threads. Knows nothing of users' rights: the list of conversations is its whole world.
 */
#include "search.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../schema/migrate.h"
#include "search_marks.h"
#include "search_tokens.h"

struct search {
	sqlite3 *db;
	sqlite3_stmt *find;
	struct im_buf match, snippet;
};

static int db_try_open(const char *path, bool writable, sqlite3 **out, struct im_buf *why)
{
	int flags = SQLITE_OPEN_NOMUTEX |
		    (writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
	sqlite3 *db = NULL;
	int code = IM_E_IO;
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
		im_buf_printf(why, "cannot open %s: %s", path, sqlite3_errmsg(db));
		goto out;
	}
	sqlite3_busy_timeout(db, 2000);
	code = search_tokens_register(db);
	if (code) {
		im_buf_z(why, "this SQLite was built without FTS5; use Debian's libsqlite3");
		goto out;
	}
	/* Nothing here is the only copy: a power cut may cost the index, which is then rebuilt. */
	if (writable && sqlite3_exec(db,
				"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
				" PRAGMA cache_size = -16384",
				NULL, NULL, NULL) != SQLITE_OK) {
		im_buf_printf(why, "cannot use %s: %s", path, sqlite3_errmsg(db));
		code = IM_E_FORMAT;
		goto out;
	}
	code = writable ? schema_migrate(db, "search", why) : schema_check(db, "search", why);
out:
	if (code) {
		sqlite3_close(db);
		return code;
	}
	*out = db;
	return IM_OK;
}

int search_db_open(const char *folder, bool writable, sqlite3 **out, struct im_buf *why)
{
	char path[4096], side[4096 + 4];
	int n = snprintf(path, sizeof(path), "%s/search.db", folder);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		im_buf_z(why, "the data folder's path is too long");
		return IM_E_FORMAT;
	}
	int code = db_try_open(path, writable, out, why);
	if (code == IM_OK || !writable || access(path, F_OK) != 0)
		return code;
	unlink(path);
	snprintf(side, sizeof(side), "%s-wal", path);
	unlink(side);
	snprintf(side, sizeof(side), "%s-shm", path);
	unlink(side);
	im_buf_reset(why);
	return db_try_open(path, writable, out, why);
}

int search_open(const char *folder, struct search **out, struct im_buf *why)
{
	static const char sql[] =
		"SELECT rowid, snippet(fts, 0, '" SEARCH_MARK_START "', '" SEARCH_MARK_END
		"', '\xe2\x80\xa6', 24) FROM fts WHERE fts MATCH ?1 AND rowid < ?2"
		" ORDER BY rowid DESC";
	struct search *s = calloc(1, sizeof(*s));
	if (!s)
		return IM_E_NOMEM;
	im_buf_init(&s->match, 0);
	im_buf_init(&s->snippet, 0);
	int code = search_db_open(folder, false, &s->db, why);
	if (code == IM_OK && sqlite3_prepare_v2(s->db, sql, -1, &s->find, NULL) != SQLITE_OK) {
		im_buf_printf(why, "search.db: %s", sqlite3_errmsg(s->db));
		code = IM_E_IO;
	}
	if (code) {
		search_close(&s);
		return code;
	}
	*out = s;
	return IM_OK;
}

void search_close(struct search **s)
{
	if (!*s)
		return;
	sqlite3_finalize((*s)->find);
	sqlite3_close((*s)->db);
	im_buf_free(&(*s)->match);
	im_buf_free(&(*s)->snippet);
	free(*s);
	*s = NULL;
}

/* Appends one term as an FTS5 string, so that no character of it is an operator. */
static void put_term(struct im_buf *b, struct im_str term, bool prefix)
{
	im_buf_c(b, '"');
	for (size_t i = 0; i < term.n; i++) {
		if (term.p[i] == '"')
			im_buf_c(b, '"');
		im_buf_c(b, term.p[i] ? term.p[i] : ' ');
	}
	im_buf_c(b, '"');
	if (prefix)
		im_buf_c(b, '*');
}

/* Takes the next word or quoted phrase off *q. False at the end. */
static bool next_term(struct im_str *q, struct im_str *term_out, bool *prefix_out)
{
	while (q->n && (*q->p == ' ' || *q->p == '\t' || *q->p == '\n' || *q->p == '\r')) {
		q->p++;
		q->n--;
	}
	if (q->n == 0)
		return false;
	bool quoted = *q->p == '"';
	if (quoted) {
		q->p++;
		q->n--;
	}
	const char *start = q->p;
	while (q->n && (quoted ? *q->p != '"'
			       : (*q->p != ' ' && *q->p != '\t' && *q->p != '\n' && *q->p != '\r' &&
					 *q->p != '"'))) {
		q->p++;
		q->n--;
	}
	struct im_str term = {start, (size_t)(q->p - start)};
	if (quoted && q->n) {
		q->p++;
		q->n--;
	}
	*prefix_out = false;
	if (quoted && q->n && *q->p == '*') {
		*prefix_out = true;
		q->p++;
		q->n--;
	} else if (!quoted && term.n > 1 && term.p[term.n - 1] == '*') {
		*prefix_out = true;
		term.n--;
	}
	*term_out = term;
	return true;
}

/* A term of punctuation alone holds no token; FTS5 would let it match everything or nothing. */
static bool has_word(struct im_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
			return true;
	}
	return false;
}

static int build_match(struct im_buf *b, const struct search_query *query, const char **why_out)
{
	struct im_str q = query->q, term;
	bool prefix;
	int terms = 0;
	if (q.n > SEARCH_QUERY_MAX) {
		*why_out = "params.q is longer than 256 bytes; search for fewer words";
		return IM_E_INVALID_PARAMS;
	}
	while (next_term(&q, &term, &prefix)) {
		if (!has_word(term))
			continue;
		if (terms++ == SEARCH_TERMS_MAX) {
			*why_out = "params.q has more than 16 words; search for fewer";
			return IM_E_INVALID_PARAMS;
		}
		im_buf_z(b, terms > 1 ? " AND body : " : "body : ");
		put_term(b, term, prefix);
	}
	if (terms == 0) {
		*why_out = "params.q names no word; give at least one letter, digit or character";
		return IM_E_INVALID_PARAMS;
	}
	if (query->n_convs <= SEARCH_CONVS_MAX) {
		im_buf_z(b, " AND tag : (");
		for (size_t i = 0; i < query->n_convs; i++)
			im_buf_printf(
				b, "%sc%llu", i ? " OR " : "", (unsigned long long)query->convs[i]);
		im_buf_c(b, ')');
	}
	if (query->sender)
		im_buf_printf(b, " AND tag : s%llu", (unsigned long long)query->sender);
	if (query->type.n) {
		im_buf_z(b, " AND tag : ");
		im_buf_z(b, "\"t");
		im_buf_str(b, query->type);
		im_buf_c(b, '"');
	}
	return b->failed ? IM_E_NOMEM : IM_OK;
}

int search_run(struct search *s, const struct search_query *query, search_fn fn, void *arg,
	const char **why_out)
{
	im_buf_reset(&s->match);
	int code = build_match(&s->match, query, why_out);
	if (code || query->n_convs == 0)
		return code;
	sqlite3_bind_text(s->find, 1, s->match.p, (int)s->match.n, SQLITE_STATIC);
	sqlite3_bind_int64(
		s->find, 2, query->before_gid ? (sqlite3_int64)query->before_gid : INT64_MAX);
	int rc;
	while (code == IM_OK && (rc = sqlite3_step(s->find)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(s->find, 1);
		size_t n = (size_t)sqlite3_column_bytes(s->find, 1);
		im_buf_reset(&s->snippet);
		search_marks_widen((struct im_str){text, n}, query->q, &s->snippet);
		code = s->snippet.failed ? IM_E_NOMEM
					 : fn(arg, (uint64_t)sqlite3_column_int64(s->find, 0),
						   im_buf_view(&s->snippet));
	}
	if (code == IM_OK && rc != SQLITE_DONE)
		code = IM_E_IO;
	sqlite3_reset(s->find);
	sqlite3_clear_bindings(s->find);
	return code;
}
