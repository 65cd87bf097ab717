/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process's start: whatever it fails for, it says why, leaves nothing open and nothing of the
 * node's files worse than it was. What it allocates the linker has wrapped; what it leaks the
 * sanitizer finds.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bridge/service.h"
#include "common/buf.h"
#include "tests/lib/folder.h"
#include "tests/unit/descriptors.h"
#include "tests/unit/unit.h"

/* Of the test's own thread: which call finds no memory, and how many there were. */
static struct {
	pthread_t thread;
	long fail_at, calls;
} memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	if (pthread_equal(pthread_self(), memory.thread) && memory.calls++ == memory.fail_at)
		return NULL;
	return __real_calloc(n, size);
}

struct node {
	char folder[64], data[80], conf[96];
	struct im_buf log; /* of the last start */
};

static int set_up(void **state)
{
	struct node *n = calloc(1, sizeof(*n));
	FILE *f;

	assert_non_null(n);
	snprintf(n->folder, sizeof(n->folder), "/tmp/im-service-XXXXXX");
	assert_non_null(mkdtemp(n->folder));
	snprintf(n->data, sizeof(n->data), "%s/data", n->folder);
	assert_int_equal(mkdir(n->data, 0700), 0);
	snprintf(n->conf, sizeof(n->conf), "%s/conf", n->folder);
	f = fopen(n->conf, "w");
	assert_non_null(f);
	fprintf(f, "data_dir %s\nbroker %s/no.sock\nlog_dest stderr\nreader_threads 2\n", n->data,
		n->folder);
	assert_int_equal(fclose(f), 0);
	im_buf_init(&n->log, 0);
	memory.thread = pthread_self();
	memory.fail_at = -1;
	*state = n;
	return 0;
}

static int tear_down(void **state)
{
	struct node *n = *state;

	assert_int_equal(folder_remove(n->folder), 0);
	im_buf_free(&n->log);
	free(n);
	return 0;
}

static void take_log(struct node *n, const char *path)
{
	FILE *f = fopen(path, "r");
	int c;

	assert_non_null(f);
	im_buf_reset(&n->log);
	while ((c = fgetc(f)) != EOF)
		im_buf_c(&n->log, (char)c);
	fclose(f);
	im_buf_c(&n->log, '\0');
}

/* Its exit status. One that can start finds that it is to end. */
static int start(struct node *n)
{
	const struct timespec none = {0};
	char path[96];
	int err = dup(STDERR_FILENO), to, status;
	sigset_t term;

	snprintf(path, sizeof(path), "%s/stderr", n->folder);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(err >= 0 && to >= 0);
	fflush(stderr);
	assert_int_equal(dup2(to, STDERR_FILENO), STDERR_FILENO);
	close(to);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	kill(getpid(), SIGTERM);
	memory.calls = 0;
	status = service_run(n->conf);
	memory.fail_at = -1;
	(void)sigtimedwait(&term, NULL, &none);
	assert_int_equal(dup2(err, STDERR_FILENO), STDERR_FILENO);
	close(err);
	take_log(n, path);
	return status;
}

static void starts(struct node *n)
{
	if (start(n) != EXIT_SUCCESS)
		fail_msg("%s", n->log.p);
	assert_non_null(strstr(n->log.p, " started "));
}

/* It has said why, which is no transaction that will be tried again. */
static void refused(struct node *n, const char *part)
{
	const char *why = strstr(n->log.p, "start_refused why=\"");

	if (!why || !strstr(why, part) || strstr(why, "why=\"\""))
		fail_msg("\"%s\" is not said by: %s", part, n->log.p);
	assert_null(strstr(n->log.p, "commit_failed"));
	assert_null(strstr(n->log.p, "try again"));
}

/* Everything that a start opens below data_dir, and how the reason names it. */
static const struct {
	const char *name, *said;
} files[] = {
	{"bridge.lock", "bridge.lock"},
	{"directory.db", "directory.db"},
	{"directory.db-wal", "directory.db"},
	{"messages.db", "messages.db"},
	{"messages.db-wal", "messages.db"},
	{"search.db", "search.db"},
	{"search.db-wal", "search.db"},
	{"erasures", "erasures"},
};

#define FILES (sizeof(files) / sizeof(files[0]))

static void place(const struct node *n, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", n->data, name);
}

static void no_file_that_is_a_folder_leaves_anything_open(void **state)
{
	struct node *n = *state;
	char path[128];
	unsigned before;

	/* What libraries keep for the process is there from here on. */
	starts(n);
	before = descriptors();
	assert_int_equal(folder_remove(n->data), 0);
	for (size_t i = 0; i < FILES; i++) {
		assert_int_equal(mkdir(n->data, 0700), 0);
		place(n, files[i].name, path);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_int_equal(start(n), EXIT_FAILURE);
		refused(n, files[i].said);
		assert_int_equal(descriptors(), before);
		assert_int_equal(folder_remove(n->data), 0);
	}
}

static const char *const kept[] = {"directory.db", "messages.db", "search.db"};

#define KEPT (sizeof(kept) / sizeof(kept[0]))

/* Held open, so that no other file gets its number. */
static void hold(const struct node *n, int fds[KEPT])
{
	char path[128];

	for (size_t k = 0; k < KEPT; k++) {
		place(n, kept[k], path);
		fds[k] = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fds[k] >= 0);
	}
}

static void assert_kept(const struct node *n, const int fds[KEPT])
{
	struct stat was, is;
	char path[128];

	for (size_t k = 0; k < KEPT; k++) {
		place(n, kept[k], path);
		assert_int_equal(fstat(fds[k], &was), 0);
		assert_int_equal(stat(path, &is), 0);
		assert_true(was.st_ino == is.st_ino);
	}
}

static void what_was_there_is_there_after_a_refused_start(void **state)
{
	struct node *n = *state;
	char path[128], aside[128];
	int fds[KEPT];
	bool moved;

	starts(n);
	hold(n, fds);
	snprintf(aside, sizeof(aside), "%s/aside", n->folder);
	for (size_t i = 0; i < FILES; i++) {
		place(n, files[i].name, path);
		moved = rename(path, aside) == 0;
		assert_int_equal(mkdir(path, 0700), 0);
		assert_int_equal(start(n), EXIT_FAILURE);
		refused(n, files[i].said);
		assert_int_equal(rmdir(path), 0);
		if (moved)
			assert_int_equal(rename(aside, path), 0);
		assert_kept(n, fds);
		starts(n);
		assert_kept(n, fds);
	}
	for (size_t k = 0; k < KEPT; k++)
		close(fds[k]);
}

static void no_memory_anywhere_leaves_anything_open(void **state)
{
	struct node *n = *state;
	unsigned before, failed = 0;
	long calls;

	starts(n);
	starts(n);
	calls = memory.calls;
	before = descriptors();
	for (long at = 0; at < calls; at++) {
		memory.fail_at = at;
		if (start(n) != EXIT_SUCCESS) {
			failed++;
			assert_null(strstr(n->log.p, "why=\"\""));
			assert_null(strstr(n->log.p, "commit_failed"));
		}
		assert_int_equal(descriptors(), before);
	}
	assert_true(failed > 50);
	starts(n);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_file_that_is_a_folder_leaves_anything_open),
		T(what_was_there_is_there_after_a_refused_start),
		T(no_memory_anywhere_leaves_anything_open),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
