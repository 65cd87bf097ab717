/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection to PostgreSQL in the event loop: connects, sends statements, gives their results
 * to whoever asked, says once when it is lost. The only user of libpq's connection; it never
 * blocks, but for the look-up of a host's name, which libpq does by itself (an address needs none).
 *
 * Whatever goes wrong, a statement that fails included, ends the connection: then nothing of what
 * was begun on it can be half done here and whole there.
 */
#ifndef IM_BRIDGE_PG_CONN_H
#define IM_BRIDGE_PG_CONN_H

#include <postgresql/libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/loop.h"
#include "common/err.h"

struct pg_conn;
struct pg_params;

/* None of these is called from within a call of pg_conn_*; each may call them, but pg_conn_free. */
struct pg_conn_parts {
	struct loop *loop;
	/* What libpq takes, key=value or a URI, without a password: it would stand in the list of
	 * processes and in configurations. */
	const char *conninfo;
	const char *password_file; /* holds nothing else; read before each attempt. NULL: none */
	void *arg;
	void (*up)(void *arg);
	/* It is closed already. why: a sentence. fatal: see pg_why.h. */
	void (*down)(void *arg, bool fatal, const char *why);
	/* Somebody else's NOTIFY. */
	void (*rung)(void *arg);
};

/* All of them have succeeded; what the callee keeps it sets to NULL. */
typedef void (*pg_answer_fn)(void *arg, PGresult **results, size_t n);

/* How many calls go together at most. */
#define PG_CALLS_MAX 24

struct pg_call {
	const char *name;               /* of a prepared statement; or NULL, and text */
	const char *text;               /* with a name: to be prepared under it */
	const struct pg_params *params; /* NULL: none */
};

/* Copies the strings. Does not connect. */
int pg_conn_new(const struct pg_conn_parts *p, struct pg_conn **out) IM_MUST_CHECK;
/* *c may be NULL. */
void pg_conn_free(struct pg_conn **c);

/* Answered by `up` or `down`; not while it is open. */
void pg_conn_open(struct pg_conn *c);
/* Whatever was asked is not answered, and no `down` follows. */
void pg_conn_close(struct pg_conn *c);
/* The caller has found out that it cannot go on: as if it were lost, `down` follows. */
void pg_conn_fail(struct pg_conn *c, bool fatal, const char *why);

/* Up, and nothing is asked that was not answered yet. */
bool pg_conn_idle(const struct pg_conn *c);
int pg_conn_server_version(const struct pg_conn *c); /* 150004: 15.4 */
const char *pg_conn_user(const struct pg_conn *c);
const char *pg_conn_database(const struct pg_conn *c);

/* Sends text that may hold several statements; the answer is the last one's result. While idle,
 * and only before the first pg_conn_calls of a connection. */
void pg_conn_query(struct pg_conn *c, const char *sql, pg_answer_fn fn, void *arg);
/* Sends all at once and answers when the last one is there, with as many results, whose columns are
 * binary. Unless they begin a transaction they are one. What they hold may go when this returns.
 * While idle. */
void pg_conn_calls(
	struct pg_conn *c, const struct pg_call *calls, size_t n, pg_answer_fn fn, void *arg);

#endif
