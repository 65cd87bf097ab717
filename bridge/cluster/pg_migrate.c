/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks without a lock whether there is anything to do. Called by pg_session.c. */
#include "bridge/cluster/pg_migrate.h"

#include <stdlib.h>

enum {
#define X(name, sql) SQL_##name,
#include "schema/postgres/session.def"
#undef X
	SQL_TEXTS
};

static const char *const sql[SQL_TEXTS] = {
#define X(name, sql) [SQL_##name] = sql,
#include "schema/postgres/session.def"
#undef X
};

static const char *step(const struct pg_migrate *m, int version)
{
	for (const struct migration *s = m->list; s->database; s++)
		if (s->version == version)
			return s->sql;
	return NULL;
}

/* False: the connection is over. */
static bool take_version(struct pg_migrate *m, const PGresult *r)
{
	int known = migrate_version(m->list, "postgres");
	char why[256];

	m->found = PQntuples(r) == 1 ? (int)strtol(PQgetvalue(r, 0, 0), NULL, 10) : -1;
	if (m->found >= 0 && m->found <= known)
		return true;
	if (m->found < 0)
		snprintf(why, sizeof(why),
			"im.version is empty: the schema im is not the one that this program has "
			"made; restore it from a backup, or move it out of the way");
	else
		snprintf(why, sizeof(why),
			"the schema im has version %d, this program knows up to version %d; "
			"install the newer program again, or restore a backup made before the "
			"upgrade",
			m->found, known);
	pg_conn_fail(m->conn, true, why);
	return false;
}

static void on_stepped(void *arg, PGresult **results, size_t n);
static void on_left(void *arg, PGresult **results, size_t n);

/* The version's row is locked. */
static void on_locked(void *arg, PGresult **results, size_t n)
{
	struct pg_migrate *m = arg;
	const char *next;

	(void)n;
	if (!take_version(m, results[0]))
		return;
	next = step(m, m->found + 1);
	if (!next) {
		pg_conn_query(m->conn, sql[SQL_LEAVE], on_left, m);
		return;
	}
	im_buf_reset(&m->text);
	im_buf_z(&m->text, next);
	im_buf_z(&m->text, sql[SQL_VERSION_SET]);
	im_buf_c(&m->text, '\0');
	if (m->text.failed)
		pg_conn_fail(m->conn, false, "out of memory");
	else
		pg_conn_query(m->conn, m->text.p, on_stepped, m);
}

static void lock(struct pg_migrate *m)
{
	pg_conn_query(m->conn, sql[SQL_VERSION_LOCK], on_locked, m);
}

static void on_stepped(void *arg, PGresult **results, size_t n)
{
	(void)results;
	(void)n;
	lock(arg);
}

static void on_left(void *arg, PGresult **results, size_t n)
{
	struct pg_migrate *m = arg;

	(void)results;
	(void)n;
	m->done(m->arg);
}

static void on_version(void *arg, PGresult **results, size_t n)
{
	struct pg_migrate *m = arg;

	(void)n;
	if (!take_version(m, results[0]))
		return;
	if (step(m, m->found + 1))
		lock(m);
	else
		m->done(m->arg);
}

static void on_there(void *arg, PGresult **results, size_t n)
{
	struct pg_migrate *m = arg;

	(void)n;
	if (PQgetvalue(results[0], 0, 0)[0] == 't')
		pg_conn_query(m->conn, sql[SQL_VERSION], on_version, m);
	else
		pg_conn_query(m->conn, step(m, 0), on_stepped, m);
}

void pg_migrate_begin(struct pg_migrate *m)
{
	pg_conn_query(m->conn, sql[SQL_IS_THERE], on_there, m);
}

void pg_migrate_free(struct pg_migrate *m)
{
	im_buf_free(&m->text);
}
