/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast the SQLite store is, fsync on: `make bench-store`. Prints, asserts nothing.
 *
 *     bench_store append FOLDER MESSAGES BATCH USERS PAIRS   PAIRS 0: any two of USERS
 *     bench_store single FOLDER MESSAGES PACE_US PAIRS       one message a transaction
 *     bench_store dedup FOLDER                               the window from the log's tail
 *     bench_store history FOLDER CALLS                       pages of 50 of random conversations
 *     bench_store upgrade FOLDER MESSAGES                    a log of schema version 2: the start,
 *                                                            and the ordinals after it
 *     bench_store directory FOLDER USERS MEMBERS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/store/store.h"
#include "bridge/store/store_sqlite_core.h"
#include "bridge/write/dedup_rebuild.h"
#include "db/sqldb.h"
#include "schema/migrations.h"

/* The configuration's defaults. */
#define DEDUP_ENTRIES 1000000
#define DEDUP_WINDOW_MS (INT64_C(24) * 60 * 60 * 1000)

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6 +
	       (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
}

static uint64_t rng = 88172645463325252u;
static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static void must(int ret, const char *what, const char *why)
{
	if (ret == IM_OK)
		return;
	fprintf(stderr, "%s: %d %s\n", what, ret, why ? why : "");
	exit(1);
}

static struct store *open_store(const char *folder)
{
	struct im_buf why;
	struct store *s = NULL;
	int ret;
	im_buf_init(&why, 0);
	ret = store_sqlite.open(folder, &s, &why);
	im_buf_c(&why, '\0');
	must(ret, "open", why.p);
	im_buf_free(&why);
	return s;
}

static double size_mb(const char *folder, const char *name)
{
	char path[4096];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, &st) == 0 ? (double)st.st_size / 1e6 : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double percentile(double *v, size_t n, double p)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[(size_t)((double)(n - 1) * p)];
}

struct load {
	uint64_t gid, recno;
	uint32_t users, pairs;
	char body[128];
	double in_append, in_commit;
};

static void one_message(struct store *s, struct load *l, int64_t ts_ms)
{
	uint64_t a = 1 + next_random() % l->users;
	uint64_t b = 1 + next_random() % l->users;
	char id[32];
	uint64_t conv = 0;
	struct store_head head;
	struct store_msg m;
	if (l->pairs) {
		uint64_t pair = next_random() % l->pairs;
		a = 1 + pair;
		b = 1 + (pair * 7919 + 13) % l->users;
		if (next_random() % 2) {
			uint64_t peer = a;
			a = b;
			b = peer;
		}
	}
	must(store_sqlite.conv(s, IM_CONV_USER, a, b, true, &conv), "conv", store_sqlite.errmsg(s));
	must(store_sqlite.head(s, conv, &head), "head", store_sqlite.errmsg(s));
	snprintf(id, sizeof(id), "c-%llu", (unsigned long long)l->gid);
	m = (struct store_msg){.gid = l->gid++,
		.conv = conv,
		.seq = head.seq + 1,
		.sender = a,
		.ts_ms = ts_ms,
		.enc = IM_ENC_TEXT,
		.id = im_str(id),
		.body = {l->body, sizeof(l->body)}};
	must(store_sqlite.append(s, &m), "append", store_sqlite.errmsg(s));
}

static void append(const char *folder, uint32_t messages, uint32_t batch, uint32_t users,
	uint32_t pairs, uint32_t pace_us)
{
	struct store *s = open_store(folder);
	struct load l = {.users = users, .pairs = pairs};
	uint32_t n = messages / batch;
	double *took = calloc(n, sizeof(*took));
	double start, wal_max = 0, last = 0, cpu;
	struct rusage u;
	int pages = 0, unused = 0;
	uint64_t head;
	memset(l.body, 'x', sizeof(l.body));
	must(store_sqlite.log_head(s, &head), "log_head", NULL);
	l.gid = head + 1;
	rng ^= head * 0x9e3779b97f4a7c15u;
	start = now_s();
	for (uint32_t i = 0; i < n; i++) {
		struct store_mark mark = {
			.epoch = 7, .recno = head + (i + 1) * (uint64_t)batch, .gid_first = l.gid};
		double t0, t1;
		if (pace_us)
			usleep(pace_us);
		t0 = now_s();
		must(store_sqlite.begin(s), "begin", store_sqlite.errmsg(s));
		for (uint32_t j = 0; j < batch; j++)
			one_message(s, &l, 1763650000000 + (int64_t)i);
		mark.gid_last = l.gid - 1;
		t1 = now_s();
		must(store_sqlite.commit(s, &mark), "commit", store_sqlite.errmsg(s));
		took[i] = now_s() - t0;
		l.in_append += t1 - t0;
		l.in_commit += now_s() - t1;
		if (size_mb(folder, "messages.db-wal") > wal_max)
			wal_max = size_mb(folder, "messages.db-wal");
		if (now_s() - start > last + 2) {
			last = now_s() - start;
			printf("  %6.1f s %9u messages %8.0f/s wal %6.1f MB\n", last,
				(i + 1) * batch, (i + 1) * (double)batch / last,
				size_mb(folder, "messages.db-wal"));
		}
	}
	start = now_s() - start;
	getrusage(RUSAGE_SELF, &u);
	cpu = cpu_s();
	printf("append: %.0f messages/s (%u, %u a transaction, %u users, %s); building %.2f s, "
	       "commit %.2f s, cpu %.2f s of %.2f s\n",
		n * (double)batch / start, n * batch, batch, users,
		pairs ? "repeated pairs" : "random pairs", l.in_append, l.in_commit, cpu, start);
	printf("  transaction ms p50 %.2f p99 %.2f p99.9 %.2f max %.2f; wal max %.0f MB; db %.0f "
	       "MB; "
	       "peak memory %.0f MB\n",
		percentile(took, n, 0.5) * 1e3, percentile(took, n, 0.99) * 1e3,
		percentile(took, n, 0.999) * 1e3, percentile(took, n, 1) * 1e3, wal_max,
		size_mb(folder, "messages.db"), (double)u.ru_maxrss / 1e3);
	sqlite3_db_status(s->q.db, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &unused, 0);
	printf("  pages written %.3f a message\n", pages / (n * (double)batch));
	free(took);
	last = now_s();
	store_sqlite.close(s);
	printf("  close %.2f s, then db %.0f MB\n", now_s() - last, size_mb(folder, "messages.db"));
}

static void rebuild(const char *folder)
{
	struct store *s = open_store(folder);
	struct store_reader *r = NULL;
	struct im_sipkey key = {{1}};
	struct dedup *d = dedup_new(DEDUP_ENTRIES, DEDUP_WINDOW_MS, &key);
	double t;
	must(store_sqlite.reader_open(s, &r), "reader", NULL);
	t = now_s();
	must(dedup_rebuild(d, 0, &store_sqlite, r, 1763650000000), "rebuild", NULL);
	t = now_s() - t;
	printf("dedup: %u entries in %.2f s (%.0f/s)\n", dedup_count(d), t, dedup_count(d) / t);
	dedup_free(&d);
	store_sqlite.reader_close(r);
	store_sqlite.close(s);
}

static int count_msg(void *arg, const struct store_msg *m)
{
	*(uint64_t *)arg += m->body.n;
	return 0;
}

static void history(const char *folder, uint32_t calls)
{
	struct store *s = open_store(folder);
	struct store_reader *r = NULL;
	uint64_t bytes = 0, head;
	double *took = calloc(calls, sizeof(*took));
	must(store_sqlite.reader_open(s, &r), "reader", NULL);
	must(store_sqlite.log_head(s, &head), "log_head", NULL);
	for (uint32_t i = 0; i < calls; i++) {
		double t = now_s();
		struct store_head h;
		uint64_t conv = 1 + next_random() % 1000;
		must(store_sqlite.view_begin(r), "view", NULL);
		must(store_sqlite.read_head(r, conv, &h), "head", NULL);
		must(store_sqlite.read_conv(
			     r, conv, h.seq > 50 ? h.seq - 49 : 1, h.seq, true, count_msg, &bytes),
			"read", NULL);
		store_sqlite.view_end(r);
		took[i] = now_s() - t;
	}
	printf("history: p50 %.0f us p99 %.0f us max %.0f us, %llu bytes\n",
		percentile(took, calls, 0.5) * 1e6, percentile(took, calls, 0.99) * 1e6,
		percentile(took, calls, 1) * 1e6, (unsigned long long)bytes);
	free(took);
	store_sqlite.reader_close(r);
	store_sqlite.close(s);
}

static void raw(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		must(IM_E_IO, sql, sqlite3_errmsg(db));
}

/* As the version before ordinals stored it: a hundred messages a conversation, all of them going on
 * at the same time; every tenth message a reaction. */
static void make_old(const char *folder, uint32_t messages)
{
	sqlite3 *db = NULL;
	char path[4096], sql[1024];
	uint32_t convs = messages / 100 + 1;
	snprintf(path, sizeof(path), "%s/messages.db", folder);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		must(IM_E_IO, path, sqlite3_errmsg(db));
	raw(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN");
	for (const struct migration *m = schema_migrations; m->database; m++)
		if (strcmp(m->database, "messages") == 0 && m->version <= 2)
			raw(db, m->sql);
	snprintf(sql, sizeof(sql),
		"PRAGMA user_version = 2;"
		"WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
		" INSERT INTO conv (kind, a, b) SELECT 0, 1 + i, 2000000 + i FROM n;"
		"WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
		" INSERT INTO message (gid, conv, seq, sender, ts, enc, type, client_id, body)"
		" SELECT i + 1, i %% %u + 1, i / %u + 1, i %% 7, i, 0,"
		" CASE WHEN i %% 10 = 0 THEN 'react' END, 'past-' || i,"
		" cast(printf('%%.128c', 'x') AS BLOB) FROM n;"
		"INSERT INTO conv_log (conv, seq, gid) SELECT conv, seq, gid FROM message"
		" ORDER BY conv, seq; COMMIT",
		convs - 1, messages - 1, convs, convs);
	raw(db, sql);
	sqlite3_close(db);
}

static void upgrade(const char *folder, uint32_t messages)
{
	const uint32_t piece = 512;
	double *took = calloc(messages, sizeof(*took));
	double t;
	uint64_t left = 1;
	size_t n = 0;
	struct store *s;
	make_old(folder, messages);
	t = now_s();
	s = open_store(folder);
	printf("upgrade: %u messages, db %.0f MB, open after %.3f s\n", messages,
		size_mb(folder, "messages.db"), now_s() - t);
	for (; left > 0 && n < messages; n++) {
		t = now_s();
		must(store_sqlite.number(s, piece, &left), "number", store_sqlite.errmsg(s));
		took[n] = now_s() - t;
	}
	t = 0;
	for (size_t i = 0; i < n; i++)
		t += took[i];
	printf("  ordinals: %zu pieces of %u in %.1f s; ms p50 %.2f p99 %.2f max %.2f\n", n, piece,
		t, percentile(took, n, 0.5) * 1e3, percentile(took, n, 0.99) * 1e3,
		percentile(took, n, 1) * 1e3);
	free(took);
	store_sqlite.close(s);
}

static int count_member(void *arg, const struct directory_member *m)
{
	*(uint32_t *)arg += m->uid.n > 0;
	return 0;
}

struct watch {
	double at, cpu;
};

static struct watch step(const char *what, struct watch since, uint32_t n)
{
	double t = now_s() - since.at;
	double cpu = cpu_s() - since.cpu;
	if (what)
		printf("  %-30s %9.1f ms %9.2f us each, cpu %8.2f us\n", what, t * 1e3, t * 1e6 / n,
			cpu * 1e6 / n);
	return (struct watch){now_s(), cpu_s()};
}

static void fill(struct directory *d, uint32_t users, uint32_t members)
{
	struct directory_group g = {
		.gid = IM_STR("team"), .member_limit = 1000000, .created_ms = 1};
	uint64_t id, group = 0;
	struct watch t = step(NULL, (struct watch){0}, 1);
	must(directory_begin(d), "begin", NULL);
	for (uint32_t i = 0; i < users; i++) {
		char uid[32];
		snprintf(uid, sizeof(uid), "user-%08llx",
			(unsigned long long)((i * 2654435761u) & 0xffffffff));
		must(directory_user_create(d, im_str(uid), 0, (struct im_str){0}, 1, &id), "user",
			directory_errmsg(d));
	}
	must(directory_commit(d), "commit", NULL);
	t = step("user_create (one transaction)", t, users);
	must(directory_begin(d), "begin", NULL);
	must(directory_group_create(d, &g, &group), "group", directory_errmsg(d));
	for (uint32_t i = 1; i <= members; i++) {
		struct directory_member m = {.group = group, .user = i};
		must(directory_member_add(d, &m), "member", directory_errmsg(d));
	}
	must(directory_commit(d), "commit", NULL);
	step("member_add (one transaction)", t, members);
}

static void directory(const char *folder, uint32_t users, uint32_t members)
{
	struct directory *d = NULL;
	struct directory_user u;
	struct directory_member mem;
	struct im_buf why;
	uint32_t n = 0;
	struct watch t;
	im_buf_init(&why, 0);
	must(directory_open(folder, &d, &why), "open", why.p);
	if (directory_user_count(d) == 0)
		fill(d, users, members);
	t = step(NULL, (struct watch){0}, 1);
	must(directory_member_list(d, 1, (struct im_str){"", 0}, 0, count_member, &n), "list",
		NULL);
	t = step("member_list, all", t, n ? n : 1);
	for (int i = 0; i < 1000; i++) {
		char uid[32];
		snprintf(
			uid, sizeof(uid), "user-%08llx", (unsigned long long)(next_random() >> 32));
		must(directory_member_list(d, 1, im_str(uid), 100, count_member, &n), "list", NULL);
	}
	t = step("member_list, page of 100", t, 1000);
	for (uint32_t i = 0; i < 100000; i++)
		must(directory_member_get(d, 1, 1 + next_random() % members, &mem), "get", NULL);
	t = step("member_get", t, 100000);
	for (uint32_t i = 0; i < 100000; i++)
		must(directory_user_by_id(d, 1 + next_random() % users, &u), "get", NULL);
	t = step("user_by_id", t, 100000);
	directory_user_count(d);
	t = step("user_count", t, 1);
	for (uint32_t i = 1; i <= 1000; i++) {
		must(directory_begin(d), "begin", NULL);
		must(directory_user_set_online(d, i, true, i), "online", NULL);
		must(directory_commit(d), "commit", NULL);
	}
	t = step("set_online, a transaction each", t, 1000);
	must(directory_begin(d), "begin", NULL);
	must(directory_group_dismiss(d, 1, 9), "dismiss", NULL);
	t = step("group_dismiss", t, 1);
	directory_rollback(d);
	directory_close(&d);
	im_buf_free(&why);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint32_t number[4] = {0};
	for (int i = 3; i < argc && i < 7; i++)
		number[i - 3] = (uint32_t)strtoul(argv[i], NULL, 10);
	sqldb_setup();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "append") == 0 && argc == 7)
		append(argv[2], number[0], number[1], number[2], number[3], 0);
	else if (strcmp(what, "single") == 0 && argc == 6)
		append(argv[2], number[0], 1, 1000000, number[2], number[1]);
	else if (strcmp(what, "dedup") == 0 && argc == 3)
		rebuild(argv[2]);
	else if (strcmp(what, "history") == 0 && argc == 4)
		history(argv[2], number[0]);
	else if (strcmp(what, "upgrade") == 0 && argc == 4)
		upgrade(argv[2], number[0]);
	else if (strcmp(what, "directory") == 0 && argc == 5)
		directory(argv[2], number[0], number[1]);
	else
		return fprintf(stderr, "see the opening comment of %s\n", __FILE__), 2;
	return 0;
}
