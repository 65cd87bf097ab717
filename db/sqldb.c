/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One SQLite connection with its statements.
 */
#include "db/sqldb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/deadline.h"
#include "db/sqldb_scrub.h"
#include "db/walkeeper.h"

/* Pages looked at in one step of cleaning: 8 MiB, some ten milliseconds. */
#define CLEAN_PAGES 2048

static int code_of(int sqlite_code)
{
	switch (sqlite_code) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return IM_E_EXISTS;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return IM_E_NONE;
	default:
		break;
	}
	if (sqlite_code == SQLITE_IOERR_NOMEM)
		return IM_E_NOMEM;
	switch (sqlite_code & 0xff) {
	case SQLITE_NOMEM:
		return IM_E_NOMEM;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return IM_E_FORMAT;
	default:
		return IM_E_IO;
	}
}

static bool is_the_files(int sqlite_code, int system)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_ERROR: /* its tables are not those of its version */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_READONLY:
		return true;
	case SQLITE_CANTOPEN:
		return system == EACCES || system == EPERM;
	default:
		return sqlite_code == SQLITE_IOERR_READ || sqlite_code == SQLITE_IOERR_SHORT_READ ||
		       sqlite_code == SQLITE_IOERR_CORRUPTFS;
	}
}

/* Takes the message now: the next call on the connection would replace it. */
static int note(struct sqldb *q)
{
	int extended = sqlite3_extended_errcode(q->db);
	int code = code_of(extended);
	int system = sqlite3_system_errno(q->db);

	q->unusable = is_the_files(extended, system);
	snprintf(q->err, sizeof(q->err), "%s (sqlite %d%s%s)", sqlite3_errmsg(q->db), extended,
		system ? ", " : "", system ? strerror(system) : "");
	return code;
}

int sqldb_fail(struct sqldb *q, int code, const char *what)
{
	snprintf(q->err, sizeof(q->err), "%s", what);
	q->unusable = code == IM_E_FORMAT;
	return code;
}

static int failed(struct sqldb *q)
{
	int code = note(q);

	q->failed = true;
	return code == IM_E_NOMEM ? code : IM_E_IO;
}

static void explain_open(
	int code, const char *path, enum sqldb_mode mode, const char *reason, struct im_buf *why)
{
	if (code == IM_E_FORMAT)
		im_buf_printf(why,
			"%s is damaged or is not a database (%s); restore it from a backup, or "
			"put an empty file in its place to start empty",
			path, reason);
	else if (mode == SQLDB_READER)
		im_buf_printf(why, "%s cannot be read: %s; the bridge creates it when it starts",
			path, reason);
	else
		im_buf_printf(why,
			"%s cannot be opened for writing: %s; the folder must exist and it and "
			"the files in it must be writable by this user, with space left on the "
			"disk",
			path, reason);
}

static int configure(struct sqldb *q, enum sqldb_mode mode)
{
	static const char *const writer[] = {
		/* The answer of journal_mode is looked at below. */
		"PRAGMA foreign_keys=ON",
		/* What was taken back or erased is gone; Debian's library does so by itself. */
		"PRAGMA secure_delete=ON",
		"PRAGMA temp_store=MEMORY",
	};
	static const char *const reader[] = {"PRAGMA query_only=ON", "PRAGMA temp_store=MEMORY"};
	const char *const *list = mode == SQLDB_WRITER ? writer : reader;
	size_t n = mode == SQLDB_WRITER ? sizeof(writer) / sizeof(writer[0])
					: sizeof(reader) / sizeof(reader[0]);
	char cache[64];

	sqlite3_extended_result_codes(q->db, 1);
	snprintf(cache, sizeof(cache), "PRAGMA cache_size=-%d",
		mode == SQLDB_WRITER ? q->spec->writer_kib : q->spec->reader_kib);
	if (sqlite3_exec(q->db, cache, NULL, NULL, NULL) != SQLITE_OK)
		return note(q);
	if (mode == SQLDB_WRITER && sqldb_durable(q, !q->spec->rebuilt) != IM_OK)
		return note(q);
	for (size_t i = 0; i < n; i++)
		if (sqlite3_exec(q->db, list[i], NULL, NULL, NULL) != SQLITE_OK)
			return note(q);
	return IM_OK;
}

/* WAL is a property of the file; a file that cannot take it is not one we can promise for. */
static int use_wal(struct sqldb *q)
{
	sqlite3_stmt *st = NULL;
	int rc = IM_OK;

	if (sqlite3_prepare_v2(q->db, "PRAGMA journal_mode=WAL", -1, &st, NULL) != SQLITE_OK ||
		sqlite3_step(st) != SQLITE_ROW)
		rc = note(q);
	else if (strcmp((const char *)sqlite3_column_text(st, 0), "wal") != 0)
		rc = sqldb_fail(q, IM_E_IO, "the file system has no room for a write-ahead log");
	sqlite3_finalize(st);
	return rc;
}

void sqldb_setup(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int sqldb_open(struct sqldb *q, const char *folder, const struct sqldb_spec *spec,
	enum sqldb_mode mode, struct im_buf *why)
{
	char path[4096];
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = IM_OK;
	bool explained = false;

	*q = (struct sqldb){.spec = spec};
	if ((size_t)snprintf(path, sizeof(path), "%s/%s.db", folder, spec->name) >= sizeof(path)) {
		im_buf_printf(why, "the path of %s.db is too long", spec->name);
		return IM_E_IO;
	}
	q->stmt = calloc((size_t)spec->n_sql, sizeof(sqlite3_stmt *));
	if (!q->stmt)
		return IM_E_NOMEM;
	flags |= mode == SQLDB_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
				      : SQLITE_OPEN_READONLY;
	if (sqlite3_open_v2(path, &q->db, flags, NULL) != SQLITE_OK)
		rc = q->db ? note(q) : IM_E_NOMEM;
	/* First of all: after a crash the broker may be recovering the write-ahead log just now. */
	if (rc == IM_OK)
		sqlite3_busy_timeout(q->db, spec->busy_ms ? spec->busy_ms : SQLDB_BUSY_MS);
	if (rc == IM_OK && spec->setup) {
		rc = spec->setup(q->db, why);
		explained = rc != IM_OK;
	}
	if (rc == IM_OK && mode == SQLDB_WRITER)
		rc = use_wal(q);
	/* SQLite opens for reading what it may not write, and would say so with the first change.
	 */
	if (rc == IM_OK && mode == SQLDB_WRITER && sqlite3_db_readonly(q->db, "main")) {
		rc = sqldb_fail(q, IM_E_IO, "this user may only read it");
		q->unusable = true;
	}
	if (rc == IM_OK)
		rc = configure(q, mode);
	if (rc == IM_OK) {
		rc = mode == SQLDB_WRITER ? migrate_apply(q->db, spec->migrations, spec->name, why)
					  : migrate_check(q->db, spec->migrations, spec->name, why);
		explained = rc != IM_OK;
		q->unusable = rc == IM_E_FORMAT;
	}
	if (rc == IM_OK && mode == SQLDB_WRITER && !spec->rebuilt) {
		rc = walkeeper_start(q->db, path, WALKEEPER_DEFAULTS, &q->keeper);
		if (rc != IM_OK)
			sqldb_fail(q, rc, "the thread for checkpoints could not be started");
	}
	if (rc != IM_OK && !explained)
		explain_open(rc, path, mode, q->err, why);
	if (rc != IM_OK)
		sqldb_close(q);
	return rc;
}

void sqldb_wait(struct sqldb *q, int busy_ms)
{
	sqlite3_busy_timeout(q->db, busy_ms);
}

void sqldb_close(struct sqldb *q)
{
	walkeeper_stop(&q->keeper);
	for (int i = 0; q->stmt && i < q->spec->n_sql; i++)
		sqlite3_finalize(q->stmt[i]);
	for (int i = 0; i < SQLDB_COMMANDS; i++)
		sqlite3_finalize(q->command[i]);
	free(q->stmt);
	q->stmt = NULL;
	memset(q->command, 0, sizeof(q->command));
	sqlite3_close(q->db);
	q->db = NULL;
}

sqlite3_stmt *sqldb_prepare(struct sqldb *q, sqlite3_stmt **st, const char *sql)
{
	if (q->in_tx && q->failed)
		return NULL; /* err still tells the first reason */
	if (!*st) {
		if (sqlite3_prepare_v3(q->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) !=
			SQLITE_OK) {
			note(q);
			q->failed = true;
			return NULL;
		}
	} else if (sqlite3_stmt_busy(*st)) {
		sqldb_fail(q, IM_E_IO, "a walk began inside a walk over the same rows");
		return NULL;
	}
	return *st;
}

sqlite3_stmt *sqldb_get(struct sqldb *q, int which)
{
	return sqldb_prepare(q, &q->stmt[which], q->spec->sql[which]);
}

void sqldb_finalize(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
	*st = NULL;
}

int sqldb_step(struct sqldb *q, sqlite3_stmt *st)
{
	int sq, rc;

	if (!st)
		return IM_E_IO;
	sq = sqlite3_step(st);
	if (sq == SQLITE_ROW)
		return SQLDB_ROW;
	if (sq == SQLITE_DONE) {
		sqlite3_reset(st);
		return IM_OK;
	}
	rc = note(q);
	sqlite3_reset(st);
	if (rc != IM_E_EXISTS && rc != IM_E_NONE)
		q->failed = true;
	else
		q->refused++;
	return rc == IM_E_FORMAT ? IM_E_IO : rc;
}

int sqldb_run(struct sqldb *q, sqlite3_stmt *st)
{
	int rc = sqldb_step(q, st);

	if (rc != SQLDB_ROW)
		return rc;
	sqlite3_reset(st);
	return IM_OK;
}

int sqldb_number(struct sqldb *q, sqlite3_stmt *st, int64_t *out)
{
	int rc = sqldb_step(q, st);

	if (rc != SQLDB_ROW)
		return rc == IM_OK ? IM_E_NONE : rc;
	*out = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return IM_OK;
}

int sqldb_count(struct sqldb *q, sqlite3_stmt *st, uint64_t *out)
{
	int64_t n = 0;
	int rc = sqldb_number(q, st, &n);

	*out = (uint64_t)n;
	return rc;
}

int sqldb_has(struct sqldb *q, sqlite3_stmt *st, bool *out)
{
	int64_t ignored;
	int rc = sqldb_number(q, st, &ignored);

	*out = rc == IM_OK;
	return rc == IM_E_NONE ? IM_OK : rc;
}

void sqldb_done(sqlite3_stmt *st)
{
	sqlite3_reset(st);
}

void sqldb_drop(struct sqldb *q, int which)
{
	sqldb_finalize(&q->stmt[which]);
}

int64_t sqldb_changes(const struct sqldb *q)
{
	return sqlite3_changes64(q->db);
}

uint64_t sqldb_last_id(const struct sqldb *q)
{
	return (uint64_t)sqlite3_last_insert_rowid(q->db);
}

int64_t sqldb_total_changes(const struct sqldb *q)
{
	return sqlite3_total_changes64(q->db);
}

static int command(struct sqldb *q, enum sqldb_command which)
{
	static const char *const sql[SQLDB_COMMANDS] = {
		[SQLDB_BEGIN] = "BEGIN IMMEDIATE",
		[SQLDB_COMMIT] = "COMMIT",
		[SQLDB_ROLLBACK] = "ROLLBACK",
		[SQLDB_VIEW] = "BEGIN",
		[SQLDB_TOUCH] = "SELECT 1 FROM sqlite_schema LIMIT 1",
	};
	sqlite3_stmt **st = &q->command[which];
	int sq;

	if (!*st && sqlite3_prepare_v3(q->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, st,
			    NULL) != SQLITE_OK)
		return note(q);
	sq = sqlite3_step(*st);
	if (sq != SQLITE_DONE && sq != SQLITE_ROW) {
		int rc = note(q);

		sqlite3_reset(*st);
		return rc == IM_E_NOMEM ? rc : IM_E_IO;
	}
	sqlite3_reset(*st);
	return IM_OK;
}

/* SQLite rolls back by itself after some errors, and a failing ROLLBACK leaves nothing to do. The
 * reason that led here stays in err. */
static void roll_back(struct sqldb *q)
{
	char err[SQLDB_ERR_MAX];

	memcpy(err, q->err, sizeof(err));
	if (command(q, SQLDB_ROLLBACK) != IM_OK)
		sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
	memcpy(q->err, err, sizeof(err));
}

int sqldb_begin(struct sqldb *q)
{
	int rc;

	if (q->in_tx)
		return sqldb_fail(q, IM_E_IO, "a transaction is open already");
	sqldb_view_end(q);
	q->failed = false;
	rc = command(q, SQLDB_BEGIN);
	q->in_tx = rc == IM_OK;
	q->begun++;
	return rc;
}

int sqldb_commit(struct sqldb *q)
{
	int rc = IM_OK;

	if (!q->in_tx)
		return sqldb_fail(q, IM_E_IO, "no transaction is open");
	if (q->failed || sqlite3_get_autocommit(q->db))
		rc = IM_E_IO;
	else if (command(q, SQLDB_COMMIT) != IM_OK)
		rc = IM_E_IO;
	if (rc != IM_OK)
		sqldb_rollback(q);
	else if (q->keeper)
		walkeeper_committed(q->keeper);
	q->in_tx = false;
	return rc;
}

void sqldb_rollback(struct sqldb *q)
{
	if (q->in_tx && !sqlite3_get_autocommit(q->db))
		roll_back(q);
	q->in_tx = false;
	q->failed = false;
}

int sqldb_durable(struct sqldb *q, bool durable)
{
	const char *sql = durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";

	return sqlite3_exec(q->db, sql, NULL, NULL, NULL) == SQLITE_OK ? IM_OK : failed(q);
}

int sqldb_view_begin(struct sqldb *q)
{
	int rc;

	if (q->in_tx || q->in_view)
		return sqldb_fail(q, IM_E_IO, "a transaction or view is open already");
	rc = command(q, SQLDB_VIEW);
	q->in_view = rc == IM_OK;
	/* The view begins with the first read. */
	if (rc == IM_OK)
		rc = command(q, SQLDB_TOUCH);
	if (rc != IM_OK)
		sqldb_view_end(q);
	return rc;
}

void sqldb_view_end(struct sqldb *q)
{
	if (q->in_view && !sqlite3_get_autocommit(q->db))
		roll_back(q);
	q->in_view = false;
}

void sqldb_watch(struct sqldb *q, int (*passed)(void *arg), void *arg)
{
	sqlite3_progress_handler(q->db, passed ? DEADLINE_STEPS : 0, passed, arg);
}

static int empty_log(struct sqldb *q)
{
	int rc;

	if (q->keeper)
		return walkeeper_empty(q->keeper);
	rc = sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (rc == SQLITE_OK)
		return IM_OK;
	return (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED ? IM_E_BUSY : IM_E_IO;
}

/* The log is emptied before each step, for pages in it are read in place of the file's; and again
 * at the end, because others have written meanwhile. */
int sqldb_clean_step(struct sqldb *q, uint32_t *page, bool *done_out)
{
	int rc;

	*done_out = false;
	if (q->in_tx || q->in_view || q->copying)
		return IM_E_BUSY;
	rc = empty_log(q);
	if (rc == IM_OK)
		rc = sqldb_scrub(q->db, CLEAN_PAGES, page, done_out);
	if (rc == IM_E_FORMAT)
		return sqldb_fail(q, rc, "the file is too large or of another form");
	return rc == IM_E_IO ? sqldb_fail(q, rc, "the file could not be cleaned") : rc;
}

void sqldb_bind_int(sqlite3_stmt *st, int at, int64_t v)
{
	if (st)
		sqlite3_bind_int64(st, at, v);
}

void sqldb_bind_id(sqlite3_stmt *st, int at, uint64_t v)
{
	if (st)
		sqlite3_bind_int64(st, at, (int64_t)v);
}

void sqldb_bind_null(sqlite3_stmt *st, int at)
{
	if (st)
		sqlite3_bind_null(st, at);
}

void sqldb_bind_text(sqlite3_stmt *st, int at, struct im_str s)
{
	/* A null pointer would bind NULL. */
	if (st)
		sqlite3_bind_text(st, at, s.n ? s.p : "", (int)s.n, SQLITE_STATIC);
}

void sqldb_bind_text_or_null(sqlite3_stmt *st, int at, struct im_str s)
{
	if (st && s.n)
		sqlite3_bind_text(st, at, s.p, (int)s.n, SQLITE_STATIC);
	else
		sqldb_bind_null(st, at);
}

void sqldb_bind_blob(sqlite3_stmt *st, int at, struct im_str s)
{
	if (st)
		sqlite3_bind_blob(st, at, s.n ? s.p : "", (int)s.n, SQLITE_STATIC);
}

size_t sqldb_row_bytes(sqlite3_stmt *st)
{
	size_t n = 0;

	for (int i = 0; i < sqlite3_column_count(st); i++)
		n += (size_t)sqlite3_column_bytes(st, i);
	return n;
}

struct im_str sqldb_str(sqlite3_stmt *st, int column)
{
	const char *p = sqlite3_column_blob(st, column);

	return (struct im_str){p, (size_t)sqlite3_column_bytes(st, column)};
}

uint64_t sqldb_id(sqlite3_stmt *st, int column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

int64_t sqldb_int(sqlite3_stmt *st, int column)
{
	return sqlite3_column_int64(st, column);
}

bool sqldb_null(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL;
}
