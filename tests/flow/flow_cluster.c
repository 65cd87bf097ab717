/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the log, and what is asked of it and not answered yet. */
#include "tests/flow/flow_cluster.h"

#include <stdio.h>

#include "bridge/cluster/copy_tables.h"
#include "bridge/cluster/entries.h"
#include "bridge/directory/directory_follow.h"
#include "bridge/store/store_sqlite_follow.h"
#include "db/rowcode.h"

/* Seconds in which whatever stands still after all faults would have gone on. */
#define CALM_MAX 200

static const struct cluster_entry *entry_at(const struct flow_cluster *c, size_t i)
{
	return entries_first(c->log[i]);
}

static struct cluster_place end_of(const struct flow_cluster *c)
{
	struct cluster_place p = {.era = c->era};

	if (c->n_log) {
		p.pos = entry_at(c, c->n_log - 1)->pos;
		memcpy(p.digest, entry_at(c, c->n_log - 1)->digest, CLUSTER_DIGEST);
	}
	return p;
}

static bool same_place(const struct cluster_place *a, const struct cluster_place *b)
{
	return a->pos == b->pos && memcmp(a->digest, b->digest, CLUSTER_DIGEST) == 0;
}

/* -- what is carried out on the server -- */

static void push(struct flow_cluster *c, const struct cluster_entry *e)
{
	if (c->n_log == c->cap_log) {
		c->cap_log = c->cap_log ? c->cap_log * 2 : 64;
		c->log = reallocarray(c->log, c->cap_log, sizeof(*c->log));
		assert_non_null(c->log);
	}
	c->log[c->n_log] = entries_new();
	assert_non_null(c->log[c->n_log]);
	assert_int_equal(entries_add(c->log[c->n_log++], e), IM_OK);
	c->taken++;
}

static enum cluster_append append_now(
	struct flow_cluster *c, const struct flow_member *m, const struct flow_asked *a)
{
	struct cluster_place end = end_of(c);

	if (a->incarnation != c->incarnation[m->number])
		return CLUSTER_FENCED;
	if (a->from.pos != end.pos && !c->blind) {
		c->moved++;
		return CLUSTER_BEHIND;
	}
	if ((!same_place(&a->from, &end) || entries_first(a->entry)->era != c->era) && !c->blind)
		return CLUSTER_FORKED;
	assert_true(c->blind || entries_first(a->entry)->pos >> COPY_ERA_SHIFT == c->era);
	push(c, entries_first(a->entry));
	return CLUSTER_TAKEN;
}

/* A message as it is now: as the newest entry that says something of it has it. */
static struct cluster_message newest(const struct flow_cluster *c, const struct cluster_message *m)
{
	for (size_t i = c->n_log; i-- > 0;) {
		const struct cluster_entry *e = entry_at(c, i);

		for (uint32_t k = 0; k < e->n_messages; k++)
			if (e->messages[k].gid == m->gid)
				return e->messages[k];
	}
	return *m;
}

static int give(struct flow_member *m, const struct cluster_entry *e)
{
	struct cluster_entry now = *e;
	struct cluster_message *v = calloc(e->n_messages + 1, sizeof(*v));
	int rc;

	assert_non_null(v);
	for (uint32_t i = 0; i < e->n_messages; i++)
		v[i] = newest(m->all, &e->messages[i]);
	now.messages = v;
	rc = m->events.entry(m->events.arg, &now);
	free(v);
	return rc;
}

static void read_now(struct flow_member *m, const struct flow_asked *a)
{
	struct cluster_place end = end_of(m->all);
	bool forked = a->from.pos > end.pos;
	uint32_t n = 0;

	for (size_t i = 0; i < m->all->n_log && !forked && n < a->limit; i++) {
		const struct cluster_entry *e = entry_at(m->all, i);

		if (e->pos == a->from.pos)
			forked = memcmp(e->digest, a->from.digest, CLUSTER_DIGEST) != 0;
		if (e->pos <= a->from.pos || forked)
			continue;
		assert_int_equal(give(m, e), IM_OK);
		n++;
	}
	m->events.read(m->events.arg, forked, false, &end);
}

/* -- the connection -- */

static void put_down(struct flow_asked *a)
{
	entries_free(&a->entry);
	*a = (struct flow_asked){0};
}

static void let_go(struct flow_member *m)
{
	if (m->all->holder == m)
		m->all->holder = NULL;
}

static void lose(struct flow_member *m)
{
	m->connected = false;
	m->all->lost_n++;
	let_go(m);
	put_down(&m->asked);
	m->events.lost(m->events.arg, false, "the test has cut it");
}

static void leave_behind(struct flow_member *m)
{
	if (m->n_left < FLOW_LEFT_MAX) {
		m->left[m->n_left++] = m->asked;
		m->asked = (struct flow_asked){0};
		m->all->left_n++;
	}
	lose(m);
}

static void connected(struct flow_member *m)
{
	struct cluster_place end = end_of(m->all);

	m->connected = true;
	m->incarnation = ++m->all->incarnation[m->number];
	m->events.connected(m->events.arg, &end);
}

static void answer(struct flow_member *m)
{
	struct flow_asked a = m->asked;
	bool doubt = flow_chance(m->all->f, m->all->doubt);
	enum cluster_append how;

	m->asked = (struct flow_asked){0};
	switch (a.what) {
	case FLOW_CONNECT:
		connected(m);
		break;
	case FLOW_APPEND:
		how = append_now(m->all, m, &a);
		let_go(m);
		entries_free(&a.entry);
		if (doubt) {
			m->all->doubts++;
			lose(m);
		} else {
			m->events.appended(m->events.arg, how);
		}
		break;
	case FLOW_LOCK:
		m->all->holder = m;
		read_now(m, &a);
		break;
	default:
		read_now(m, &a);
		break;
	}
}

static bool waits(const struct flow_member *m)
{
	const struct flow_member *holder = m->all->holder;

	return holder && holder != m && m->asked.what != FLOW_READ;
}

/* Of connections that are gone: what had not begun begins, or never does. */
static void late_ones(struct flow_member *m)
{
	struct flow_asked *a;

	if (!m->n_left || prng_below(&m->all->f->random, 4) || m->all->holder)
		return;
	a = &m->left[--m->n_left];
	if (a->what == FLOW_APPEND && prng_below(&m->all->f->random, 2))
		(void)append_now(m->all, m, a);
	put_down(a);
}

void flow_member_step(struct flow_member *m)
{
	struct flow_cluster *c = m->all;

	late_ones(m);
	if (!m->asked.what || waits(m) || flow_chance(c->f, c->late))
		return;
	if (m->cut || (m->asked.what != FLOW_CONNECT && flow_chance(c->f, c->lost)))
		lose(m);
	else if (m->asked.what == FLOW_APPEND && flow_chance(c->f, c->behind))
		leave_behind(m);
	else
		answer(m);
}

void flow_member_tick(struct flow_member *m)
{
	cluster_tick(m->cluster, m->all->f->mono_ms);
}

bool flow_member_busy(const struct flow_member *m)
{
	return m->n->rig.engine && m->asked.what && !m->cut;
}

/* -- as bridge/cluster/ asks -- */

static void ask(struct flow_member *m, enum flow_request what, const struct cluster_place *from)
{
	assert_int_equal(m->asked.what, FLOW_NO_REQUEST);
	m->asked.what = what;
	m->asked.incarnation = m->incarnation;
	m->asked.limit = UINT32_MAX;
	if (from)
		m->asked.from = *from;
}

static void on_connect(void *log, uint64_t incarnation)
{
	(void)incarnation;
	ask(log, FLOW_CONNECT, NULL);
}

static uint64_t on_incarnation(const void *log)
{
	const struct flow_member *m = log;

	return m->incarnation;
}

static void on_append(void *log, const struct cluster_place *from, const struct cluster_entry *e)
{
	struct flow_member *m = log;

	ask(m, FLOW_APPEND, from);
	m->asked.entry = entries_new();
	assert_non_null(m->asked.entry);
	assert_int_equal(entries_add(m->asked.entry, e), IM_OK);
}

static void on_read(void *log, const struct cluster_place *from, uint32_t limit)
{
	struct flow_member *m = log;

	ask(m, FLOW_READ, from);
	m->asked.limit = limit;
}

static void on_lock(void *log, const struct cluster_place *from)
{
	ask(log, FLOW_LOCK, from);
}

static void on_unlock(void *log)
{
	let_go(log);
}

static void on_disconnect(void *log)
{
	struct flow_member *m = log;

	let_go(m);
	put_down(&m->asked);
	m->connected = false;
}

static const struct cluster_log_ops ops = {
	on_connect, on_incarnation, on_append, on_read, on_lock, on_unlock, on_disconnect};

/* -- the bridge -- */

static void answered(void *arg, enum shared_answer a)
{
	struct flow_member *m = arg;
	struct engine_now t = flow_now(m->all->f);

	engine_appended(m->n->rig.engine, a, &t);
	engine_reads(m->n->rig.engine);
}

static void news(void *arg)
{
	struct flow_member *m = arg;
	struct engine_now t = flow_now(m->all->f);

	engine_follow(m->n->rig.engine, &t);
	engine_reads(m->n->rig.engine);
}

static void opened(void *arg, struct engine_parts *p)
{
	struct flow_member *m = arg;
	struct cluster_parts cp = {.ops = &ops,
		.log_arg = m,
		.log = p->log,
		.node = m->number,
		.arg = m,
		.answered = answered,
		.news = news};
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(copy_new(p->store, p->dir, &p->key, &m->copy, &why), IM_OK);
	cp.copy = m->copy;
	m->cluster = cluster_new(&cp);
	assert_non_null(m->cluster);
	m->events = cluster_events(m->cluster);
	p->shared = cluster_shared(m->cluster);
	cluster_start(m->cluster, m->all->f->mono_ms);
	im_buf_free(&why);
}

static void closes(void *arg)
{
	struct flow_member *m = arg;

	if (m->asked.what == FLOW_APPEND && m->n_left < FLOW_LEFT_MAX &&
		flow_chance(m->all->f, m->all->behind ? 500 : 0)) {
		m->left[m->n_left++] = m->asked;
		m->asked = (struct flow_asked){0};
	}
	on_disconnect(m);
	cluster_free(&m->cluster);
	copy_free(&m->copy);
}

/* Each node's users were made apart: what is random in them is made one. */
static void same_users(const struct flow_node *n)
{
	char path[160];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/directory.db", n->rig.folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE user SET credential = id", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

void flow_cluster_begin(struct flow_cluster *c, struct flow *f)
{
	*c = (struct flow_cluster){.f = f, .era = 1, .n_members = (unsigned)f->n_nodes};
	for (unsigned i = 0; i < c->n_members; i++) {
		struct flow_member *m = &c->members[i];
		struct rig *r = &f->nodes[i].rig;

		*m = (struct flow_member){.all = c, .n = &f->nodes[i], .number = i};
		flow_kill_bridge(m->n);
		same_users(m->n);
		r->opened = opened;
		r->closes = closes;
		r->arg = m;
		m->n->member = m;
	}
	for (unsigned i = 0; i < c->n_members; i++)
		flow_start_bridge(c->members[i].n);
	flow_settle(f);
}

void flow_cluster_end(struct flow_cluster *c)
{
	for (unsigned i = 0; i < c->n_members; i++)
		while (c->members[i].n_left)
			put_down(&c->members[i].left[--c->members[i].n_left]);
	for (size_t i = 0; i < c->n_log; i++)
		entries_free(&c->log[i]);
	free(c->log);
	c->log = NULL;
	c->n_log = 0;
}

static bool all_there(const struct flow_cluster *c)
{
	struct cluster_place end = end_of(c), at;

	for (unsigned i = 0; i < c->n_members; i++) {
		const struct flow_member *m = &c->members[i];

		assert_int_equal(copy_place(m->copy, &at), IM_OK);
		if (m->asked.what == FLOW_APPEND || !same_place(&at, &end) ||
			engine_busy(m->n->rig.engine))
			return false;
	}
	return true;
}

bool flow_cluster_calm(struct flow_cluster *c)
{
	c->late = c->lost = c->doubt = c->behind = 0;
	for (unsigned i = 0; i < c->n_members; i++)
		c->members[i].cut = false;
	for (unsigned n = 0; n < 3 || !all_there(c); n++) {
		for (unsigned i = 0; i < c->n_members; i++)
			if (cluster_fatal(c->members[i].cluster))
				return false;
		if (n == CALM_MAX)
			return false;
		flow_pass(c->f, 1000);
	}
	return true;
}

/* -- equality -- */

#define NAME(name) #name,
static const char *const messages[] = {COPY_MESSAGES(NAME)};
static const char *const directory[] = {COPY_DIRECTORY(NAME)};

/* The rows of a table, in the order of all their columns, as one text. */
static void dump(struct sqldb *q, const char *table, struct im_buf *out)
{
	char sql[160];
	sqlite3_stmt *st = NULL;

	snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1, 2", table);
	assert_non_null(sqldb_prepare(q, &st, sql));
	im_buf_reset(out);
	while (sqldb_step(q, st) == SQLDB_ROW)
		for (int i = 0; i < sqlite3_column_count(st); i++)
			rowcode_put_sqlite(out, sqlite3_column_value(st, i));
	sqldb_finalize(&st);
}

static bool equal_in(
	struct flow_cluster *c, const char *table, struct sqldb *(*db)(struct flow_member *m))
{
	struct im_buf a, b;
	bool equal = true;

	im_buf_init(&a, 0);
	im_buf_init(&b, 0);
	dump(db(&c->members[0]), table, &a);
	for (unsigned i = 1; i < c->n_members && equal; i++) {
		dump(db(&c->members[i]), table, &b);
		equal = im_str_eq(im_buf_view(&a), im_buf_view(&b));
	}
	im_buf_free(&a);
	im_buf_free(&b);
	return equal;
}

static struct sqldb *messages_of(struct flow_member *m)
{
	return store_sqlite_db(m->n->rig.store);
}

static struct sqldb *directory_of(struct flow_member *m)
{
	return directory_db(m->n->rig.dir);
}

const char *flow_cluster_unequal(struct flow_cluster *c)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (!equal_in(c, messages[i], messages_of))
			return messages[i];
	for (size_t i = 0; i < sizeof(directory) / sizeof(directory[0]); i++)
		if (!equal_in(c, directory[i], directory_of))
			return directory[i];
	return NULL;
}
