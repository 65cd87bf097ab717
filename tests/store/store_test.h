/* SPDX-License-Identifier: BSD-3-Clause */
/* What the programs of the store suite share: cmocka, a folder of their own, messages by number. */
#ifndef IM_TESTS_STORE_TEST_H
#define IM_TESTS_STORE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/store/store.h"

#define assert_ok(call) assert_int_equal((call), IM_OK)

/* A new folder under TMPDIR, else in memory (thousands of fsyncs), else under /tmp; removed with
 * all in it. To be freed by the second. */
char *test_folder_new(void);
void test_folder_remove(char *folder);
/* {folder}/{name} in static memory. */
const char *test_path(const char *folder, const char *name);
long test_file_size(const char *path);

/* On messages.db in the folder, by a connection of their own: any SQL, and one that gives a number.
 */
void test_execute(const char *folder, const char *sql);
int64_t test_number(const char *folder, const char *sql);

/* Opens, or fails the test with the sentence. */
struct store *test_store_open(const struct store_backend *be, const char *folder);
struct store_reader *test_reader_open(const struct store_backend *be, struct store *s);
/* The conversation of two users, created if needed. In a transaction. */
uint64_t test_conv(const struct store_backend *be, struct store *s, uint64_t a, uint64_t b);
/* Appends a message at the head: body "body-{gid}", sender `sender`, time = gid. In a transaction.
 * Returns what the backend returned. */
int test_append(const struct store_backend *be, struct store *s, uint64_t conv, uint64_t sender,
	uint64_t gid);
/* One transaction: n messages from gid on, one conversation. */
void test_fill(
	const struct store_backend *be, struct store *s, uint64_t conv, uint64_t gid, uint32_t n);

/* An empty store of one backend, for tests that hold for every one. */
struct test_node {
	const struct store_backend *be;
	char *folder;
	struct store *s;
	struct store_reader *r;
};
int test_set_up_sqlite(void **state);
int test_set_up_memory(void **state);
int test_tear_down(void **state);
/* Closes and opens it again, if its backend keeps its data. */
void test_reopen(struct test_node *f);
/* Begins a conversation of users 1 and 2 and leaves the transaction open. */
uint64_t test_begun(struct test_node *f);
void test_commit(struct test_node *f);
/* The next message, in an open transaction; its gid. Its time is that, and so much more. */
uint64_t test_say(struct test_node *f, uint64_t conv, uint64_t sender, const char *type,
	const struct message_mentions *who, int64_t ahead_ms);
/* How many messages it has deleted. */
uint32_t test_prune(struct test_node *f, int64_t before_ms);
#define TEST_SQLITE(test) cmocka_unit_test_setup_teardown(test, test_set_up_sqlite, test_tear_down)
#define TEST_BOTH(test)                                                            \
	cmocka_unit_test_setup_teardown(test, test_set_up_sqlite, test_tear_down), \
	{                                                                          \
#test " (memory)", test, test_set_up_memory, test_tear_down, NULL  \
	}

/* What a walk saw, newest call only: gids, and all of each message as text. */
struct test_seen {
	uint32_t n, stop_after; /* 0: do not stop */
	uint64_t gid[256], seq[256], conv[256];
	char last[512]; /* the last message in words */
};
int test_see(void *arg, const struct store_msg *m);

/* Both show the same page of a conversation without operations, beginning at `from`. */
void test_same_page(const struct test_node *a, const struct test_node *b, uint64_t conv,
	uint64_t from, bool descending);

#endif
