/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns libpq's connection, whose socket and times are the loop's. A failure is told in the next
 * turn, so that whoever is in the middle of a call hears of nothing before its end. Used by
 * pg_log.c.
 */
#include "bridge/cluster/pg_conn.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/cluster/pg_target.h"
#include "bridge/cluster/pg_value.h"
#include "bridge/cluster/pg_why.h"
#include "common/buf.h"

struct pg_conn {
	struct pg_conn_parts p;
	PGconn *pg; /* NULL: not open */
	struct loop_io *io;
	struct loop_timer *timer; /* the end of an attempt, or what is to be told */
	unsigned attempts;
	bool up, pipeline;
	uint64_t life; /* raised whenever it is closed: what was called may have done that */
	/* What is asked. */
	pg_answer_fn fn; /* NULL: nothing */
	void *fn_arg;
	PGresult *results[PG_CALLS_MAX];
	size_t n_results;
	bool doubtful; /* a commit has not waited for the standby */
	bool warned;   /* the server has said why it ends the connection: it stands in why */
	/* What is to be told. */
	bool failed, fatal;
	struct im_buf why;
};

static void drop_results(struct pg_conn *c)
{
	for (size_t i = 0; i < c->n_results; i++)
		PQclear(c->results[i]);
	c->n_results = 0;
}

void pg_conn_close(struct pg_conn *c)
{
	loop_unwatch(&c->io);
	loop_timer_stop(c->timer);
	drop_results(c);
	PQfinish(c->pg);
	c->pg = NULL;
	c->up = c->pipeline = c->failed = false;
	c->fn = NULL;
	c->life++;
}

/* why is complete. */
static void fail(struct pg_conn *c, bool fatal)
{
	pg_conn_close(c);
	c->attempts++;
	c->failed = true;
	c->fatal = fatal;
	loop_timer_set(c->timer, 0);
}

void pg_conn_fail(struct pg_conn *c, bool fatal, const char *why)
{
	im_buf_reset(&c->why);
	im_buf_z(&c->why, why);
	fail(c, fatal);
}

/* What libpq says of its connection. */
static void fail_by_itself(struct pg_conn *c)
{
	const char *message = PQerrorMessage(c->pg);
	char state[6];

	if (c->warned) {
		fail(c, false);
		return;
	}
	im_buf_reset(&c->why);
	fail(c, pg_why(!c->up && pg_why_state(message, state) ? state : NULL, message, &c->why));
}

static void fail_by_result(struct pg_conn *c, const PGresult *r)
{
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	im_buf_reset(&c->why);
	fail(c, pg_why(PQresultErrorField(r, PG_DIAG_SQLSTATE),
			message ? message : PQresultErrorMessage(r), &c->why));
}

/* An administrator who cancels a commit that waits for the standby makes it visible without: it may
 * be lost yet. The name of the file that says so is the same in every language. */
static void on_notice(void *arg, const PGresult *r)
{
	struct pg_conn *c = arg;
	const char *file = PQresultErrorField(r, PG_DIAG_SOURCE_FILE);
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (file && strcmp(file, "syncrep.c") == 0)
		c->doubtful = true;
	if (severity && strcmp(severity, "FATAL") == 0) {
		im_buf_reset(&c->why);
		(void)pg_why(PQresultErrorField(r, PG_DIAG_SQLSTATE),
			PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY), &c->why);
		c->warned = true;
	}
}

/* -- results -- */

static void answer(struct pg_conn *c)
{
	PGresult *results[PG_CALLS_MAX];
	size_t n = c->n_results;
	pg_answer_fn fn = c->fn;

	if (c->doubtful) {
		pg_conn_fail(c, false,
			"a commit did not wait for the standby, because somebody on the server has "
			"cancelled it: whether it lasts is not known");
		return;
	}
	memcpy(results, c->results, sizeof(results));
	c->n_results = 0;
	c->fn = NULL;
	fn(c->fn_arg, results, n);
	for (size_t i = 0; i < n; i++)
		PQclear(results[i]);
}

static bool succeeded(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
}

/* False: no more of them for now. *ended: the statement before has no more. */
static bool take_result(struct pg_conn *c, bool *ended)
{
	PGresult *r = PQgetResult(c->pg);

	if (!r) {
		if (!c->pipeline)
			answer(c);
		else if (*ended)
			pg_conn_fail(c, false, "the server's answer is not complete");
		return *ended = c->pipeline && !*ended;
	}
	*ended = false;
	if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
		PQclear(r);
		answer(c);
		return false;
	}
	if (!succeeded(r)) {
		fail_by_result(c, r);
		PQclear(r);
		return false;
	}
	/* Of a text with several statements the last one's. */
	if (!c->pipeline)
		drop_results(c);
	c->results[c->n_results++] = r;
	return true;
}

static void take_results(struct pg_conn *c)
{
	uint64_t life = c->life;
	bool ended = false;

	while (c->life == life && c->fn && !PQisBusy(c->pg) && take_result(c, &ended))
		;
}

static void take_notifications(struct pg_conn *c)
{
	PGnotify *n;
	bool rung = false;

	while ((n = PQnotifies(c->pg))) {
		rung |= n->be_pid != PQbackendPID(c->pg);
		PQfreemem(n);
	}
	if (rung)
		c->p.rung(c->p.arg);
}

/* What the socket has not taken goes when it does. What it will not take any more shows when it is
 * read from. */
static void flush(struct pg_conn *c)
{
	if (PQflush(c->pg) > 0)
		loop_add(c->io, LOOP_WRITE);
	else
		loop_del(c->io, LOOP_WRITE);
}

static void work(struct pg_conn *c, unsigned ready)
{
	uint64_t life = c->life;

	bool lost = ready == LOOP_READ && !PQconsumeInput(c->pg);

	if (!lost)
		flush(c);
	/* Before it was lost the server may have said why. */
	if (c->life == life)
		take_results(c);
	if (c->life == life)
		take_notifications(c);
	if (c->life == life && (lost || PQstatus(c->pg) == CONNECTION_BAD))
		fail_by_itself(c);
}

/* -- connecting -- */

static void on_socket(void *arg, unsigned ready);

/* libpq may have closed the socket and taken another one of the same number. */
static void watch(struct pg_conn *c, unsigned what)
{
	loop_unwatch(&c->io);
	if (loop_watch(c->p.loop, PQsocket(c->pg), on_socket, c, &c->io))
		pg_conn_fail(c, false, strerror(errno));
	else
		loop_add(c->io, what);
}

static void connected(struct pg_conn *c)
{
	watch(c, LOOP_READ);
	if (!c->pg)
		return;
	loop_timer_stop(c->timer);
	PQsetErrorVerbosity(c->pg, PQERRORS_DEFAULT);
	PQsetNoticeReceiver(c->pg, on_notice, c);
	if (PQsetnonblocking(c->pg, 1)) {
		fail_by_itself(c);
		return;
	}
	c->up = true;
	c->p.up(c->p.arg);
}

static void go_on(struct pg_conn *c)
{
	switch (PQconnectPoll(c->pg)) {
	case PGRES_POLLING_OK:
		connected(c);
		break;
	case PGRES_POLLING_READING:
		watch(c, LOOP_READ);
		break;
	case PGRES_POLLING_WRITING:
		watch(c, LOOP_WRITE);
		break;
	default:
		fail_by_itself(c);
	}
}

static void on_socket(void *arg, unsigned ready)
{
	struct pg_conn *c = arg;

	if (c->up)
		work(c, ready);
	else
		go_on(c);
}

static void on_time(void *arg)
{
	struct pg_conn *c = arg;
	struct im_buf why;

	if (!c->failed) {
		pg_conn_fail(c, false, "the server has not answered in time");
		return;
	}
	c->failed = false;
	/* Whoever hears of it may open it again. */
	why = c->why;
	im_buf_init(&c->why, 0);
	im_buf_c(&why, '\0');
	c->p.down(c->p.arg, c->fatal, why.failed ? "out of memory" : why.p);
	im_buf_free(&why);
}

void pg_conn_open(struct pg_conn *c)
{
	int64_t limit_ms;
	int rc;

	im_buf_reset(&c->why);
	c->doubtful = c->warned = false;
	rc = pg_target_begin(
		c->p.conninfo, c->p.password_file, c->attempts, &c->pg, &limit_ms, &c->why);
	if (rc) {
		if (rc == IM_E_NOMEM)
			im_buf_z(&c->why, "out of memory");
		fail(c, rc == IM_E_FORMAT);
		return;
	}
	/* For the SQLSTATE, which libpq tells in no other way here. */
	PQsetErrorVerbosity(c->pg, PQERRORS_VERBOSE);
	if (PQstatus(c->pg) == CONNECTION_BAD) {
		fail_by_itself(c);
		return;
	}
	loop_timer_set(c->timer, limit_ms);
	watch(c, LOOP_WRITE);
}

/* -- asking -- */

bool pg_conn_idle(const struct pg_conn *c)
{
	return c->up && !c->fn;
}

int pg_conn_server_version(const struct pg_conn *c)
{
	return PQserverVersion(c->pg);
}

const char *pg_conn_user(const struct pg_conn *c)
{
	return PQuser(c->pg);
}

const char *pg_conn_database(const struct pg_conn *c)
{
	return PQdb(c->pg);
}

static void asked(struct pg_conn *c, bool sent, pg_answer_fn fn, void *arg)
{
	if (!sent) {
		fail_by_itself(c);
		return;
	}
	c->fn = fn;
	c->fn_arg = arg;
	flush(c);
}

void pg_conn_query(struct pg_conn *c, const char *sql, pg_answer_fn fn, void *arg)
{
	asked(c, PQsendQuery(c->pg, sql), fn, arg);
}

static bool send(PGconn *pg, const struct pg_call *call)
{
	const struct pg_params *p = call->params;
	int n = p ? (int)p->n : 0;
	const char *const *values = p ? p->value : NULL;
	const int *lengths = p ? p->length : NULL, *formats = p ? p->format : NULL;

	if (call->name && call->text)
		return PQsendPrepare(pg, call->name, call->text, 0, NULL);
	if (call->name)
		return PQsendQueryPrepared(pg, call->name, n, values, lengths, formats, 1);
	return PQsendQueryParams(pg, call->text, n, NULL, values, lengths, formats, 1);
}

void pg_conn_calls(
	struct pg_conn *c, const struct pg_call *calls, size_t n, pg_answer_fn fn, void *arg)
{
	bool sent = c->pipeline || PQenterPipelineMode(c->pg);

	c->pipeline = sent;
	for (size_t i = 0; i < n && sent; i++)
		sent = send(c->pg, &calls[i]);
	asked(c, sent && PQpipelineSync(c->pg), fn, arg);
}

/* -- its life -- */

int pg_conn_new(const struct pg_conn_parts *p, struct pg_conn **out)
{
	struct pg_conn *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (!c)
		return IM_E_NOMEM;
	c->p = *p;
	im_buf_init(&c->why, 0);
	c->timer = loop_timer_new(p->loop, on_time, c);
	c->p.conninfo = strdup(p->conninfo);
	c->p.password_file = p->password_file ? strdup(p->password_file) : NULL;
	if (!c->timer || !c->p.conninfo || !c->p.password_file != !p->password_file) {
		pg_conn_free(&c);
		return IM_E_NOMEM;
	}
	*out = c;
	return IM_OK;
}

void pg_conn_free(struct pg_conn **c)
{
	if (!*c)
		return;
	if ((*c)->timer)
		pg_conn_close(*c);
	loop_timer_free(&(*c)->timer);
	im_buf_free(&(*c)->why);
	free((char *)(*c)->p.conninfo);
	free((char *)(*c)->p.password_file);
	free(*c);
	*c = NULL;
}
