/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the SQLite store does when the disk does not: a failing call anywhere in a commit, a power
 * cut anywhere, a second writer, and files that cannot be opened.
 */
#include <limits.h>
#include <pwd.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/faultvfs.h"
#include "tests/store/store_test.h"

#define BE (&store_sqlite)

struct fixture {
	char *folder;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->folder = test_folder_new();
	faultvfs_install();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	faultvfs_heal();
	faultvfs_uninstall();
	test_folder_remove(f->folder);
	free(f);
	return 0;
}

/* -- a failing call in a commit ------------------------------------------------------------------
 */

/* The batch that is tried: two messages in an old conversation, two in a new one, and the mark. */
static int try_batch(struct store *s, uint64_t old_conv, uint64_t gid)
{
	struct store_mark mark = {.epoch = 3, .recno = gid, .gid_first = gid, .gid_last = gid + 3};
	uint64_t fresh;
	int ret = BE->begin(s);
	if (ret != IM_OK)
		return ret;
	for (uint64_t i = 0; i < 4 && ret == IM_OK; i++) {
		ret = BE->conv(s, IM_CONV_USER, 50, 60, true, &fresh);
		if (ret == IM_OK)
			ret = test_append(BE, s, i % 2 ? fresh : old_conv, 50, gid + i);
	}
	if (ret == IM_OK)
		return BE->commit(s, &mark);
	BE->rollback(s);
	return ret;
}

static int count_mark(void *arg, const struct store_mark *m)
{
	(void)m;
	++*(int *)arg;
	return 0;
}

static void assert_holds(struct store *s, struct store_reader *r, uint64_t conv, uint32_t messages,
	uint64_t gid, int marks)
{
	struct test_seen seen = {0};
	struct store_head head;
	uint64_t found;
	int n = 0;
	assert_ok(BE->read_log(r, 1, UINT64_MAX, false, test_see, &seen));
	assert_int_equal(seen.n, messages);
	assert_ok(BE->log_head(s, &found));
	assert_int_equal(found, gid);
	assert_ok(BE->head(s, conv, &head));
	assert_int_equal(head.seq, messages == 3 ? 3 : 5);
	assert_int_equal(BE->conv(s, IM_CONV_USER, 50, 60, false, &found),
		messages == 3 ? IM_E_NONE : IM_OK);
	assert_ok(BE->marks(s, count_mark, &n));
	assert_int_equal(n, marks);
}

/* Fails the skip-th call of a commit; false when a commit makes no more of them. */
static bool fail_one(struct fixture *f, enum faultvfs_op op, int skip, int code)
{
	struct store *s = test_store_open(BE, f->folder);
	struct store_reader *r = test_reader_open(BE, s);
	uint64_t conv;
	int ret;
	assert_ok(BE->begin(s));
	conv = test_conv(BE, s, 1, 2);
	assert_ok(BE->commit(s, NULL));
	test_fill(BE, s, conv, 1, 3);
	faultvfs_fail(op, "-wal", skip, 1, code);
	ret = try_batch(s, conv, 10);
	faultvfs_heal();
	if (faultvfs_failed()) {
		assert_int_equal(ret, IM_E_IO);
		assert_true(BE->errmsg(s)[0] != '\0');
		assert_holds(s, r, conv, 3, 3, 0);
		ret = try_batch(s, conv, 10);
	}
	assert_ok(ret);
	assert_holds(s, r, conv, 7, 13, 1);
	BE->reader_close(r);
	BE->close(s);
	s = test_store_open(BE, f->folder);
	r = test_reader_open(BE, s);
	assert_holds(s, r, conv, 7, 13, 1);
	BE->reader_close(r);
	BE->close(s);
	unlink(test_path(f->folder, "messages.db"));
	return faultvfs_failed() > 0;
}

static void fail_each(struct fixture *f, enum faultvfs_op op, int code)
{
	int skip = 0;
	while (fail_one(f, op, skip, code))
		skip++;
	assert_true(skip > 0);
}

static void a_failing_write_commits_nothing_and_can_be_tried_again(void **state)
{
	fail_each(*state, FAULTVFS_WRITE, SQLITE_IOERR_WRITE);
}

static void a_full_disk_commits_nothing_and_can_be_tried_again(void **state)
{
	fail_each(*state, FAULTVFS_WRITE, SQLITE_FULL);
}

static void a_failing_fsync_commits_nothing_and_can_be_tried_again(void **state)
{
	fail_each(*state, FAULTVFS_SYNC, SQLITE_IOERR_FSYNC);
}

static void after_a_failing_read_nothing_of_the_batch_is_committed(void **state)
{
	struct fixture *f = *state;
	struct store *s = test_store_open(BE, f->folder);
	struct store_reader *r;
	uint64_t conv, fresh;
	assert_ok(BE->begin(s));
	conv = test_conv(BE, s, 1, 2);
	assert_ok(BE->commit(s, NULL));
	test_fill(BE, s, conv, 1, 3);
	BE->close(s);
	s = test_store_open(BE, f->folder);
	r = test_reader_open(BE, s);
	assert_ok(BE->begin(s));
	fresh = test_conv(BE, s, 50, 60);
	/* The message's page is in memory (opening looked for the newest), its index's is not. */
	faultvfs_fail(FAULTVFS_READ, "", 0, -1, SQLITE_IOERR_READ);
	assert_int_equal(test_append(BE, s, fresh, 50, 4), IM_E_IO);
	assert_true(faultvfs_failed() > 0);
	faultvfs_heal();
	assert_int_equal(test_append(BE, s, fresh, 50, 5), IM_E_IO);
	assert_int_equal(BE->commit(s, NULL), IM_E_IO);
	assert_holds(s, r, conv, 3, 3, 0);
	assert_ok(try_batch(s, conv, 10));
	assert_holds(s, r, conv, 7, 13, 1);
	BE->reader_close(r);
	BE->close(s);
}

static void retention_that_fails_deletes_nothing(void **state)
{
	struct fixture *f = *state;
	struct store *s = test_store_open(BE, f->folder);
	struct store_reader *r = test_reader_open(BE, s);
	struct test_seen seen = {0};
	uint32_t deleted;
	uint64_t conv;
	assert_ok(BE->begin(s));
	conv = test_conv(BE, s, 1, 2);
	assert_ok(BE->commit(s, NULL));
	test_fill(BE, s, conv, 1, 50);
	faultvfs_fail(FAULTVFS_SYNC, "-wal", 0, 1, SQLITE_IOERR_FSYNC);
	assert_int_equal(BE->prune(s, 0, NULL, 0, 40, 100, &deleted), IM_E_IO);
	assert_int_equal(deleted, 0);
	assert_ok(BE->read_log(r, 1, UINT64_MAX, false, test_see, &seen));
	assert_int_equal(seen.n, 50);
	assert_ok(BE->prune(s, 0, NULL, 0, 40, 100, &deleted));
	assert_int_equal(deleted, 39);
	BE->reader_close(r);
	BE->close(s);
}

static void checkpoints_that_fail_lose_nothing(void **state)
{
	struct fixture *f = *state;
	struct store *s = test_store_open(BE, f->folder);
	struct store_reader *r;
	struct store_msg m = {.sender = 1, .ts_ms = 1, .enc = IM_ENC_BYTES};
	struct store_head head;
	size_t n = 256 * 1024;
	char *body = calloc(1, n);
	assert_non_null(body);
	m.body = (struct im_str){body, n};
	/* Everything but the write-ahead log is out of reach; the log outgrows its bounds. */
	faultvfs_fail(FAULTVFS_WRITE, "messages.db", 0, -1, SQLITE_IOERR_WRITE);
	for (m.gid = 1; m.gid <= 100; m.gid++) {
		assert_ok(BE->begin(s));
		m.conv = test_conv(BE, s, 1, 2);
		m.seq = m.gid;
		assert_ok(BE->append(s, &m));
		assert_ok(BE->commit(s, NULL));
	}
	BE->close(s);
	assert_true(faultvfs_failed() > 0);
	faultvfs_heal();
	s = test_store_open(BE, f->folder);
	r = test_reader_open(BE, s);
	assert_ok(BE->read_head(r, 1, &head));
	assert_int_equal(head.seq, 100);
	BE->reader_close(r);
	BE->close(s);
	free(body);
}

/* -- power cuts ----------------------------------------------------------------------------------
 */

#define CUT_BATCHES 5
#define CUT_CONVS 3

/* Batch i: one message in each of three conversations, and a mark that says so. */
static int cut_batch(struct store *s, uint64_t i)
{
	uint64_t gid = 1 + i * CUT_CONVS;
	struct store_mark mark = {
		.epoch = 9, .recno = i + 1, .gid_first = gid, .gid_last = gid + CUT_CONVS - 1};
	uint64_t conv;
	int ret = BE->begin(s);
	for (uint64_t c = 0; c < CUT_CONVS && ret == IM_OK; c++) {
		ret = BE->conv(s, IM_CONV_USER, 1, c + 2, true, &conv);
		if (ret == IM_OK)
			ret = test_append(BE, s, conv, 1, gid + c);
	}
	if (ret == IM_OK)
		return BE->commit(s, &mark);
	BE->rollback(s);
	return ret;
}

static int last_recno(void *arg, const struct store_mark *m)
{
	*(uint64_t *)arg = m->recno;
	return 0;
}

/* What is there after the cut: whole batches, all that were reported committed, at most one more,
 * and going on from there works. */
static void assert_whole(struct fixture *f, uint64_t reported)
{
	struct store *s = test_store_open(BE, f->folder);
	struct store_reader *r = test_reader_open(BE, s);
	struct test_seen seen = {0};
	uint64_t recno = 0;
	assert_ok(BE->marks(s, last_recno, &recno));
	assert_true(recno == reported || recno == reported + 1);
	assert_ok(BE->read_log(r, 1, UINT64_MAX, false, test_see, &seen));
	assert_int_equal(seen.n, recno * CUT_CONVS);
	for (uint32_t i = 0; i < seen.n; i++) {
		assert_int_equal(seen.gid[i], i + 1);
		assert_int_equal(seen.seq[i], i / CUT_CONVS + 1);
	}
	for (uint64_t c = 0; c < CUT_CONVS; c++) {
		struct store_head head;
		uint64_t conv = 0;
		if (recno > 0)
			assert_ok(BE->find_conv(r, IM_CONV_USER, 1, c + 2, &conv));
		assert_ok(BE->read_head(r, conv, &head));
		assert_int_equal(head.seq, recno);
	}
	assert_ok(cut_batch(s, recno));
	BE->reader_close(r);
	BE->close(s);
}

/* False when the cut came after all was done. */
static bool cut_at(struct fixture *f, int call, enum faultvfs_loss mode)
{
	struct store *s;
	uint64_t reported = 0;
	bool cut;
	faultvfs_cut_after(INT_MAX);
	s = test_store_open(BE, f->folder);
	faultvfs_cut_after(call);
	while (reported < CUT_BATCHES && cut_batch(s, reported) == IM_OK)
		reported++;
	cut = faultvfs_is_cut();
	assert_true(cut || reported == CUT_BATCHES);
	/* Without a cut, closing moves the log into the database: more places for it to come. */
	BE->close(s);
	cut = cut || faultvfs_is_cut();
	faultvfs_power_up(mode, (uint64_t)call * 3 + mode);
	assert_whole(f, reported);
	unlink(test_path(f->folder, "messages.db"));
	return cut;
}

static void cut_everywhere(struct fixture *f, enum faultvfs_loss mode)
{
	int call = 0;
	while (cut_at(f, call, mode))
		call++;
	assert_true(call > 4 * CUT_BATCHES);
}

static void a_power_cut_leaves_whole_batches_when_all_unsynced_is_lost(void **state)
{
	cut_everywhere(*state, FAULTVFS_LOSE_ALL);
}

static void a_power_cut_leaves_whole_batches_when_nothing_is_lost(void **state)
{
	cut_everywhere(*state, FAULTVFS_LOSE_NONE);
}

static void a_power_cut_leaves_whole_batches_when_sectors_are_lost(void **state)
{
	cut_everywhere(*state, FAULTVFS_LOSE_SOME);
}

/* -- another writer ------------------------------------------------------------------------------
 */

static void a_place_that_another_writer_took_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	struct store *s = test_store_open(BE, f->folder);
	struct store_reader *r = test_reader_open(BE, s);
	uint64_t conv;
	struct test_seen seen = {0};
	assert_ok(BE->begin(s));
	conv = test_conv(BE, s, 1, 2);
	assert_ok(BE->commit(s, NULL));
	test_fill(BE, s, conv, 1, 2);
	test_execute(f->folder, "INSERT INTO conv_log (conv, seq, gid) VALUES (1, 3, 700)");
	assert_ok(BE->begin(s));
	assert_int_equal(test_append(BE, s, conv, 1, 3), IM_E_CONFLICT);
	assert_int_equal(BE->commit(s, NULL), IM_E_IO);
	test_execute(f->folder,
		"DELETE FROM conv_log WHERE seq = 3;"
		"INSERT INTO message (gid, conv, seq, sender, ts, enc) VALUES (3, 7, 1, 1, 1, 0)");
	assert_ok(BE->begin(s));
	assert_int_equal(test_append(BE, s, conv, 1, 3), IM_E_CONFLICT);
	assert_non_null(strstr(BE->errmsg(s), "another writer"));
	BE->rollback(s);
	assert_ok(BE->read_conv(r, conv, 1, 99, false, test_see, &seen));
	assert_int_equal(seen.n, 2);
	BE->reader_close(r);
	BE->close(s);
}

/* -- files that cannot be opened -----------------------------------------------------------------
 */

/* Opening fails with a sentence that holds each of the parts. */
static void assert_refused(const char *folder, int code, const char *part1, const char *part2)
{
	struct store *s = NULL;
	struct im_buf why;
	int ret;
	im_buf_init(&why, 0);
	ret = BE->open(folder, &s, &why);
	im_buf_c(&why, '\0');
	if (ret != code || !strstr(why.p, part1) || !strstr(why.p, part2))
		fail_msg("%d: %s", ret, why.p);
	assert_null(s);
	im_buf_free(&why);
}

static void make_database(struct fixture *f)
{
	BE->close(test_store_open(BE, f->folder));
}

static void a_newer_database_is_refused(void **state)
{
	struct fixture *f = *state;
	make_database(f);
	test_execute(f->folder, "PRAGMA user_version = 999");
	assert_refused(f->folder, IM_E_FORMAT, "messages.db has schema version 999",
		"install the newer program again");
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *out = fopen(test_path(f->folder, "messages.db"), "w");
	assert_non_null(out);
	for (int i = 0; i < 5000; i++)
		fputs("these are not the pages", out);
	fclose(out);
	assert_refused(f->folder, IM_E_FORMAT, "is damaged or is not a database", "backup");
}

static void a_damaged_database_is_refused_or_says_so_when_read(void **state)
{
	struct fixture *f = *state;
	struct store *s = test_store_open(BE, f->folder);
	struct store_reader *r;
	struct test_seen seen = {0};
	FILE *out;
	uint64_t conv;
	assert_ok(BE->begin(s));
	conv = test_conv(BE, s, 1, 2);
	assert_ok(BE->commit(s, NULL));
	test_fill(BE, s, conv, 1, 200);
	BE->close(s);
	/* The schema's page survives, the rest is zeros. */
	out = fopen(test_path(f->folder, "messages.db"), "r+");
	assert_non_null(out);
	assert_int_equal(fseek(out, 4096, SEEK_SET), 0);
	for (long i = test_file_size(test_path(f->folder, "messages.db")) - 4096; i > 0; i--)
		fputc(0, out);
	fclose(out);
	assert_refused(f->folder, IM_E_IO, "cannot be used", "malformed");
	/* Damaged behind what opening looks at. */
	unlink(test_path(f->folder, "messages.db"));
	s = test_store_open(BE, f->folder);
	r = test_reader_open(BE, s);
	faultvfs_fail(FAULTVFS_READ, "", 0, -1, SQLITE_CORRUPT);
	assert_int_equal(BE->read_log(r, 1, UINT64_MAX, false, test_see, &seen), IM_E_IO);
	assert_true(BE->reader_errmsg(r)[0] != '\0');
	faultvfs_heal();
	BE->reader_close(r);
	BE->close(s);
}

static void a_missing_folder_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[4096];
	snprintf(path, sizeof(path), "%s/none", f->folder);
	assert_refused(path, IM_E_IO, "cannot be opened for writing", "the folder must exist");
}

static void a_folder_in_the_file_s_place_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(test_path(f->folder, "messages.db"), 0700), 0);
	assert_refused(f->folder, IM_E_IO, "cannot be opened for writing", "messages.db");
}

static void a_full_disk_is_said_at_the_start(void **state)
{
	struct fixture *f = *state;
	faultvfs_fail(FAULTVFS_WRITE, "", 0, -1, SQLITE_FULL);
	assert_refused(f->folder, IM_E_IO, "messages.db", "full");
	faultvfs_heal();
	make_database(f);
}

/* Root may write anywhere: the child is somebody else. */
static void refused_as_nobody(const char *folder, const char *part)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct passwd *nobody = getpwnam("nobody");
		struct store *s = NULL;
		struct im_buf why;
		im_buf_init(&why, 0);
		if (geteuid() == 0 && (!nobody || setuid(nobody->pw_uid) != 0))
			_exit(2);
		if (BE->open(folder, &s, &why) != IM_E_IO)
			_exit(3);
		im_buf_c(&why, '\0');
		if (!strstr(why.p, "must be writable by this user") || !strstr(why.p, part)) {
			fprintf(stderr, "%s\n", why.p);
			_exit(4);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_folder_or_file_that_is_read_only_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(chmod(f->folder, 0555), 0);
	refused_as_nobody(f->folder, "unable to open");
	assert_int_equal(chmod(f->folder, 0700), 0);
	make_database(f);
	assert_int_equal(chmod(test_path(f->folder, "messages.db"), 0444), 0);
	assert_int_equal(chmod(f->folder, 0555), 0);
	refused_as_nobody(f->folder, "readonly");
	assert_int_equal(chmod(f->folder, 0700), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failing_write_commits_nothing_and_can_be_tried_again),
		TEST(a_full_disk_commits_nothing_and_can_be_tried_again),
		TEST(a_failing_fsync_commits_nothing_and_can_be_tried_again),
		TEST(after_a_failing_read_nothing_of_the_batch_is_committed),
		TEST(retention_that_fails_deletes_nothing),
		TEST(checkpoints_that_fail_lose_nothing),
		TEST(a_power_cut_leaves_whole_batches_when_all_unsynced_is_lost),
		TEST(a_power_cut_leaves_whole_batches_when_nothing_is_lost),
		TEST(a_power_cut_leaves_whole_batches_when_sectors_are_lost),
		TEST(a_place_that_another_writer_took_is_a_conflict),
		TEST(a_newer_database_is_refused),
		TEST(a_file_that_is_no_database_is_refused),
		TEST(a_damaged_database_is_refused_or_says_so_when_read),
		TEST(a_missing_folder_is_refused),
		TEST(a_folder_in_the_file_s_place_is_refused),
		TEST(a_full_disk_is_said_at_the_start),
		TEST(a_folder_or_file_that_is_read_only_is_refused),
	};
	return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
