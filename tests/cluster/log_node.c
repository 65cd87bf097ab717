/* SPDX-License-Identifier: BSD-3-Clause */
/* Moves a node's place on as its answers say. */
#include "tests/cluster/log_node.h"

#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

/* Of a test; they take a second or two. */
#define DEADLINE_MS 120000

/* -- the world -- */

static int64_t clock_ms(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct loop *log_loop_new(void)
{
	struct loop *l;

	assert_int_equal(loop_open(clock_ms, NULL, &l), 0);
	return l;
}

int log_group_set_up(void **state)
{
	*state = postgres_new();
	return 0;
}

int log_group_tear_down(void **state)
{
	postgres_free((struct postgres **)state);
	return 0;
}

int log_set_up(void **state)
{
	static unsigned databases;
	struct log_world *w = calloc(1, sizeof(*w));
	char sql[128];

	assert_non_null(w);
	w->pg = *state;
	snprintf(w->database, sizeof(w->database), "t%u", ++databases);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s OWNER im", w->database);
	postgres_execute(w->pg, "postgres", sql);
	w->loop = log_loop_new();
	w->until_ms = clock_ms(NULL) + DEADLINE_MS;
	w->log_fd = memfd_create("log", MFD_CLOEXEC);
	w->log = log_new(w->log_fd, LOG_LEVEL_DEBUG, LOG_STDERR);
	assert_non_null(w->log);
	*state = w;
	return 0;
}

int log_tear_down(void **state)
{
	struct log_world *w = *state;
	char sql[128];

	snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", w->database);
	postgres_execute(w->pg, "postgres", sql);
	loop_close(&w->loop);
	log_free(&w->log);
	close(w->log_fd);
	*state = w->pg;
	free(w);
	return 0;
}

const char *log_conninfo(const struct log_world *w, const char *role)
{
	static char text[256];

	snprintf(text, sizeof(text), "host=%s port=%d user=%s dbname=%s", postgres_host(w->pg),
		postgres_port(w->pg), role, w->database);
	return text;
}

const char *log_lines(struct log_world *w)
{
	static char text[8192];
	ssize_t n;

	n = pread(w->log_fd, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(ftruncate(w->log_fd, 0), 0);
	assert_int_equal(lseek(w->log_fd, 0, SEEK_SET), 0);
	return text;
}

/* -- copies -- */

static struct im_str copy(struct im_str s)
{
	return (struct im_str){unit_exact(s), s.n};
}

static struct cluster_entry *copy_entry(const struct cluster_entry *e)
{
	struct cluster_entry *c = malloc(sizeof(*c));
	struct cluster_message *m = calloc(e->n_messages + 1, sizeof(*m));
	uint64_t *amended = calloc(e->n_amended + 1, sizeof(*amended));

	assert_true(c && m && amended);
	*c = *e;
	c->body = copy(e->body);
	for (uint32_t i = 0; i < e->n_messages; i++) {
		m[i] = e->messages[i];
		m[i].type = copy(m[i].type);
		m[i].client_id = copy(m[i].client_id);
		m[i].meta = copy(m[i].meta);
		m[i].body = copy(m[i].body);
	}
	for (uint32_t i = 0; i < e->n_amended; i++)
		amended[i] = e->amended[i];
	c->messages = m;
	c->amended = amended;
	return c;
}

static void free_entry(struct cluster_entry *e)
{
	for (uint32_t i = 0; i < e->n_messages; i++) {
		free((char *)e->messages[i].type.p);
		free((char *)e->messages[i].client_id.p);
		free((char *)e->messages[i].meta.p);
		free((char *)e->messages[i].body.p);
	}
	free((void *)e->messages);
	free((void *)e->amended);
	free((char *)e->body.p);
	free(e);
}

/* -- events -- */

static bool ends(struct log_node *n)
{
	if (!n->ends_in_an_event)
		return false;
	n->ends_in_an_event = false;
	pg_log_ops.disconnect(n->log);
	return true;
}

static void on_connected(void *arg, const struct cluster_place *end)
{
	struct log_node *n = arg;

	n->end = *end;
	n->connected++;
	(void)ends(n);
}

static void on_mark(void *arg, uint64_t epoch, uint64_t recno, uint64_t pos)
{
	struct log_node *n = arg;

	assert_true(n->n_marks < sizeof(n->marks) / sizeof(*n->marks));
	n->marks[n->n_marks].epoch = epoch;
	n->marks[n->n_marks].recno = recno;
	n->marks[n->n_marks++].pos = pos;
	(void)ends(n);
}

static void on_appended(void *arg, enum cluster_append answer)
{
	struct log_node *n = arg;

	n->answer = answer;
	n->appended++;
	(void)ends(n);
}

static int on_entry(void *arg, const struct cluster_entry *e)
{
	struct log_node *n = arg;
	int rc = n->entry_returns;

	n->entry_returns = 0;
	if (rc)
		return rc;
	assert_true(n->n_seen < SEEN_MAX);
	n->seen[n->n_seen++] = copy_entry(e);
	n->at.era = e->era;
	n->at.pos = e->pos;
	memcpy(n->at.digest, e->digest, CLUSTER_DIGEST);
	(void)ends(n);
	return 0;
}

static void on_read(void *arg, bool forked, bool trimmed, const struct cluster_place *end)
{
	struct log_node *n = arg;

	n->forked = forked;
	n->trimmed = trimmed;
	n->end = *end;
	n->read++;
	(void)ends(n);
}

static void on_lost(void *arg, bool fatal, const char *why)
{
	struct log_node *n = arg;

	n->fatal = fatal;
	snprintf(n->why, sizeof(n->why), "%s", why);
	n->lost++;
}

static void on_rung(void *arg)
{
	struct log_node *n = arg;

	n->rung++;
}

/* -- nodes -- */

struct log_node *log_node_new(struct log_world *w, unsigned number, const char *conninfo)
{
	struct log_node *n = calloc(1, sizeof(*n));
	char name[16], password[128];
	struct pg_log_parts p = {.loop = w->loop,
		.log = w->log,
		.conninfo = conninfo ? conninfo : log_conninfo(w, "im"),
		.password_file = password,
		.node = number,
		.name = name,
		.events = {n, on_connected, on_mark, on_appended, on_entry, on_read, on_lost,
			on_rung}};

	assert_non_null(n);
	n->w = w;
	n->number = number;
	snprintf(name, sizeof(name), "node%u", number);
	snprintf(password, sizeof(password), "%s/password", postgres_host(w->pg));
	if (w->password_file)
		p.password_file = w->password_file;
	assert_int_equal(pg_log_new(&p, &n->log), 0);
	return n;
}

void log_node_free(struct log_node **n)
{
	pg_log_free(&(*n)->log);
	for (size_t i = 0; i < (*n)->n_seen; i++)
		free_entry((*n)->seen[i]);
	free(*n);
	*n = NULL;
}

void log_turn(struct log_world *w)
{
	assert_int_equal(loop_turn(w->loop, 10), 0);
	if (clock_ms(NULL) > w->until_ms)
		fail_msg("it does not come to an end");
}

void log_await(struct log_node *n, const unsigned *counter, unsigned value)
{
	unsigned lost = n->lost;

	while (*counter < value) {
		log_turn(n->w);
		if (n->lost != lost && counter != &n->lost)
			fail_msg("lost: %s", n->why);
	}
	assert_int_equal(*counter, value);
}

static void begin_to_connect(struct log_node *n, uint64_t incarnation)
{
	n->n_marks = 0;
	pg_log_ops.connect(n->log, incarnation);
}

void log_connect(struct log_node *n, uint64_t incarnation)
{
	begin_to_connect(n, incarnation);
	log_await(n, &n->connected, n->connected + 1);
}

void log_connect_new(struct log_node *n)
{
	log_connect(n, 0);
	n->at.era = n->end.era;
}

void log_connect_lost(struct log_node *n, uint64_t incarnation)
{
	unsigned connected = n->connected;

	begin_to_connect(n, incarnation);
	log_await(n, &n->lost, n->lost + 1);
	assert_int_equal(n->connected, connected);
}

enum cluster_append log_append(struct log_node *n, const struct cluster_entry *e)
{
	pg_log_ops.append(n->log, &n->at, e);
	log_await(n, &n->appended, n->appended + 1);
	if (n->answer == CLUSTER_TAKEN) {
		n->at.era = e->era;
		n->at.pos = e->pos;
		memcpy(n->at.digest, e->digest, CLUSTER_DIGEST);
	}
	return n->answer;
}

void log_read(struct log_node *n, uint32_t limit)
{
	pg_log_ops.read(n->log, &n->at, limit);
	log_await(n, &n->read, n->read + 1);
}

void log_lock(struct log_node *n)
{
	pg_log_ops.lock(n->log, &n->at);
	log_await(n, &n->read, n->read + 1);
}

struct cluster_entry log_entry_of(const struct log_node *n, uint64_t positions)
{
	struct cluster_entry e = {.prev = n->at.pos,
		.pos = n->at.pos > n->end.era << 40 ? n->at.pos : n->end.era << 40,
		.era = n->end.era,
		.node = n->number,
		.incarnation = pg_log_ops.incarnation(n->log)};
	char text[128 + CLUSTER_DIGEST];
	int used;

	e.pos += positions;
	memcpy(text, n->at.digest, CLUSTER_DIGEST);
	used = snprintf(text + CLUSTER_DIGEST, sizeof(text) - CLUSTER_DIGEST, "%ju %ju %u",
		(uintmax_t)e.pos, (uintmax_t)e.incarnation, e.node);
	assert_int_equal(
		EVP_Digest(text, CLUSTER_DIGEST + (size_t)used, e.digest, NULL, EVP_sha256(), NULL),
		1);
	return e;
}

struct cluster_entry log_entry(const struct log_node *n)
{
	return log_entry_of(n, 1);
}

void log_say(struct log_node *n)
{
	struct cluster_entry e = log_entry(n);

	assert_int_equal(log_append(n, &e), CLUSTER_TAKEN);
}
