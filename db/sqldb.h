/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One SQLite connection with its statements, each prepared once, when it is first used. The same
 * for every database; knows nothing of what its tables mean. The statements' text is in
 * schema/.
 *
 * A connection belongs to one thread at a time. The first failure inside a transaction spoils it:
 * SQLite may have rolled back by itself, so everything up to the rollback is refused.
 */
#ifndef IM_DB_SQLDB_H
#define IM_DB_SQLDB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"
#include "db/migrate.h"

#define SQLDB_ROW 1 /* what sqldb_step returns beside IM_OK (no more rows) and errors */
#define SQLDB_ERR_MAX 256
/* imctl on a stopped node, or a backup tool, may hold the write lock. */
#define SQLDB_BUSY_MS 5000

enum sqldb_command {
	SQLDB_BEGIN,
	SQLDB_COMMIT,
	SQLDB_ROLLBACK,
	SQLDB_VIEW,
	SQLDB_TOUCH,
	SQLDB_COMMANDS
};

/* What a database is to a program, the same for all of its connections. */
struct sqldb_spec {
	const char *name; /* of the file, without ".db", and of its migrations */
	const struct migration *migrations;
	const char *const *sql; /* the statements */
	int n_sql;
	int writer_kib, reader_kib; /* page cache of a connection, at most */
	int busy_ms; /* how long it waits for a lock of another process; 0: SQLDB_BUSY_MS */
	/* It can be built again: a power cut may cost its last transactions, and SQLite does its
	 * checkpoints by itself. */
	bool rebuilt;
	/* What a connection needs beyond SQLite's own, or NULL; why: a sentence. */
	int (*setup)(sqlite3 *db, struct im_buf *why);
};

struct sqldb {
	sqlite3 *db;
	const struct sqldb_spec *spec;
	sqlite3_stmt **stmt; /* one a statement, prepared or NULL */
	sqlite3_stmt *command[SQLDB_COMMANDS];
	bool in_tx, in_view, failed;
	uint64_t begun;   /* transactions */
	uint64_t refused; /* statements, which have changed nothing: IM_E_EXISTS, IM_E_NONE */
	bool copying;     /* sqldb_backup.c: a copy reads its pages */
	/* The last failure is the file's: another in its place might do, while it would be no help
	 * against want of memory, descriptors or room, or a lock. Is said when opening failed, too.
	 */
	bool unusable;
	struct walkeeper *keeper; /* the writer's */
	char err[SQLDB_ERR_MAX];  /* what the last failure was */
};

enum sqldb_mode { SQLDB_WRITER, SQLDB_READER };

/* Once, at the start of a program and before any connection: SQLite's own accounting of memory,
 * which every allocation of every thread would wait for, is switched off. */
void sqldb_setup(void);
/* Opens {folder}/{spec->name}.db. A writer creates and migrates it (WAL, synchronous=FULL) and has
 * a thread that does its checkpoints; a reader needs it at the program's version. `why` gets a
 * sentence that says what is wrong and what to do: IM_E_FORMAT damaged, no database, or of another
 * version; IM_E_IO; IM_E_NOMEM. */
int sqldb_open(struct sqldb *q, const char *folder, const struct sqldb_spec *spec,
	enum sqldb_mode mode, struct im_buf *why) IM_MUST_CHECK;
void sqldb_close(struct sqldb *q);
/* From now on it waits so long for a lock of another process. */
void sqldb_wait(struct sqldb *q, int busy_ms);

/* A statement, ready to be bound, or NULL (the reason is in err): also when a walk over the same
 * statement is still on. Whoever gets it resets it: sqldb_run does, sqldb_step does after the last
 * row and on errors, sqldb_done in between. */
sqlite3_stmt *sqldb_get(struct sqldb *q, int which);
/* The same of one that is not among the spec's: *st, NULL at first, is whose text it is. */
sqlite3_stmt *sqldb_prepare(struct sqldb *q, sqlite3_stmt **st, const char *sql);
/* Before the connection is closed. NULL is allowed. */
void sqldb_finalize(sqlite3_stmt **st);
/* SQLDB_ROW, IM_OK, IM_E_EXISTS (unique), IM_E_NONE (foreign key), IM_E_IO, IM_E_NOMEM. */
int sqldb_step(struct sqldb *q, sqlite3_stmt *st) IM_MUST_CHECK;
/* For statements without rows. The same codes but SQLDB_ROW; IM_E_IO for a NULL statement. */
int sqldb_run(struct sqldb *q, sqlite3_stmt *st) IM_MUST_CHECK;
/* For statements that give one number: its first column, IM_E_NONE without a row. */
int sqldb_number(struct sqldb *q, sqlite3_stmt *st, int64_t *out) IM_MUST_CHECK;
/* The same for what is never negative, an id or a count; 0 with every code but IM_OK. */
int sqldb_count(struct sqldb *q, sqlite3_stmt *st, uint64_t *out) IM_MUST_CHECK;
/* Whether a statement gives a row. */
int sqldb_has(struct sqldb *q, sqlite3_stmt *st, bool *out) IM_MUST_CHECK;
void sqldb_done(sqlite3_stmt *st);
/* Forgets a statement whose tables are to go. */
void sqldb_drop(struct sqldb *q, int which);
/* Rows that the last statement changed. */
int64_t sqldb_changes(const struct sqldb *q);
/* The row that was inserted last. */
uint64_t sqldb_last_id(const struct sqldb *q);
/* Rows that all statements have changed. */
int64_t sqldb_total_changes(const struct sqldb *q);

int sqldb_begin(struct sqldb *q) IM_MUST_CHECK;  /* for writing, at once */
int sqldb_commit(struct sqldb *q) IM_MUST_CHECK; /* on failure: rolled back */
void sqldb_rollback(struct sqldb *q);
/* Of a database that can be built again: whether the next transactions are on the disk, and all
 * before them, when they are committed. */
int sqldb_durable(struct sqldb *q, bool durable) IM_MUST_CHECK;
/* One view until the end, beginning now; a writer's sqldb_begin ends it, too. Reading in a view
 * costs about half: each statement alone takes and leaves locks of its own. */
int sqldb_view_begin(struct sqldb *q) IM_MUST_CHECK;
void sqldb_view_end(struct sqldb *q);
/* A reader's: asked every few hundred steps of SQLite's machine; other than 0 ends the statement in
 * hand with IM_E_IO. NULL: not any more. */
void sqldb_watch(struct sqldb *q, int (*passed)(void *arg), void *arg);

/* A writer, outside a transaction and while nothing is copied: nothing of what was deleted before
 * is left in the files of the database when *done_out is set. *page: 0 at first, kept for the next
 * call. IM_E_BUSY: somebody reads what is to go; try again. IM_E_FORMAT: this file is none that can
 * be cleaned (err says it). */
int sqldb_clean_step(struct sqldb *q, uint32_t *page, bool *done_out) IM_MUST_CHECK;

/* Binding and reading. Binding to a NULL statement does nothing: the step after it fails. A text or
 * blob is borrowed by the statement until it is reset. */
void sqldb_bind_int(sqlite3_stmt *st, int at, int64_t v);
void sqldb_bind_id(sqlite3_stmt *st, int at, uint64_t v);
void sqldb_bind_null(sqlite3_stmt *st, int at);
void sqldb_bind_text(sqlite3_stmt *st, int at, struct im_str s);
void sqldb_bind_text_or_null(sqlite3_stmt *st, int at, struct im_str s); /* NULL when n == 0 */
void sqldb_bind_blob(sqlite3_stmt *st, int at, struct im_str s);
size_t sqldb_row_bytes(sqlite3_stmt *st);              /* of all columns */
struct im_str sqldb_str(sqlite3_stmt *st, int column); /* NULL: n == 0 */
int64_t sqldb_int(sqlite3_stmt *st, int column);       /* NULL: 0 */
bool sqldb_null(sqlite3_stmt *st, int column);
uint64_t sqldb_id(sqlite3_stmt *st, int column);

/* Notes a failure in err for a caller that found it by itself; returns code. */
int sqldb_fail(struct sqldb *q, int code, const char *what);
#endif
