/* SPDX-License-Identifier: BSD-3-Clause */
/* One step after the other, each begun by the answer to the one before. Called by pg_log.c. */
#include "bridge/cluster/pg_session.h"

#include "bridge/cluster/pg_server.h"
#include "schema/migrations.h"

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

/* Has transaction_timeout. */
#define VERSION_17 170000

static void say_doubts(struct pg_session *s, const struct pg_server *server)
{
	const char *doubt;

	for (unsigned i = 0; (doubt = pg_server_doubt(server, i)); i++) {
		unsigned d = 0;

		while (d < PG_DOUBTS_MAX && s->said[d] && s->said[d] != doubt)
			d++;
		if (d == PG_DOUBTS_MAX || s->said[d])
			continue;
		s->said[d] = doubt;
		log_line(s->log, LOG_LEVEL_WARNING, "cluster_server", "database=%s what=\"%s\"",
			pg_conn_database(s->conn), doubt);
	}
}

static bool yes(const char *value)
{
	return value[0] == 't' || (value[0] == 'o' && value[1] == 'n');
}

static void migrate(struct pg_session *s)
{
	pg_migrate_begin(&s->migrate);
}

static void on_set_17(void *arg, PGresult **results, size_t n)
{
	(void)results;
	(void)n;
	migrate(arg);
}

static void on_set(void *arg, PGresult **results, size_t n)
{
	struct pg_session *s = arg;

	(void)results;
	(void)n;
	if (pg_conn_server_version(s->conn) >= VERSION_17)
		pg_conn_query(s->conn, sql[SQL_SETTINGS_17], on_set_17, s);
	else
		migrate(s);
}

static void on_facts(void *arg, PGresult **results, size_t n)
{
	struct pg_session *s = arg;
	const PGresult *r = results[0];
	const struct pg_server server = {
		.version = pg_conn_server_version(s->conn),
		.standby = yes(PQgetvalue(r, 0, 0)),
		.read_only = yes(PQgetvalue(r, 0, 1)),
		.standby_names = PQgetvalue(r, 0, 2),
		.fsync = PQgetvalue(r, 0, 3),
		.full_page_writes = PQgetvalue(r, 0, 4),
		.synchronous_commit = PQgetvalue(r, 0, 5),
	};
	enum pg_verdict verdict;
	struct im_buf why;

	(void)n;
	im_buf_init(&why, 0);
	verdict = pg_server_check(&server, &why);
	im_buf_c(&why, '\0');
	if (verdict == PG_SERVER_FIT) {
		say_doubts(s, &server);
		pg_conn_query(s->conn, sql[SQL_SETTINGS], on_set, s);
	} else {
		pg_conn_fail(
			s->conn, verdict == PG_SERVER_UNFIT, why.failed ? "out of memory" : why.p);
	}
	im_buf_free(&why);
}

void pg_session_begin(struct pg_session *s)
{
	s->migrate.conn = s->conn;
	s->migrate.list = schema_postgres;
	s->migrate.arg = s->arg;
	s->migrate.done = s->ready;
	pg_conn_query(s->conn, sql[SQL_FACTS], on_facts, s);
}

void pg_session_free(struct pg_session *s)
{
	pg_migrate_free(&s->migrate);
}
