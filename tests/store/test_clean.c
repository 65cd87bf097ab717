/* SPDX-License-Identifier: BSD-3-Clause */
/* What was taken out of a database is not in its files either, and what was left in is whole. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_user.h"
#include "db/sqldb_scrub.h"
#include "tests/store/store_test.h"

#define BE (&store_sqlite)
#define MESSAGES 3000

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

/* How often the word stands in this file. */
static unsigned count_in(const char *folder, const char *name, const char *word)
{
	long n = test_file_size(test_path(folder, name));
	unsigned found = 0;
	const char *at;
	char *data;
	FILE *in;
	if (n <= 0)
		return 0;
	data = malloc((size_t)n);
	in = fopen(test_path(folder, name), "r");
	assert_true(in && data && fread(data, 1, (size_t)n, in) == (size_t)n);
	fclose(in);
	for (at = data; (at = memmem(at, (size_t)(data + n - at), word, strlen(word))); at++)
		found++;
	free(data);
	return found;
}

static unsigned count(const char *folder, const char *word)
{
	return count_in(folder, "messages.db", word) + count_in(folder, "messages.db-wal", word);
}

/* Texts of all lengths: some have pages of their own. */
static struct store_msg message(uint64_t gid, uint64_t conv, bool again, char room[12000])
{
	size_t n = (gid * 7919) % (gid % 50 == 0 ? 11000 : 300) + 20;
	const char *word = gid % 3 ? "KEPT" : "GONE";
	memset(room, 'x', n);
	n += (size_t)snprintf(room + n, 900, "%s%llu", word, (unsigned long long)gid);
	if (again)
		n += (size_t)snprintf(room + n, 900, "%.*s", 40 + (int)(gid % 200),
			" and longer than it was, so that it has to move on its page or to another"
			" one, where rows are divided anew among neighbours, once and once more");
	return (struct store_msg){.gid = gid,
		.conv = conv,
		.seq = gid,
		.sender = gid % 3 ? 2 : 1,
		.ts_ms = (int64_t)gid,
		.enc = IM_ENC_TEXT,
		.type = IM_STR("text"),
		.id = gid % 3 ? IM_STR("id") : IM_STR("GONEid"),
		.meta = gid % 3 ? IM_STR("\"ext\":1") : IM_STR("\"ext\":\"GONE\""),
		.body = {room, n}};
}

typedef void (*change_fn)(struct store *s, uint64_t gid, uint64_t conv);

static void append(struct store *s, uint64_t gid, uint64_t conv)
{
	char room[12000];
	struct store_msg m = message(gid, conv, false, room);
	assert_ok(BE->append(s, &m));
}

static void edit(struct store *s, uint64_t gid, uint64_t conv)
{
	char room[12000];
	struct store_msg m = message(gid, conv, true, room);
	if (gid % 2)
		assert_ok(BE->amend(s, &m));
}

static void erase(struct store *s, uint64_t gid, uint64_t conv)
{
	struct store_msg m = {.gid = gid, .conv = conv, .enc = IM_ENC_TEXT, .recalled = true};
	if (gid % 3 == 0)
		assert_ok(BE->amend(s, &m));
}

static void change_all(struct store *s, change_fn fn)
{
	uint64_t conv;
	for (uint64_t gid = 1; gid <= MESSAGES; gid += 100) {
		assert_ok(BE->begin(s));
		conv = test_conv(BE, s, 1, 2);
		for (uint64_t i = gid; i < gid + 100; i++)
			fn(s, i, conv);
		assert_ok(BE->commit(s, NULL));
	}
}

static void clean(struct store *s)
{
	uint32_t at = 0;
	bool done = false;
	for (int i = 0; !done && i < 100; i++)
		assert_ok(BE->clean(s, &at, &done));
	assert_true(done);
}

static int is_whole(void *arg, const struct store_msg *m)
{
	char room[12000];
	struct store_msg want = message(m->gid, m->conv, m->gid % 2, room);
	*(unsigned *)arg += 1;
	assert_int_equal(m->recalled, m->gid % 3 == 0);
	if (!m->recalled)
		assert_true(im_str_eq(m->body, want.body));
	return 0;
}

static void assert_sound(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void what_was_erased_is_in_no_file(void **state)
{
	struct store *s = test_store_open(BE, *state);
	struct store_reader *r = test_reader_open(BE, s);
	unsigned seen = 0;
	change_all(s, append);
	assert_true(count(*state, "GONE") >= MESSAGES);
	change_all(s, edit);
	change_all(s, erase);
	assert_true(count(*state, "GONE") > 0); /* in the write-ahead log */
	clean(s);
	assert_int_equal(count(*state, "GONE"), 0);
	assert_int_equal(test_file_size(test_path(*state, "messages.db-wal")), 0);
	assert_true(count(*state, "KEPT") >= MESSAGES * 2 / 3);
	assert_ok(BE->read_log(r, 1, UINT64_MAX, false, is_whole, &seen));
	assert_int_equal(seen, MESSAGES);
	/* And it is written on. */
	assert_ok(BE->begin(s));
	append(s, MESSAGES + 1, test_conv(BE, s, 1, 2));
	assert_ok(BE->commit(s, NULL));
	BE->reader_close(r);
	BE->close(s);
	assert_sound(test_path(*state, "messages.db"));
}

/* Whoever reads may see what is to go until he has done. */
static void a_reader_is_waited_for(void **state)
{
	struct store *s = test_store_open(BE, *state);
	struct store_reader *r = test_reader_open(BE, s);
	struct test_seen seen = {0};
	uint32_t at = 0;
	bool done = true;
	change_all(s, append);
	assert_ok(BE->view_begin(r));
	assert_ok(BE->read_log(r, 3, 3, false, test_see, &seen));
	change_all(s, erase);
	assert_int_equal(BE->clean(s, &at, &done), IM_E_BUSY);
	assert_false(done);
	assert_ok(BE->read_log(r, 3, 3, false, test_see, &seen));
	assert_non_null(strstr(seen.last, "GONE"));
	BE->view_end(r);
	clean(s);
	assert_int_equal(count(*state, "GONE"), 0);
	BE->reader_close(r);
	BE->close(s);
}

static void nothing_is_cleaned_within_a_transaction(void **state)
{
	struct store *s = test_store_open(BE, *state);
	uint32_t at = 0;
	bool done = true;
	assert_ok(BE->begin(s));
	append(s, 1, test_conv(BE, s, 1, 2));
	assert_int_equal(BE->clean(s, &at, &done), IM_E_BUSY);
	assert_ok(BE->commit(s, NULL));
	clean(s);
	BE->close(s);
}

static void the_directory_is_cleaned_as_well(void **state)
{
	struct directory *d = NULL;
	struct im_buf why;
	uint32_t at = 0;
	uint64_t id;
	bool done = false;
	im_buf_init(&why, 0);
	assert_ok(directory_open(*state, &d, &why));
	assert_ok(directory_begin(d));
	assert_ok(directory_user_create(d, IM_STR("alice"), IM_ROLE_USER, IM_STR("GONE"), 1, &id));
	assert_ok(directory_commit(d));
	assert_ok(directory_begin(d));
	assert_ok(directory_user_delete(d, id, 9));
	assert_ok(directory_commit(d));
	while (!done)
		assert_ok(directory_clean_step(d, &at, &done));
	assert_int_equal(count_in(*state, "directory.db", "GONE"), 0);
	assert_int_equal(count_in(*state, "directory.db-wal", "GONE"), 0);
	directory_close(&d);
	im_buf_free(&why);
}

/* -- one page -- */

#define PAGE 512

/* A leaf with two cells at its end, a freed block before them and something in the gap. */
static void make_page(unsigned char *p, size_t head)
{
	memset(p, 0xee, PAGE);
	p += head;
	p[0] = 13;
	p[1] = 400 >> 8, p[2] = 400 & 0xff; /* the first freed block */
	p[3] = 0, p[4] = 2;                 /* cells */
	p[5] = 380 >> 8, p[6] = 380 & 0xff; /* the first byte of content */
	p[7] = 0;
	p[8] = 380 >> 8, p[9] = 380 & 0xff, p[10] = 450 >> 8, p[11] = 450 & 0xff;
	p -= head;
	p[400] = 0, p[401] = 0, p[402] = 0, p[403] = 30;
}

static void gaps_and_freed_blocks_become_zero_and_nothing_else(void **state)
{
	unsigned char p[PAGE], was[PAGE];
	(void)state;
	for (size_t head = 0; head <= 100; head += 100) {
		make_page(p, head);
		memcpy(was, p, PAGE);
		assert_true(sqldb_scrub_page(p, PAGE, head > 0));
		for (size_t i = 0; i < PAGE; i++) {
			bool unused = (i >= head + 12 && i < 380) || (i >= 404 && i < 430);
			assert_int_equal(p[i], unused ? 0 : was[i]);
		}
		assert_false(sqldb_scrub_page(p, PAGE, head > 0));
	}
	/* A page that is none of a tree's. */
	make_page(p, 0);
	p[0] = 7;
	memcpy(was, p, PAGE);
	assert_false(sqldb_scrub_page(p, PAGE, false));
	assert_memory_equal(p, was, PAGE);
}

/* Whatever a page holds, nothing beside it is touched, and its head and first cells stay. */
static void a_page_of_chance_is_not_left(void **state)
{
	unsigned char *p = malloc(PAGE), was[PAGE];
	unsigned r = 1;
	(void)state;
	assert_non_null(p);
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < PAGE; i++)
			p[i] = (unsigned char)((r = r * 1664525u + 1013904223u) >> 24);
		p[0] = (unsigned char[]){2, 5, 10, 13}[round % 4];
		if (round % 3)
			p[3] = 0, p[5] = p[1] = (unsigned char)(r >> 31);
		memcpy(was, p, PAGE);
		(void)sqldb_scrub_page(p, PAGE, false);
		assert_memory_equal(p, was, 8);
	}
	free(p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_erased_is_in_no_file),
		T(a_reader_is_waited_for),
		T(nothing_is_cleaned_within_a_transaction),
		T(the_directory_is_cleaned_as_well),
		cmocka_unit_test(gaps_and_freed_blocks_become_zero_and_nothing_else),
		cmocka_unit_test(a_page_of_chance_is_not_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
