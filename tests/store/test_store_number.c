/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A log that an earlier version has written gets its ordinals while it is used: before, it counts
 * as that version did, in between either so or right, and right in the end; wherever it is cut off.
 * What is right is what the backend in memory says that has lived through the same.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/faultvfs.h"
#include "tests/store/store_test.h"

#define USERS 4
#define CONVS 5

/* A log in SQLite and the same in memory. */
struct both {
	struct test_node *old, *sure;
	uint64_t rng, conv[CONVS];
};

static int set_up(void **state)
{
	struct both *b = calloc(1, sizeof(*b));
	assert_non_null(b);
	faultvfs_install();
	test_set_up_sqlite((void **)&b->old);
	test_set_up_memory((void **)&b->sure);
	b->rng = 31;
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct both *b = *state;
	test_tear_down((void **)&b->old);
	test_tear_down((void **)&b->sure);
	faultvfs_heal();
	faultvfs_uninstall();
	free(b);
	return 0;
}

static uint32_t draw(struct both *b, uint32_t n)
{
	b->rng = b->rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(b->rng >> 33) % n;
}

static void on_both(struct both *b, void (*work)(struct both *b, struct test_node *f, uint64_t rng))
{
	uint64_t rng = b->rng;
	work(b, b->old, rng);
	work(b, b->sure, rng);
	draw(b, 2);
}

static uint64_t log_head(struct test_node *f)
{
	uint64_t gid;
	assert_ok(f->be->log_head(f->s, &gid));
	return gid;
}

static void say(
	struct test_node *f, uint64_t conv, uint64_t sender, const char *type, int64_t ahead_ms)
{
	struct store_msg m = {.conv = conv, .sender = sender, .body = IM_STR("{}")};
	struct store_head head;
	assert_ok(f->be->head(f->s, conv, &head));
	m.gid = log_head(f) + 1;
	m.seq = head.seq + 1;
	m.ts_ms = (int64_t)m.gid + ahead_ms;
	m.type = im_str(type);
	assert_ok(f->be->append(f->s, &m));
}

static int take_type(void *arg, const struct store_msg *m)
{
	snprintf(arg, 16, "%.*s", IM_ARGS(m->type));
	return 0;
}

static void recall(struct test_node *f, uint64_t gid)
{
	char type[16] = "?";
	struct store_msg m = {.gid = gid, .recalled = true};
	assert_ok(f->be->read_log(f->r, gid, gid, false, take_type, type));
	if (strcmp(type, "?") == 0)
		return;
	m.type = im_str(type);
	assert_ok(f->be->amend(f->s, &m));
}

/* A transaction of all that is stored. */
static void live(struct both *b, struct test_node *f, uint64_t rng)
{
	static const char *const types[] = {"", "", "", "", "", "react", "edit", "system"};
	uint64_t head = log_head(f);
	struct both d = {.rng = rng};
	assert_ok(f->be->begin(f->s));
	for (uint32_t i = 1 + draw(&d, 30); i > 0; i--) {
		uint64_t conv = b->conv[draw(&d, CONVS)];
		if (draw(&d, 5) == 0 && head > 0)
			recall(f, 1 + draw(&d, (uint32_t)head));
		else
			say(f, conv, 1 + draw(&d, USERS), types[draw(&d, 8)],
				draw(&d, 40) ? 0 : 2000);
	}
	/* One conversation is quiet, with few and old messages of one user. */
	if (draw(&d, 25) == 0)
		say(f, b->conv[CONVS - 1], USERS, "", 0);
	assert_ok(f->be->commit(f->s, NULL));
}

static void begin_convs(struct both *b, struct test_node *f, uint64_t rng)
{
	(void)rng;
	assert_ok(f->be->begin(f->s));
	for (uint64_t c = 0; c < CONVS; c++)
		b->conv[c] = test_conv(f->be, f->s, 1, c + 2);
	assert_ok(f->be->commit(f->s, NULL));
}

/* As the version before ordinals had left it. */
static const char make_old[] =
	"ALTER TABLE conv_log DROP COLUMN less_ord;"
	"ALTER TABLE conv_log DROP COLUMN less_shown;"
	"DROP TABLE gone; DROP TABLE spoke; DROP TABLE copy; DROP TABLE mention; DROP TABLE place;"
	"DELETE FROM meta WHERE key IN ('unnumbered', 'numbered');"
	"PRAGMA user_version = 2;";

static void close_old(struct both *b)
{
	b->old->be->reader_close(b->old->r);
	b->old->be->close(b->old->s);
}

static void open_old(struct both *b)
{
	b->old->s = test_store_open(b->old->be, b->old->folder);
	b->old->r = test_reader_open(b->old->be, b->old->s);
}

static void grow_old(struct both *b)
{
	close_old(b);
	test_execute(b->old->folder, make_old);
	open_old(b);
}

/* A log of about that many transactions, and then it is old. */
static void old_log(struct both *b, int transactions)
{
	on_both(b, begin_convs);
	for (int i = 0; i < transactions; i++)
		on_both(b, live);
	grow_old(b);
}

/* -- what the earlier version said -- */

struct past {
	uint64_t user, own, head;
};

static int find_own(void *arg, const struct store_msg *m)
{
	struct past *p = arg;
	if (m->sender == p->user)
		p->own = m->seq;
	return 0;
}

/* Everything counts, and everything is an answer, if it is not too far back. */
static uint64_t unread_then(struct test_node *f, uint64_t conv, uint64_t user, uint64_t mark)
{
	struct past p = {.user = user};
	struct store_head head;
	uint64_t lo;
	assert_ok(f->be->read_head(f->r, conv, &head));
	if (head.seq <= mark)
		return 0;
	lo = head.seq - mark > 1000 ? head.seq - 1000 : mark;
	assert_ok(f->be->read_conv(f->r, conv, lo + 1, head.seq, false, find_own, &p));
	return head.seq - (p.own > mark ? p.own : mark);
}

static uint64_t unread(struct test_node *f, uint64_t conv, uint64_t user, uint64_t mark)
{
	uint64_t n;
	assert_ok(f->be->unread(f->r, conv, user, mark, &n));
	return n;
}

struct tally {
	uint32_t then, now; /* answers that only the one, only the other would give */
};

/* Every answer is the one or the other. */
static struct tally compare(struct both *b)
{
	struct tally t = {0};
	for (int c = 0; c < CONVS; c++) {
		struct store_head head, old, sure;
		assert_ok(b->sure->be->read_head(b->sure->r, b->conv[c], &head));
		assert_ok(b->old->be->read_shown(b->old->r, b->conv[c], &old));
		assert_ok(b->sure->be->read_shown(b->sure->r, b->conv[c], &sure));
		assert_true(old.gid == sure.gid || old.gid == head.gid);
		t.now += old.gid == sure.gid && old.gid != head.gid;
		t.then += old.gid != sure.gid;
		for (int down = 0; down < 2; down++)
			test_same_page(b->old, b->sure, b->conv[c],
				1 + draw(b, (uint32_t)head.seq + 2), down);
		for (uint64_t user = 1; user <= USERS + 1; user++) {
			uint64_t mark = draw(b, 2) ? draw(b, (uint32_t)head.seq + 2) : 0;
			uint64_t now = unread(b->sure, b->conv[c], user, mark);
			uint64_t then = unread_then(b->old, b->conv[c], user, mark);
			uint64_t n = unread(b->old, b->conv[c], user, mark);
			assert_true(n == now || n == then);
			t.now += n == now && n != then;
			t.then += n == then && n != now;
		}
	}
	return t;
}

static void assert_exact(struct both *b)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(compare(b).then, 0);
}

static uint64_t number(struct both *b, uint32_t limit)
{
	uint64_t left;
	assert_ok(b->old->be->number(b->old->s, limit, &left));
	return left;
}

static int64_t rows_without(struct both *b)
{
	return test_number(b->old->folder, "SELECT count(*) FROM conv_log WHERE less_ord IS NULL");
}

/* -- the tests -- */

static void a_new_log_has_nothing_to_be_numbered(void **state)
{
	struct both *b = *state;
	on_both(b, begin_convs);
	assert_int_equal(number(b, 0), 0);
	on_both(b, live);
	grow_old(b); /* and then has something */
	assert_int_equal(number(b, 0), log_head(b->old));
	close_old(b);
	test_execute(b->old->folder,
		"DELETE FROM message; DELETE FROM conv_log; PRAGMA user_version = 2;"
		"ALTER TABLE conv_log DROP COLUMN less_ord;"
		"ALTER TABLE conv_log DROP COLUMN less_shown;"
		"DROP TABLE gone; DROP TABLE spoke; DROP TABLE copy; DROP TABLE mention; DROP "
		"TABLE place; DELETE "
		"FROM meta");
	open_old(b);
	assert_int_equal(number(b, 10), 0); /* an empty one has not, however old */
}

static void an_old_log_counts_as_it_did_until_it_is_numbered(void **state)
{
	struct both *b = *state;
	struct tally t;
	old_log(b, 300);
	t = compare(b);
	assert_true(t.then > 0);
	assert_int_equal(t.now, 0);
	assert_int_equal(rows_without(b), log_head(b->old));
	assert_int_equal(number(b, 0), log_head(b->old));
	while (number(b, 1000) > 0)
		continue;
	assert_int_equal(rows_without(b), 0);
	assert_exact(b);
	assert_int_equal(number(b, 1000), 0);
	close_old(b);
	open_old(b);
	assert_int_equal(number(b, 1000), 0);
	assert_exact(b);
}

/* Newest first: who is not far behind has right counts long before the end. */
static void the_newest_are_numbered_first(void **state)
{
	struct both *b = *state;
	struct store_head head;
	old_log(b, 300);
	number(b, 50);
	assert_ok(b->old->be->read_head(b->old->r, 1, &head));
	for (int c = 0; c < CONVS; c++) {
		struct store_head h;
		assert_ok(b->old->be->read_head(b->old->r, b->conv[c], &h));
		if (h.gid != log_head(b->old))
			continue;
		for (uint64_t user = 1; user <= USERS; user++)
			for (uint64_t mark = h.seq - 40; mark <= h.seq; mark++)
				assert_int_equal(unread(b->old, b->conv[c], user, mark),
					unread(b->sure, b->conv[c], user, mark));
	}
}

/* Messages, recalls and retention meanwhile; and restarts. */
static void it_is_used_while_it_is_numbered(void **state)
{
	struct both *b = *state;
	uint32_t seen_then = 0, seen_now = 0, steps = 0;
	old_log(b, 300);
	while (number(b, 1 + draw(b, 60)) > 0) {
		struct tally t;
		uint32_t deleted[2] = {0};
		on_both(b, live);
		if (draw(b, 20) == 0) {
			int64_t before_ms = draw(b, (uint32_t)log_head(b->old) / 4);
			assert_ok(b->old->be->prune(
				b->old->s, 0, NULL, 0, before_ms, 5000, &deleted[0]));
			assert_ok(b->sure->be->prune(
				b->sure->s, 0, NULL, 0, before_ms, 5000, &deleted[1]));
			assert_int_equal(deleted[0], deleted[1]);
		}
		if (draw(b, 20) == 0)
			test_reopen(b->old);
		t = compare(b);
		seen_then += t.then;
		seen_now += t.now;
		assert_true(++steps < 5000);
	}
	assert_true(seen_then > 0);
	assert_true(seen_now > 0);
	assert_int_equal(rows_without(b), 0);
	assert_exact(b);
	for (int i = 0; i < 50; i++)
		on_both(b, live);
	assert_exact(b);
}

static void a_step_is_bounded_and_the_next_one_goes_on(void **state)
{
	struct both *b = *state;
	int64_t had, left, told;
	old_log(b, 100);
	left = rows_without(b);
	do {
		had = left;
		told = (int64_t)number(b, 7);
		left = rows_without(b);
		/* One that was only looked at may be passed next. */
		assert_true(told == left || told == left + 1);
		assert_true(left <= had && had - left <= 7);
	} while (left > 0);
	/* Conversations that were met already are only passed on the way through the log. */
	for (int i = 0; number(b, 7) > 0; i++)
		assert_true(i < 2000);
	assert_exact(b);
}

/* Each numbers a message, or passes one that is numbered. */
static void the_smallest_step_goes_on_too(void **state)
{
	struct both *b = *state;
	int64_t rows, steps = 0;
	old_log(b, 8);
	rows = rows_without(b);
	while (number(b, 1) > 0)
		assert_true(++steps <= 2 * rows);
	assert_int_equal(rows_without(b), 0);
	assert_exact(b);
}

static void a_step_that_fails_changes_nothing(void **state)
{
	struct both *b = *state;
	uint64_t left = 99;
	int64_t had;
	old_log(b, 30);
	had = rows_without(b);
	for (int i = 0; i < 2; i++) {
		faultvfs_fail(i ? FAULTVFS_SYNC : FAULTVFS_WRITE, "-wal", 0, 1,
			i ? SQLITE_IOERR_FSYNC : SQLITE_FULL);
		assert_int_equal(b->old->be->number(b->old->s, 100, &left), IM_E_IO);
		assert_true(faultvfs_failed() > 0);
		faultvfs_heal();
		assert_int_equal(left, log_head(b->old));
		assert_int_equal(rows_without(b), had);
	}
	on_both(b, live);
	while (number(b, 100) > 0)
		continue;
	assert_exact(b);
}

/* The power fails at every call to the disk of the upgrade and the numbering. */
static void a_power_cut_anywhere_leaves_it_to_be_gone_on_with(void **state)
{
	struct both *b = *state;
	struct store *s;
	struct im_buf why;
	bool cut = true;
	old_log(b, 4);
	for (int call = 0; cut; call += 1 + call / 40) {
		uint64_t left = 1;
		close_old(b);
		test_execute(b->old->folder, call ? make_old : "SELECT 1 /* is old already */");
		faultvfs_cut_after(call);
		im_buf_init(&why, 0);
		if (b->old->be->open(b->old->folder, &s, &why) == IM_OK) {
			while (left > 0 && b->old->be->number(s, 9, &left) == IM_OK)
				continue;
			b->old->be->close(s);
		}
		im_buf_free(&why);
		cut = faultvfs_is_cut();
		faultvfs_power_up((enum faultvfs_loss)(call % 3), (uint64_t)call);
		open_old(b);
		compare(b);
		while (number(b, 50) > 0)
			continue;
		assert_int_equal(rows_without(b), 0);
		assert_exact(b);
	}
}

/* A child that makes a step for each byte that it is sent, and says so. */
static pid_t start_numbering(const char *folder, int fd)
{
	pid_t child = fork();
	uint64_t left = 1;
	struct store *s;
	struct im_buf why;
	char go;
	assert_true(child >= 0);
	if (child > 0)
		return child;
	im_buf_init(&why, 0);
	if (store_sqlite.open(folder, &s, &why) != IM_OK)
		_exit(2);
	while (left > 0 && read(fd, &go, 1) == 1)
		if (store_sqlite.number(s, 40, &left) != IM_OK || write(fd, "", 1) != 1)
			_exit(3);
	_exit(0);
}

static void kill_after(const char *folder, int steps)
{
	int fd[2], status;
	char done;
	pid_t child;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	child = start_numbering(folder, fd[1]);
	close(fd[1]);
	while (steps-- > 0 && send(fd[0], "", 1, MSG_NOSIGNAL) == 1 && read(fd[0], &done, 1) == 1)
		continue;
	/* In the middle of the next one. */
	(void)send(fd[0], "", 1, MSG_NOSIGNAL);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	close(fd[0]);
}

static void a_kill_anywhere_leaves_it_to_be_gone_on_with(void **state)
{
	struct both *b = *state;
	int kills = 0;
	old_log(b, 120);
	do {
		close_old(b);
		kill_after(b->old->folder, kills % 8);
		open_old(b);
		compare(b);
		on_both(b, live);
	} while (++kills, number(b, 0) > 0);
	assert_true(kills > 8);
	assert_int_equal(rows_without(b), 0);
	assert_exact(b);
}

/* Half a log: a message that is not there any more, and one that the index does not know. */
static void what_is_missing_does_not_hold_it_up(void **state)
{
	struct both *b = *state;
	old_log(b, 30);
	close_old(b);
	test_execute(b->old->folder,
		"DELETE FROM message WHERE gid % 7 = 3; DELETE FROM conv_log WHERE gid % 11 = 3");
	open_old(b);
	for (int i = 0; number(b, 20) > 0; i++)
		assert_true(i < 1000);
	assert_int_equal(rows_without(b), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_log_has_nothing_to_be_numbered),
		TEST(an_old_log_counts_as_it_did_until_it_is_numbered),
		TEST(the_newest_are_numbered_first),
		TEST(it_is_used_while_it_is_numbered),
		TEST(a_step_is_bounded_and_the_next_one_goes_on),
		TEST(the_smallest_step_goes_on_too),
		TEST(a_step_that_fails_changes_nothing),
		TEST(a_power_cut_anywhere_leaves_it_to_be_gone_on_with),
		TEST(a_kill_anywhere_leaves_it_to_be_gone_on_with),
		TEST(what_is_missing_does_not_hold_it_up),
	};
	return cmocka_run_group_tests_name("store_number", tests, NULL, NULL);
}
