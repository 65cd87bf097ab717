/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns what is asked of the connection, and in which order. A call of the seam is one round trip to
 * the server, or two where there are entries to be read; what it needs of statements goes together.
 */
#include "bridge/cluster/pg_log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bridge/cluster/pg_append.h"
#include "bridge/cluster/pg_conn.h"
#include "bridge/cluster/pg_read.h"
#include "bridge/cluster/pg_session.h"
#include "bridge/cluster/pg_value.h"

enum {
#define X(name, sql) LOG_##name,
#include "schema/postgres/log.def"
#undef X
	LOG_STATEMENTS
};

static const struct pg_call prepare[LOG_STATEMENTS] = {
#define X(id, sql) [LOG_##id] = {.name = #id, .text = sql},
#include "schema/postgres/log.def"
#undef X
};
_Static_assert(LOG_STATEMENTS <= PG_CALLS_MAX, "they are prepared together");

/* Entries of one result, so that what is held at once has a bound: so many times a batch. */
#define CHUNK 64
#define PROCESS_BYTES 16

enum request { NO_REQUEST, APPEND, READ, LOCK };

struct pg_log {
	struct pg_log_parts p;
	struct pg_conn *conn;
	struct pg_session session;
	unsigned char
		process[PROCESS_BYTES]; /* random: by which it knows an incarnation as its own */
	uint64_t asked_incarnation, incarnation;
	bool connected;
	uint64_t life; /* raised by disconnect: an event may have done that */
	/* The tail is locked, in a transaction that is open. */
	bool locked;
	/* What is asked and not answered. */
	enum request request;
	struct cluster_place place; /* append: behind which; else where the reader is by now */
	const struct cluster_entry *e;
	uint32_t left; /* of what may be read */
	/* Of what is being read. */
	PGresult *entries;
	struct cluster_place end;
	struct pg_params params[2];
};

static struct pg_call call(int statement, const struct pg_params *params)
{
	return (struct pg_call){.name = prepare[statement].name, .params = params};
}

static void forget(struct pg_log *l)
{
	PQclear(l->entries);
	l->entries = NULL;
	l->request = NO_REQUEST;
	l->connected = l->locked = false;
	l->life++;
}

static bool complete(struct pg_log *l, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!pg_params_complete(&l->params[i])) {
			pg_conn_fail(l->conn, false, "out of memory");
			return false;
		}
	}
	return true;
}

/* -- connecting -- */

/* Of the transaction of each connect. Nothing of it is believed before its COMMIT has returned, and
 * that comes back together with the rest. */
enum {
	C_BEGIN,
	C_LISTEN,
	C_TAIL,
	C_ENTER,
	C_NODE_ADD,
	C_NODE_NAMED,
	C_NODE_RAISE,
	C_MARKS,
	C_END,
	C_COMMIT,
	C_CALLS
};

/* The node was not raised: it is somebody else's, or a later start of it is there. */
static void refuse(struct pg_log *l, const PGresult *named)
{
	struct im_str name = {0};
	struct im_buf why;
	int rows = PQntuples(named);

	im_buf_init(&why, 0);
	for (int i = 0; i < rows; i++)
		if (pg_get_int(named, i, 0) == l->p.node)
			name = pg_get_bytes(named, i, 1);
	if (rows == 1 && im_str_eqz(name, l->p.name))
		im_buf_printf(&why,
			"node %u (%s) was started again: this process has no part in the cluster "
			"any more, and is to end",
			l->p.node, l->p.name);
	else if (name.n && !im_str_eqz(name, l->p.name))
		im_buf_printf(&why,
			"node %u of this cluster is called %.*s, not %s: give this node a number "
			"of its own, or its name back",
			l->p.node, IM_ARGS(name), l->p.name);
	else
		im_buf_printf(&why,
			"another node of this cluster is called %s already: give this node a name "
			"of its own, or its number back",
			l->p.name);
	im_buf_c(&why, '\0');
	pg_conn_fail(l->conn, true, why.failed ? "out of memory" : why.p);
	im_buf_free(&why);
}

static void on_connected(void *arg, PGresult **results, size_t n)
{
	struct pg_log *l = arg;
	const struct cluster_events *ev = &l->p.events;
	const PGresult *raised = results[C_NODE_RAISE], *marks = results[C_MARKS];
	uint64_t life = l->life;

	(void)n;
	if (PQntuples(raised) != 1) {
		refuse(l, results[C_NODE_NAMED]);
		return;
	}
	l->incarnation = pg_get_int(raised, 0, 0);
	l->connected = true;
	pg_read_end(results[C_END], &l->end);
	for (int i = 0; i < PQntuples(marks) && l->life == life; i++)
		ev->mark(ev->arg, pg_get_int(marks, i, 0), pg_get_int(marks, i, 1),
			pg_get_int(marks, i, 2));
	if (l->life == life)
		ev->connected(ev->arg, &l->end);
}

static void on_prepared(void *arg, PGresult **results, size_t n)
{
	struct pg_log *l = arg;
	struct pg_params *named = &l->params[0], *node = &l->params[1];
	struct pg_params raise;
	struct pg_call calls[C_CALLS];

	(void)results;
	(void)n;
	pg_params_init(&raise);
	pg_params_reset(named);
	pg_put_int2(named, (int)l->p.node);
	pg_put_bytes(named, im_str(l->p.name));
	pg_params_reset(node);
	pg_put_int2(node, (int)l->p.node);
	pg_put_int2(&raise, (int)l->p.node);
	pg_put_bytes(&raise, im_str(l->p.name));
	pg_put_int8(&raise, l->asked_incarnation);
	pg_put_bytes(&raise, (struct im_str){(const char *)l->process, PROCESS_BYTES});
	calls[C_BEGIN] = call(LOG_BEGIN, NULL);
	calls[C_LISTEN] = call(LOG_LISTEN, NULL);
	calls[C_TAIL] = call(LOG_TAIL, NULL);
	calls[C_ENTER] = call(LOG_ENTER, NULL);
	calls[C_NODE_ADD] = call(LOG_NODE_ADD, named);
	calls[C_NODE_NAMED] = call(LOG_NODE_NAMED, named);
	calls[C_NODE_RAISE] = call(LOG_NODE_RAISE, &raise);
	calls[C_MARKS] = call(LOG_MARKS, node);
	calls[C_END] = call(LOG_END, NULL);
	calls[C_COMMIT] = call(LOG_COMMIT, NULL);
	if (!pg_params_complete(&raise))
		pg_conn_fail(l->conn, false, "out of memory");
	else if (complete(l, 2))
		pg_conn_calls(l->conn, calls, C_CALLS, on_connected, l);
	pg_params_free(&raise);
}

static void on_ready(void *arg)
{
	struct pg_log *l = arg;

	pg_conn_calls(l->conn, prepare, LOG_STATEMENTS, on_prepared, l);
}

static void on_up(void *arg)
{
	struct pg_log *l = arg;

	pg_session_begin(&l->session);
}

static void on_down(void *arg, bool fatal, const char *why)
{
	struct pg_log *l = arg;

	forget(l);
	l->p.events.lost(l->p.events.arg, fatal, why);
}

static void on_rung(void *arg)
{
	struct pg_log *l = arg;

	if (l->connected)
		l->p.events.rung(l->p.events.arg);
}

/* -- appending -- */

static void on_appended(void *arg, PGresult **results, size_t n)
{
	static const enum cluster_append answers[] = {
		CLUSTER_TAKEN, CLUSTER_BEHIND, CLUSTER_FENCED, CLUSTER_FORKED};
	struct pg_log *l = arg;

	(void)n;
	l->request = NO_REQUEST;
	l->locked = false;
	l->p.events.appended(l->p.events.arg, answers[pg_get_int(results[0], 0, 0) & 3]);
}

static void append(struct pg_log *l)
{
	struct pg_call calls[] = {call(LOG_APPEND, &l->params[0]), call(LOG_COMMIT, NULL)};

	pg_params_reset(&l->params[0]);
	(void)pg_append_params(&l->place, l->e, &l->params[0]);
	if (complete(l, 1))
		pg_conn_calls(l->conn, calls, l->locked ? 2 : 1, on_appended, l);
}

/* -- reading -- */

static void read_on(struct pg_log *l);

static void end_reading(struct pg_log *l, enum pg_standing standing)
{
	l->request = NO_REQUEST;
	l->p.events.read(l->p.events.arg, standing == PG_FORKED, standing == PG_TRIMMED, &l->end);
}

static bool going(const void *arg)
{
	return ((const struct pg_log *)arg)->connected;
}

static void on_messages(void *arg, PGresult **results, size_t n)
{
	struct pg_log *l = arg;
	const struct pg_delivery d = {l->p.events.arg, l->p.events.entry, l, going};
	PGresult *entries = l->entries;
	int first = pg_read_first(&l->place), rows = PQntuples(entries) - first, rc;
	uint64_t life = l->life;

	(void)n;
	l->entries = NULL;
	rc = pg_read_deliver(entries, first, results[0], &d, &l->place);
	PQclear(entries);
	if (l->life != life)
		return;
	if (rc) {
		pg_conn_fail(l->conn, false,
			rc == IM_E_NOMEM ? "out of memory" : "an entry of the log cannot be taken");
		return;
	}
	l->left -= (uint32_t)rows;
	if (l->left && rows == CHUNK)
		read_on(l);
	else
		end_reading(l, PG_STANDS);
}

static void ask_for_messages(struct pg_log *l, int first)
{
	struct pg_params *p = &l->params[0];
	struct pg_call calls[] = {call(LOG_MESSAGES, p)};

	pg_params_reset(p);
	pg_put_int8(p, l->place.pos);
	pg_put_int8(p, pg_get_int(l->entries, PQntuples(l->entries) - 1, 0));
	pg_read_amended(l->entries, first, p);
	if (complete(l, 1))
		pg_conn_calls(l->conn, calls, 1, on_messages, l);
}

/* The last two: those that came before were for the lock. */
static void on_entries(void *arg, PGresult **results, size_t n)
{
	struct pg_log *l = arg;
	PGresult **entries = &results[n - 2];
	const PGresult *end = results[n - 1];
	int first = pg_read_first(&l->place);
	enum pg_standing standing = pg_read_standing(*entries, end, &l->place);

	pg_read_end(end, &l->end);
	l->locked = l->locked || l->request == LOCK;
	if (standing != PG_STANDS || PQntuples(*entries) == first) {
		end_reading(l, standing);
		return;
	}
	l->entries = *entries;
	*entries = NULL;
	ask_for_messages(l, first);
}

/* The row of the entry where the reader stands comes first. */
static void read_on(struct pg_log *l)
{
	struct pg_params *p = &l->params[0];
	uint32_t chunk = l->left < CHUNK ? l->left : CHUNK;
	struct pg_call calls[4];
	size_t n = 0;

	pg_params_reset(p);
	pg_put_int8(p, l->place.pos);
	pg_put_int8(p, chunk + (uint32_t)pg_read_first(&l->place));
	if (l->request == LOCK && !l->locked) {
		calls[n++] = call(LOG_BEGIN, NULL);
		calls[n++] = call(LOG_TAIL, NULL);
	}
	calls[n++] = call(LOG_ENTRIES, p);
	calls[n++] = call(LOG_END, NULL);
	if (complete(l, 1))
		pg_conn_calls(l->conn, calls, n, on_entries, l);
}

/* -- the seam -- */

/* Where the connection is lost, `lost` answers; where a lock is being given up, this comes again.
 */
static void begin(struct pg_log *l)
{
	if (!l->connected || !pg_conn_idle(l->conn))
		return;
	if (l->request == APPEND)
		append(l);
	else if (l->request != NO_REQUEST)
		read_on(l);
}

static void on_unlocked(void *arg, PGresult **results, size_t n)
{
	(void)results;
	(void)n;
	begin(arg);
}

static void ask(struct pg_log *l, enum request request, const struct cluster_place *from)
{
	l->request = request;
	l->place = *from;
	begin(l);
}

static void log_connect(void *log, uint64_t incarnation)
{
	struct pg_log *l = log;

	forget(l);
	l->asked_incarnation = incarnation;
	pg_conn_close(l->conn);
	pg_conn_open(l->conn);
}

static uint64_t log_incarnation(const void *log)
{
	return ((const struct pg_log *)log)->incarnation;
}

static void log_append(void *log, const struct cluster_place *from, const struct cluster_entry *e)
{
	struct pg_log *l = log;

	l->e = e;
	ask(l, APPEND, from);
}

static void log_read(void *log, const struct cluster_place *from, uint32_t limit)
{
	struct pg_log *l = log;

	l->left = limit;
	ask(l, READ, from);
}

static void log_lock(void *log, const struct cluster_place *from)
{
	struct pg_log *l = log;

	l->left = UINT32_MAX;
	ask(l, LOCK, from);
}

static void log_unlock(void *log)
{
	struct pg_log *l = log;
	const struct pg_call calls[] = {call(LOG_ROLLBACK, NULL)};

	if (!l->locked || !pg_conn_idle(l->conn))
		return;
	l->locked = false;
	pg_conn_calls(l->conn, calls, 1, on_unlocked, l);
}

static void log_disconnect(void *log)
{
	struct pg_log *l = log;

	forget(l);
	pg_conn_close(l->conn);
}

const struct cluster_log_ops pg_log_ops = {
	.connect = log_connect,
	.incarnation = log_incarnation,
	.append = log_append,
	.read = log_read,
	.lock = log_lock,
	.unlock = log_unlock,
	.disconnect = log_disconnect,
};

/* -- its life -- */

int pg_log_new(const struct pg_log_parts *p, struct pg_log **out)
{
	struct pg_log *l = calloc(1, sizeof(*l));
	struct pg_conn_parts parts = {.loop = p->loop,
		.conninfo = p->conninfo,
		.password_file = p->password_file,
		.arg = l,
		.up = on_up,
		.down = on_down,
		.rung = on_rung};

	*out = NULL;
	if (!l)
		return IM_E_NOMEM;
	l->p = *p;
	pg_params_init(&l->params[0]);
	pg_params_init(&l->params[1]);
	l->p.name = strdup(p->name);
	if (!l->p.name || pg_conn_new(&parts, &l->conn) ||
		getrandom(l->process, PROCESS_BYTES, 0) != PROCESS_BYTES) {
		pg_log_free(&l);
		return IM_E_NOMEM;
	}
	l->session.conn = l->conn;
	l->session.log = p->log;
	l->session.arg = l;
	l->session.ready = on_ready;
	*out = l;
	return IM_OK;
}

void pg_log_free(struct pg_log **l)
{
	if (!*l)
		return;
	forget(*l);
	pg_conn_free(&(*l)->conn);
	pg_session_free(&(*l)->session);
	pg_params_free(&(*l)->params[0]);
	pg_params_free(&(*l)->params[1]);
	free((char *)(*l)->p.name);
	free(*l);
	*l = NULL;
}
