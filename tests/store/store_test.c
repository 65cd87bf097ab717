/* SPDX-License-Identifier: BSD-3-Clause */
/* What the programs of the store suite share; see store_test.h. */
#include "tests/store/store_test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/folder.h"

char *test_folder_new(void)
{
	const char *base = getenv("TMPDIR");
	char *folder = NULL;
	if (!base || !*base)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	assert_true(asprintf(&folder, "%s/store-XXXXXX", base) > 0);
	assert_non_null(mkdtemp(folder));
	return folder;
}

void test_folder_remove(char *folder)
{
	assert_int_equal(folder_remove(folder), 0);
	free(folder);
}

const char *test_path(const char *folder, const char *name)
{
	static char path[4096];
	assert_true((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) < sizeof(path));
	return path;
}

long test_file_size(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static sqlite3 *open_raw(const char *folder)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(test_path(folder, "messages.db"), &db), SQLITE_OK);
	return db;
}

void test_execute(const char *folder, const char *sql)
{
	sqlite3 *db = open_raw(folder);
	char *err = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", sql, err);
	sqlite3_close(db);
}

int64_t test_number(const char *folder, const char *sql)
{
	sqlite3 *db = open_raw(folder);
	sqlite3_stmt *st = NULL;
	int64_t n;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

struct store *test_store_open(const struct store_backend *be, const char *folder)
{
	struct store *s = NULL;
	struct im_buf why;
	int ret;
	im_buf_init(&why, 0);
	ret = be->open(folder, &s, &why);
	if (ret != IM_OK)
		fail_msg("open: %d %.*s", ret, IM_ARGS(why));
	im_buf_free(&why);
	return s;
}

struct store_reader *test_reader_open(const struct store_backend *be, struct store *s)
{
	struct store_reader *r = NULL;
	assert_ok(be->reader_open(s, &r));
	return r;
}

uint64_t test_conv(const struct store_backend *be, struct store *s, uint64_t a, uint64_t b)
{
	uint64_t id = 0;
	assert_ok(be->conv(s, IM_CONV_USER, a, b, true, &id));
	assert_true(id > 0);
	return id;
}

int test_append(const struct store_backend *be, struct store *s, uint64_t conv, uint64_t sender,
	uint64_t gid)
{
	struct store_head head;
	char body[32], id[32];
	struct store_msg m;
	int ret = be->head(s, conv, &head);
	if (ret != IM_OK)
		return ret;
	snprintf(body, sizeof(body), "body-%llu", (unsigned long long)gid);
	snprintf(id, sizeof(id), "id-%llu", (unsigned long long)gid);
	m = (struct store_msg){.gid = gid,
		.conv = conv,
		.seq = head.seq + 1,
		.sender = sender,
		.ts_ms = (int64_t)gid,
		.enc = IM_ENC_TEXT,
		.id = im_str(id),
		.body = im_str(body)};
	return be->append(s, &m);
}

void test_fill(
	const struct store_backend *be, struct store *s, uint64_t conv, uint64_t gid, uint32_t n)
{
	assert_ok(be->begin(s));
	for (uint32_t i = 0; i < n; i++)
		assert_ok(test_append(be, s, conv, 1, gid + i));
	assert_ok(be->commit(s, NULL));
}

static int set_up(void **state, const struct store_backend *be)
{
	struct test_node *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->be = be;
	f->folder = test_folder_new();
	f->s = test_store_open(be, f->folder);
	f->r = test_reader_open(be, f->s);
	*state = f;
	return 0;
}

int test_set_up_sqlite(void **state)
{
	return set_up(state, &store_sqlite);
}

int test_set_up_memory(void **state)
{
	return set_up(state, &store_memory);
}

int test_tear_down(void **state)
{
	struct test_node *f = *state;
	f->be->reader_close(f->r);
	f->be->close(f->s);
	test_folder_remove(f->folder);
	free(f);
	return 0;
}

void test_reopen(struct test_node *f)
{
	if (f->be == &store_memory)
		return; /* lives as long as its process */
	f->be->reader_close(f->r);
	f->be->close(f->s);
	f->s = test_store_open(f->be, f->folder);
	f->r = test_reader_open(f->be, f->s);
}

uint64_t test_begun(struct test_node *f)
{
	assert_ok(f->be->begin(f->s));
	return test_conv(f->be, f->s, 1, 2);
}

void test_commit(struct test_node *f)
{
	assert_ok(f->be->commit(f->s, NULL));
}

uint64_t test_say(struct test_node *f, uint64_t conv, uint64_t sender, const char *type,
	const struct message_mentions *who, int64_t ahead_ms)
{
	struct store_msg m = {.conv = conv,
		.sender = sender,
		.type = im_str(type),
		.body = IM_STR("{}"),
		.mentions = who};
	struct store_head head;
	uint64_t log;
	assert_ok(f->be->head(f->s, conv, &head));
	assert_ok(f->be->log_head(f->s, &log));
	m.gid = log + 1;
	m.seq = head.seq + 1;
	m.ts_ms = (int64_t)m.gid + ahead_ms;
	assert_ok(f->be->append(f->s, &m));
	return m.gid;
}

uint32_t test_prune(struct test_node *f, int64_t before_ms)
{
	uint32_t deleted;
	assert_ok(f->be->prune(f->s, 0, NULL, 0, before_ms, 5000, &deleted));
	return deleted;
}

int test_see(void *arg, const struct store_msg *m)
{
	struct test_seen *seen = arg;
	assert_true(seen->n < 256);
	seen->gid[seen->n] = m->gid;
	seen->seq[seen->n] = m->seq;
	seen->conv[seen->n] = m->conv;
	seen->n++;
	snprintf(seen->last, sizeof(seen->last),
		"gid=%llu conv=%llu seq=%llu sender=%llu ts=%lld enc=%d type=%.*s id=%.*s "
		"meta=%.*s body=%.*s%s",
		(unsigned long long)m->gid, (unsigned long long)m->conv, (unsigned long long)m->seq,
		(unsigned long long)m->sender, (long long)m->ts_ms, (int)m->enc, IM_ARGS(m->type),
		IM_ARGS(m->id), IM_ARGS(m->meta), IM_ARGS(m->body), m->recalled ? " recalled" : "");
	return seen->stop_after && seen->n == seen->stop_after ? 77 : 0;
}

static void see_page(const struct test_node *f, uint64_t conv, uint64_t from, bool descending,
	struct test_seen *out)
{
	int rc;

	*out = (struct test_seen){.stop_after = 50};
	rc = f->be->read_shown_conv(f->r, conv, descending ? 1 : from,
		descending ? from : UINT64_MAX, descending, test_see, out);
	assert_int_equal(rc, out->n == out->stop_after ? 77 : IM_OK);
}

void test_same_page(const struct test_node *a, const struct test_node *b, uint64_t conv,
	uint64_t from, bool descending)
{
	struct test_seen have, want;

	see_page(a, conv, from, descending, &have);
	see_page(b, conv, from, descending, &want);
	assert_int_equal(have.n, want.n);
	for (uint32_t i = 0; i < want.n; i++)
		assert_int_equal(have.gid[i], want.gid[i]);
}
