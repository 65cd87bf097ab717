/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts the programs of Debian's package `postgresql` and knows them by their process ids. */
#include "tests/cluster/postgres.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <postgresql/libpq-fe.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/folder.h"
#include "tests/unit/unit.h"

#define DEADLINE_S 60
/* Names the socket; nobody listens on a port. */
#define PORT 5432
#define FILES 8

struct postgres {
	char folder[64];
	char data[96], log[96];
	char *files[FILES];
	size_t n_files;
	int port;
	bool owns_folder;
	pid_t pid;
};

static const struct passwd *owner(void)
{
	return geteuid() ? NULL : getpwnam("postgres");
}

/* The newest that is installed. */
static const char *program(const char *name)
{
	static char path[PATH_MAX];
	glob_t found;

	snprintf(path, sizeof(path), "/usr/lib/postgresql/*/bin/%s", name);
	if (glob(path, 0, NULL, &found))
		fail_msg("%s is not there: install Debian's package postgresql", path);
	snprintf(path, sizeof(path), "%s", found.gl_pathv[found.gl_pathc - 1]);
	globfree(&found);
	return path;
}

static void become_owner(void)
{
	const struct passwd *p = owner();

	if (p && (setgroups(0, NULL) || setgid(p->pw_gid) || setuid(p->pw_uid)))
		_exit(126);
	/* Whoever dies in the middle leaves no server behind. */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
}

static pid_t run(const struct postgres *pg, const char *argv[])
{
	const char *path = program(argv[0]);
	pid_t pid = fork();
	int fd;

	assert_true(pid >= 0);
	if (pid)
		return pid;
	become_owner();
	fd = open(pg->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || chdir(pg->folder))
		_exit(126);
	/* initdb looks for the programs beside it by how it was called. */
	argv[0] = path;
	execv(path, (char *const *)argv);
	_exit(127);
}

static void show_log(const struct postgres *pg)
{
	FILE *f = fopen(pg->log, "r");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		print_error("%s", line);
	if (f)
		fclose(f);
}

static void run_to_end(const struct postgres *pg, const char *argv[])
{
	int status;
	pid_t pid = run(pg, argv);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status) {
		show_log(pg);
		fail_msg("%s ended with status %d", argv[0], status);
	}
}

static void wait_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static const char *conninfo(const struct postgres *pg, const char *database)
{
	static char text[256];

	snprintf(text, sizeof(text), "host=%s port=%d user=postgres dbname=%s", pg->folder,
		pg->port, database);
	return text;
}

/* False: it has ended by itself. */
static bool comes_up(struct postgres *pg)
{
	int64_t until = now_s() + DEADLINE_S;

	while (PQping(conninfo(pg, "postgres")) != PQPING_OK) {
		if (waitpid(pg->pid, NULL, WNOHANG) == pg->pid) {
			pg->pid = 0;
			return false;
		}
		if (now_s() > until) {
			show_log(pg);
			fail_msg("the server does not come up");
		}
		wait_a_little();
	}
	return true;
}

void postgres_start(struct postgres *pg)
{
	char port[16];
	int64_t until = now_s() + DEADLINE_S;
	const char *argv[] = {"postgres", "-D", pg->data, "-k", pg->folder, "-p", port, NULL};

	snprintf(port, sizeof(port), "%d", pg->port);
	do {
		/* After SIGKILL the backends of the one before may still be there. */
		pg->pid = run(pg, argv);
		if (comes_up(pg))
			return;
		wait_a_little();
	} while (now_s() < until);
	show_log(pg);
	fail_msg("the server does not start");
}

void postgres_stop(struct postgres *pg, int how)
{
	if (!pg->pid)
		return;
	assert_int_equal(kill(pg->pid, how), 0);
	assert_int_equal(waitpid(pg->pid, NULL, 0), pg->pid);
	pg->pid = 0;
}

static void write_file(const char *path, const char *text, const char *how)
{
	const struct passwd *p = owner();
	FILE *f = fopen(path, how);

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	if (p)
		assert_int_equal(chown(path, p->pw_uid, p->pw_gid), 0);
}

static void configure(const struct postgres *pg)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/postgresql.conf", pg->data);
	write_file(path,
		"listen_addresses = ''\n"
		"shared_buffers = 16MB\n"
		"max_connections = 30\n"
		"max_wal_size = 64MB\n"
		"fsync = on\n"
		"log_min_messages = warning\n",
		"a");
	snprintf(path, sizeof(path), "%s/pg_hba.conf", pg->data);
	write_file(path,
		"local all postgres trust\n"
		"local replication postgres trust\n"
		"local all all scram-sha-256\n",
		"w");
}

static struct postgres *make(const char *folder, const char *name, int port)
{
	struct postgres *pg = calloc(1, sizeof(*pg));

	assert_non_null(pg);
	snprintf(pg->folder, sizeof(pg->folder), "%s", folder);
	snprintf(pg->data, sizeof(pg->data), "%s/%s", folder, name);
	snprintf(pg->log, sizeof(pg->log), "%s/%s.log", folder, name);
	pg->port = port;
	return pg;
}

/* A server takes about 100 MB, and some run at a time. */
#define ROOM (UINT64_C(2) << 30)

static bool has_room(const char *folder)
{
	struct statvfs v;

	return !access(folder, W_OK) && !statvfs(folder, &v) &&
	       (uint64_t)v.f_bavail * v.f_frsize >= ROOM;
}

/* In memory, where there is so much of it, unless TMPDIR says otherwise: a server writes hundreds
 * of files. A socket's path has 107 bytes at most, and user postgres must get there. */
static void make_folder(char folder[64])
{
	const struct passwd *p = owner();
	const char *base = getenv("TMPDIR");

	if (!base || strlen(base) > 40 || p)
		base = has_room("/dev/shm") ? "/dev/shm" : "/tmp";
	snprintf(folder, 64, "%s/im-pg-XXXXXX", base);
	assert_non_null(mkdtemp(folder));
	if (p)
		assert_int_equal(chown(folder, p->pw_uid, p->pw_gid), 0);
}

struct postgres *postgres_new(void)
{
	char folder[64];
	struct postgres *pg;

	make_folder(folder);
	pg = make(folder, "data", PORT);
	pg->owns_folder = true;
	run_to_end(pg,
		(const char *[]){"initdb", "-D", pg->data, "-U", "postgres", "--auth=trust",
			"--no-sync", "--locale=C.UTF-8", "-E", "UTF8", "--no-instructions", NULL});
	configure(pg);
	postgres_start(pg);
	postgres_execute(pg, "postgres", "CREATE ROLE im LOGIN PASSWORD '" POSTGRES_PASSWORD "'");
	(void)postgres_file(pg, "password", POSTGRES_PASSWORD "\n");
	return pg;
}

struct postgres *postgres_standby_new(struct postgres *primary)
{
	struct postgres *pg = make(primary->folder, "standby", primary->port + 1);

	run_to_end(primary,
		(const char *[]){"pg_basebackup", "-D", pg->data, "-d",
			conninfo(primary, "postgres"), "-R", "-c", "fast", "--no-sync", NULL});
	postgres_start(pg);
	return pg;
}

void postgres_free(struct postgres **pg)
{
	if (!*pg)
		return;
	postgres_stop(*pg, SIGQUIT);
	if ((*pg)->owns_folder)
		(void)folder_remove((*pg)->folder);
	for (size_t i = 0; i < (*pg)->n_files; i++)
		free((*pg)->files[i]);
	free(*pg);
	*pg = NULL;
}

const char *postgres_host(const struct postgres *pg)
{
	return pg->folder;
}

int postgres_port(const struct postgres *pg)
{
	return pg->port;
}

const char *postgres_file(struct postgres *pg, const char *name, const char *text)
{
	char *path = NULL;

	assert_true(pg->n_files < FILES);
	assert_true(asprintf(&path, "%s/%s", pg->folder, name) > 0);
	pg->files[pg->n_files++] = path;
	write_file(path, text, "w");
	assert_int_equal(chmod(path, 0600), 0);
	return path;
}

struct postgres_hand {
	PGconn *pg;
};

static void no_notice(void *arg, const PGresult *r)
{
	(void)arg;
	(void)r;
}

struct postgres_hand *postgres_hold(
	const struct postgres *pg, const char *database, const char *sql)
{
	struct postgres_hand *h = calloc(1, sizeof(*h));
	PGresult *r;

	assert_non_null(h);
	h->pg = PQconnectdb(conninfo(pg, database));
	PQsetNoticeReceiver(h->pg, no_notice, NULL);
	r = PQexec(h->pg, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(h->pg));
	PQclear(r);
	return h;
}

void postgres_release(struct postgres_hand **h, const char *sql)
{
	PQclear(PQexec((*h)->pg, sql));
	PQfinish((*h)->pg);
	free(*h);
	*h = NULL;
}

const char *postgres_text(const struct postgres *pg, const char *database, const char *sql)
{
	static char text[4096];
	PGconn *c = PQconnectdb(conninfo(pg, database));
	PGresult *r;

	PQsetNoticeReceiver(c, no_notice, NULL);
	r = PQexec(c, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(c));
	snprintf(text, sizeof(text), "%s", PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	PQfinish(c);
	return text;
}

void postgres_execute(const struct postgres *pg, const char *database, const char *sql)
{
	(void)postgres_text(pg, database, sql);
}

int64_t postgres_number(const struct postgres *pg, const char *database, const char *sql)
{
	return strtoll(postgres_text(pg, database, sql), NULL, 10);
}

void postgres_await(const struct postgres *pg, const char *database, const char *sql)
{
	int64_t until = now_s() + DEADLINE_S;

	while (strcmp(postgres_text(pg, database, sql), "t") != 0) {
		if (now_s() > until)
			fail_msg("never: %s", sql);
		wait_a_little();
	}
}
