/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is under all databases: migrations, the statements and how SQLite goes about them, what can
 * be built again, online copies, and the length of the write-ahead log.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/directory/directory_user.h"
#include "db/sqldb.h"
#include "db/walkeeper.h"
#include "schema/migrations.h"
#include "tests/lib/faultvfs.h"
#include "tests/store/store_test.h"

#define BE (&store_sqlite)

static int set_up(void **state)
{
	*state = test_folder_new();
	return 0;
}

static int tear_down(void **state)
{
	test_folder_remove(*state);
	return 0;
}

static sqlite3 *open_raw(const char *path)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 20000);
	return db;
}

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3_int64 number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3_int64 n;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* -- migrations ----------------------------------------------------------------------------------
 */

static void migrations_are_numbered_without_a_hole(void **state)
{
	static const char *const names[] = {"directory", "messages", "search"};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int version = 0;
		for (const struct migration *m = schema_migrations; m->database; m++)
			if (strcmp(m->database, names[i]) == 0)
				assert_int_equal(m->version, ++version);
		assert_true(version > 0);
		assert_int_equal(migrate_version(schema_migrations, names[i]), version);
	}
	assert_int_equal(migrate_version(schema_migrations, "none"), 0);
}

static void an_empty_database_is_brought_up_to_date_once(void **state)
{
	sqlite3 *db = open_raw(test_path(*state, "x.db"));
	struct im_buf why;
	im_buf_init(&why, 0);
	assert_int_equal(migrate_check(db, schema_migrations, "messages", &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "messages.db has schema version 0"));
	im_buf_reset(&why);
	assert_ok(migrate_apply(db, schema_migrations, "messages", &why));
	assert_int_equal(
		number(db, "PRAGMA user_version"), migrate_version(schema_migrations, "messages"));
	run(db, "INSERT INTO conv (kind, a, b) VALUES (0, 1, 2)");
	assert_ok(migrate_apply(db, schema_migrations, "messages", &why));
	assert_int_equal(number(db, "SELECT count(*) FROM conv"), 1);
	assert_ok(migrate_check(db, schema_migrations, "messages", &why));
	assert_int_equal(why.n, 0);
	run(db, "PRAGMA user_version = 77");
	assert_int_equal(migrate_check(db, schema_migrations, "messages", &why), IM_E_FORMAT);
	assert_int_equal(migrate_apply(db, schema_migrations, "messages", &why), IM_E_FORMAT);
	im_buf_free(&why);
	sqlite3_close(db);
}

static void a_migration_that_fails_changes_nothing(void **state)
{
	sqlite3 *db = open_raw(test_path(*state, "x.db"));
	struct im_buf why;
	im_buf_init(&why, 0);
	/* In the way of the migration's last table. */
	run(db, "CREATE TABLE batch (x)");
	assert_int_equal(migrate_apply(db, schema_migrations, "messages", &why), IM_E_FORMAT);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "already exists"));
	assert_int_equal(number(db, "PRAGMA user_version"), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 1);
	assert_int_equal(sqlite3_get_autocommit(db), 1);
	im_buf_free(&why);
	sqlite3_close(db);
}

/* -- statements ----------------------------------------------------------------------------------
 */

struct statement {
	const char *name, *sql;
};
#define X(name, sql) {#name, sql},
static const struct statement messages[] = {
#include "schema/sqlite/messages.def"
};
static const struct statement directory[] = {
#include "schema/sqlite/directory.def"
};
#undef X

/* Those that may look at all rows of a table, or sort: */
static bool may_scan(const char *name)
{
	static const char *const names[] = {
		"MARK_FORGET",
		"MARK_LIST",        /* 64 rows */
		"USER_COUNT",       /* for statistics */
		"DEVICE_LIST_SEEN", /* sorts what one user has, when there is one too many */
		"AUDIT_NEWEST",     /* IM_AUDIT_MAX rows, for an administrator */
		"ANNOUNCE_START",   /* counts whom it is for, once */
		"BROKER_LIST",      /* a few rows, at a start */
		"BROKER_LEFT",      /* once, when a number is given again */
		"BROKER_LEFT_MARKS",
		"BROKER_ALONE", /* at a start, when all others are gone */
		"BROKER_ALONE_MARKS",
		"ERASURE_NEXT",
		"ERASURE_OPEN", /* an index of the few that are not done */
		/* once an erasure: of these tables only so many rows are kept */
		"WIPE_REPORTED",
		"WIPE_VERDICTS",
		"REPORT_RENAME",
		"AUDIT_RENAME_USER",
		"AUDIT_RENAME_CONV",
		"AUDIT_RENAME_NOBODY",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void check_plan(sqlite3 *db, const struct statement *s)
{
	char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", s->sql);
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", s->name, sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(st, 3);
		/* An index on a kind alone is a walk over everything of that kind. */
		bool slow = strstr(detail, "TEMP B-TREE") != NULL ||
			    strstr(detail, "(kind=?)") != NULL ||
			    (strncmp(detail, "SCAN", 4) == 0 && !strstr(detail, "CONSTANT ROW"));
		if (slow && !may_scan(s->name))
			fail_msg("%s: %s", s->name, detail);
	}
	sqlite3_finalize(st);
	sqlite3_free(sql);
}

static void every_statement_finds_its_rows_by_an_index(void **state)
{
	struct directory *d = NULL;
	struct im_buf why;
	sqlite3 *db;
	im_buf_init(&why, 0);
	BE->close(test_store_open(BE, *state));
	assert_ok(directory_open(*state, &d, &why));
	directory_close(&d);
	db = open_raw(test_path(*state, "messages.db"));
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		check_plan(db, &messages[i]);
	sqlite3_close(db);
	db = open_raw(test_path(*state, "directory.db"));
	for (size_t i = 0; i < sizeof(directory) / sizeof(directory[0]); i++)
		check_plan(db, &directory[i]);
	sqlite3_close(db);
	im_buf_free(&why);
}

/* -- a database that can be built again ----------------------------------------------------------
 */

enum { WORD_ADD, WORD_COUNT, WORD_STATEMENTS };

static const char *const word_sql[WORD_STATEMENTS] = {
	[WORD_ADD] = "INSERT INTO word VALUES (?1)",
	[WORD_COUNT] = "SELECT count(*) FROM word",
};

static const struct migration word_steps[] = {{"words", 1, "CREATE TABLE word (w TEXT)"}, {0}};

static void word(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	(void)n;
	(void)v;
	sqlite3_result_int(ctx, 7);
}

static int set_up_words(sqlite3 *db, struct im_buf *why)
{
	(void)why;
	return sqlite3_create_function_v2(
		       db, "word", 0, SQLITE_UTF8, NULL, word, NULL, NULL, NULL) == SQLITE_OK
		       ? IM_OK
		       : IM_E_IO;
}

static int refuse(sqlite3 *db, struct im_buf *why)
{
	(void)db;
	im_buf_z(why, "without words");
	return IM_E_IO;
}

static const struct sqldb_spec words = {.name = "words",
	.migrations = word_steps,
	.sql = word_sql,
	.n_sql = WORD_STATEMENTS,
	.writer_kib = 1024,
	.reader_kib = 1024,
	.rebuilt = true,
	.setup = set_up_words};

static void add_words(struct sqldb *q, int n)
{
	assert_ok(sqldb_begin(q));
	for (int i = 0; i < n; i++) {
		sqlite3_stmt *st = sqldb_get(q, WORD_ADD);

		sqldb_bind_text(st, 1, IM_STR("word"));
		assert_ok(sqldb_run(q, st));
	}
	assert_ok(sqldb_commit(q));
}

/* It pays for no fsync but where it is asked to, and has no thread; all else is as elsewhere. */
static void what_can_be_built_again_is_durable_where_it_is_asked_to(void **state)
{
	struct sqldb q, reader;
	sqlite3_stmt *own = NULL;
	struct im_buf why;
	uint32_t page = 0;
	uint64_t n;
	bool done;

	im_buf_init(&why, 0);
	assert_ok(sqldb_open(&q, *state, &words, SQLDB_WRITER, &why));
	assert_null(q.keeper);
	assert_int_equal(number(q.db, "PRAGMA synchronous"), 1);
	assert_int_equal(number(q.db, "SELECT word()"), 7);
	assert_ok(sqldb_durable(&q, true));
	assert_int_equal(number(q.db, "PRAGMA synchronous"), 2);
	add_words(&q, 3);
	assert_ok(sqldb_durable(&q, false));
	assert_int_equal(number(q.db, "PRAGMA synchronous"), 1);
	/* Cleaning empties the log by itself, when nobody reads what is in it. */
	assert_ok(sqldb_open(&reader, *state, &words, SQLDB_READER, &why));
	assert_ok(sqldb_view_begin(&reader));
	add_words(&q, 3);
	assert_int_equal(sqldb_clean_step(&q, &page, &done), IM_E_BUSY);
	assert_false(done);
	sqldb_view_end(&reader);
	assert_ok(sqldb_clean_step(&q, &page, &done));
	assert_true(done);
	assert_int_equal(test_file_size(test_path(*state, "words.db-wal")), 0);
	assert_ok(sqldb_count(&reader, sqldb_get(&reader, WORD_COUNT), &n));
	assert_int_equal(n, 6);
	/* A statement of somebody else obeys the connection's rules. */
	assert_ok(sqldb_begin(&q));
	assert_null(sqldb_prepare(&q, &own, "SELECT nonsense FROM word"));
	assert_null(sqldb_get(&q, WORD_COUNT));
	assert_int_equal(sqldb_commit(&q), IM_E_IO);
	assert_ok(sqldb_count(&q, sqldb_prepare(&q, &own, "SELECT count(*) FROM word"), &n));
	assert_int_equal(n, 6);
	sqldb_finalize(&own);
	assert_null(own);
	sqldb_close(&reader);
	sqldb_close(&q);
	im_buf_free(&why);
}

static void a_connection_that_is_not_set_up_is_none(void **state)
{
	struct sqldb_spec without = words;
	struct im_buf why;
	struct sqldb q;

	without.setup = refuse;
	im_buf_init(&why, 0);
	assert_int_equal(sqldb_open(&q, *state, &without, SQLDB_WRITER, &why), IM_E_IO);
	assert_true(im_str_eqz(im_buf_view(&why), "without words"));
	assert_null(q.db);
	im_buf_free(&why);
}

/* -- copies --------------------------------------------------------------------------------------
 */

/* A copy taken between commits holds whole transactions: all of those before its end. */
static void a_copy_is_taken_while_the_store_is_written(void **state)
{
	struct store *s = test_store_open(BE, *state);
	struct store_reader *r;
	struct store_msg m = {.enc = IM_ENC_BYTES, .sender = 1};
	struct store_copy *copy = NULL;
	struct store_head head;
	struct im_buf why;
	char *to = test_folder_new();
	char *body = calloc(1, 20000);
	bool done = false;
	uint32_t steps = 0, page = 0;
	assert_non_null(body);
	m.body = (struct im_str){body, 20000};
	im_buf_init(&why, 0);
	for (m.gid = 1; !done; m.gid++) {
		assert_ok(BE->begin(s));
		m.conv = test_conv(BE, s, 1, 2);
		m.seq = m.gid;
		assert_ok(BE->append(s, &m));
		assert_ok(BE->commit(s, NULL));
		if (m.gid >= 300) {
			assert_ok(BE->backup_step(s, to, &copy, &done, &why));
			steps++;
		}
	}
	assert_true(steps > 3);
	assert_int_equal(why.n, 0);
	BE->close(s);
	assert_int_equal(test_file_size(test_path(to, "messages.db.part")), -1);
	s = test_store_open(BE, to);
	r = test_reader_open(BE, s);
	assert_ok(BE->read_head(r, m.conv, &head));
	assert_int_equal(head.seq, m.gid - 1);
	BE->reader_close(r);
	BE->close(s);
	/* Again into the same folder, over a copy that did not end. */
	s = test_store_open(BE, *state);
	assert_ok(BE->backup_step(s, to, &copy, &done, &why));
	assert_false(done);
	assert_true(test_file_size(test_path(to, "messages.db.part")) >= 0);
	assert_int_equal(BE->clean(s, &page, &done), IM_E_BUSY);
	BE->backup_end(&copy);
	assert_null(copy);
	assert_ok(BE->clean(s, &page, &done));
	BE->close(s);
	assert_int_equal(test_file_size(test_path(to, "messages.db.part")), -1);
	assert_true(test_file_size(test_path(to, "messages.db")) > 1000000);
	im_buf_free(&why);
	free(body);
	test_folder_remove(to);
}

static void a_copy_that_cannot_be_written_says_so(void **state)
{
	struct store *s = test_store_open(BE, *state);
	struct store_copy *copy = NULL;
	struct im_buf why;
	bool done = true;
	im_buf_init(&why, 0);
	assert_int_equal(BE->backup_step(s, "/nonexistent/folder", &copy, &done, &why), IM_E_IO);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "copying messages.db to /nonexistent/folder failed"));
	assert_false(done);
	assert_null(copy);
	im_buf_free(&why);
	BE->close(s);
}

static void a_copy_that_meets_a_full_disk_leaves_none(void **state)
{
	char *to = test_folder_new();
	struct store_copy *copy = NULL;
	struct store *s;
	struct im_buf why;
	bool done = true;
	im_buf_init(&why, 0);
	faultvfs_install();
	s = test_store_open(BE, *state);
	faultvfs_fail(FAULTVFS_WRITE, ".part", 3, -1, SQLITE_FULL);
	assert_int_equal(BE->backup_step(s, to, &copy, &done, &why), IM_E_IO);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "full"));
	assert_int_equal(rmdir(to), 0);
	assert_int_equal(mkdir(to, 0700), 0);
	faultvfs_heal();
	assert_ok(BE->backup_step(s, to, &copy, &done, &why));
	assert_true(done);
	BE->close(s);
	faultvfs_uninstall();
	im_buf_free(&why);
	test_folder_remove(to);
}

/* -- the write-ahead log -------------------------------------------------------------------------
 */

struct wal {
	sqlite3 *db;
	struct walkeeper *keeper;
	sqlite3_stmt *insert;
};

static struct wal wal_open(const char *folder, struct walkeeper_bounds bounds)
{
	struct wal w = {0};
	w.db = open_raw(test_path(folder, "w.db"));
	run(w.db, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
	assert_ok(walkeeper_start(w.db, test_path(folder, "w.db"), bounds, &w.keeper));
	assert_int_equal(sqlite3_prepare_v2(w.db, "INSERT INTO t VALUES (zeroblob(9000))", -1,
				 &w.insert, NULL),
		SQLITE_OK);
	return w;
}

static void wal_write(struct wal *w, int n)
{
	for (int i = 0; i < n; i++) {
		assert_int_equal(sqlite3_step(w->insert), SQLITE_DONE);
		sqlite3_reset(w->insert);
		walkeeper_committed(w->keeper);
	}
}

static void wal_close(struct wal *w)
{
	sqlite3_finalize(w->insert);
	walkeeper_stop(&w->keeper);
	walkeeper_stop(&w->keeper);
	sqlite3_close(w->db);
}

/* Three pages a commit; a busy writer, never waiting. */
static void the_log_of_a_busy_writer_stays_short(void **state)
{
	struct wal w = wal_open(*state, (struct walkeeper_bounds){32, 64, 256});
	long bytes;
	wal_write(&w, 5000);
	bytes = test_file_size(test_path(*state, "w.db-wal"));
	/* The hard bound, one transaction over it, and the zeros ahead. */
	assert_true(bytes < (256 + 8 + 64) * 4120 + 2 * 1024 * 1024);
	assert_int_equal(number(w.db, "SELECT count(*) FROM t"), 5000);
	wal_close(&w);
}

static void the_log_waits_for_a_reader_and_starts_over_after_it(void **state)
{
	struct wal w = wal_open(*state, (struct walkeeper_bounds){32, 64, 256});
	sqlite3 *reader = open_raw(test_path(*state, "w.db"));
	long grown, after;
	wal_write(&w, 10);
	run(reader, "BEGIN");
	assert_int_equal(number(reader, "SELECT count(*) FROM t"), 10);
	wal_write(&w, 2000);
	assert_int_equal(number(reader, "SELECT count(*) FROM t"), 10);
	grown = test_file_size(test_path(*state, "w.db-wal"));
	assert_true(grown > 2000 * 3 * 4120L);
	run(reader, "COMMIT");
	wal_write(&w, 2000);
	after = test_file_size(test_path(*state, "w.db-wal"));
	assert_int_equal(number(reader, "SELECT count(*) FROM t"), 4010);
	/* Not 2000 transactions more. */
	assert_true(after < grown + 600 * 4120L + 2 * 1024 * 1024);
	sqlite3_close(reader);
	wal_close(&w);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(migrations_are_numbered_without_a_hole),
		TEST(an_empty_database_is_brought_up_to_date_once),
		TEST(a_migration_that_fails_changes_nothing),
		TEST(every_statement_finds_its_rows_by_an_index),
		TEST(what_can_be_built_again_is_durable_where_it_is_asked_to),
		TEST(a_connection_that_is_not_set_up_is_none),
		TEST(a_copy_is_taken_while_the_store_is_written),
		TEST(a_copy_that_cannot_be_written_says_so),
		TEST(a_copy_that_meets_a_full_disk_leaves_none),
		TEST(the_log_of_a_busy_writer_stays_short),
		TEST(the_log_waits_for_a_reader_and_starts_over_after_it),
	};
	return cmocka_run_group_tests_name("sqldb", tests, NULL, NULL);
}
