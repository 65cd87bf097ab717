/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the nodes, the faults of their databases, and the clock. What is under way between a plugin
 * and its bridge is flow_broker.c's. */
#include "tests/flow/flow.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/directory/directory_sql.h"
#include "common/phc.h"
#include "schema/name_key.h"
#include "tests/flow/flow_append.h"
#include "tests/flow/flow_cluster.h"
#include "tests/flow/flow_device.h"
#include "tests/lib/folder.h"

/* Turns without anything under way after which nothing will come by itself. */
#define QUIET_TURNS 4

struct engine_now flow_now(const struct flow *f)
{
	return (struct engine_now){f->wall_ms, f->mono_ms};
}

bool flow_chance(struct flow *f, unsigned of_thousand)
{
	return of_thousand && prng_below(&f->random, 1000) < of_thousand;
}

struct flow_node *flow_node(struct flow *f)
{
	return &f->nodes[0];
}

struct flow_broker *flow_broker(struct flow *f)
{
	return &f->nodes[0].brokers[0];
}

/* -- failing commits: the backend's functions find the node that a store is of -- */

static struct flow *running;
static const struct store_backend *real;

static struct flow_node *node_of(const struct store *s)
{
	for (size_t i = 0; i < running->n_nodes; i++)
		if (running->nodes[i].rig.store == s)
			return &running->nodes[i];
	fail_msg("a store of no node");
	return NULL;
}

static int commit(struct store *s, const struct store_mark *mark)
{
	struct flow_node *n = node_of(s);

	if (n->broken || flow_chance(running, n->fail_commit)) {
		real->rollback(s);
		return IM_E_IO;
	}
	if (running->sabotage == FLOW_FORGETS && flow_chance(running, 100)) {
		real->rollback(s);
		return IM_OK;
	}
	return real->commit(s, running->sabotage == FLOW_TWICE ? NULL : mark);
}

static int unread(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out)
{
	struct store_head head;
	int rc;

	if (running->sabotage != FLOW_COUNTS_ALL)
		return real->unread(r, conv, user, mark, n_out);
	rc = real->read_head(r, conv, &head);
	*n_out = head.seq > mark ? head.seq - mark : 0;
	return rc;
}

/* The log is committed by then: this is the moment between the two. */
static int directory_commits(void *arg)
{
	struct flow_node *n = arg;

	if (!flow_chance(n->f, n->fail_directory))
		return 0;
	n->halved = true;
	return 1;
}

/* -- the bridges -- */

void flow_start_bridge(struct flow_node *n)
{
	struct engine_parts ep = {.shared = n->append ? &n->append->log : NULL,
		.instance = prng_next(&n->f->random),
		.dedup_entries = 100000,
		.dedup_window_ms = INT64_C(24) * 3600 * 1000};
	struct engine_now t = flow_now(n->f);

	memset(&ep.key, 9, sizeof(ep.key));
	rig_open(&n->rig, &ep, 1000, &t);
	sqlite3_commit_hook(n->rig.dir->q.db, directory_commits, n);
	if (n->f->sabotage == FLOW_HOMELESS)
		sqlite3_exec(n->rig.dir->q.db,
			"CREATE TEMP TRIGGER homeless BEFORE UPDATE OF broker ON main.device"
			" BEGIN SELECT RAISE(IGNORE); END",
			NULL, NULL, NULL);
	n->is_up = true;
	for (size_t i = 0; i < n->n_brokers; i++)
		flow_broker_join(&n->brokers[i]);
	for (size_t i = 0; i < n->n_brokers; i++)
		flow_broker_link(&n->brokers[i]);
}

void flow_kill_bridge(struct flow_node *n)
{
	rig_close(&n->rig);
	n->is_up = false;
	if (n->append)
		flow_append_lost(n->append);
	for (size_t i = 0; i < n->n_brokers; i++)
		flow_broker_leave(&n->brokers[i]);
}

void flow_lose_events(struct flow_node *n)
{
	if (n->rig.dir)
		sqlite3_exec(n->rig.dir->q.db, "DELETE FROM user_event WHERE key LIKE 'read:%'",
			NULL, NULL, NULL);
}

/* The first one's folder is the bridge's, as in a node that is all there is. The others' have
 * spools of their own, and show the plugin the bridge's directory. */
static void make_folder(struct flow_broker *b, size_t number)
{
	static const char *const shared[] = {"directory.db", NAME_KEY_FILE};
	char from[160], to[160];

	snprintf(b->folder, sizeof(b->folder), "%s", b->n->rig.folder);
	if (!number)
		return;
	snprintf(b->folder, sizeof(b->folder), "%s/broker-%zu", b->n->rig.folder, number);
	assert_int_equal(mkdir(b->folder, 0700), 0);
	for (size_t i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "%s/%s", b->n->rig.folder, shared[i]);
		snprintf(to, sizeof(to), "%s/%s", b->folder, shared[i]);
		assert_int_equal(symlink(from, to), 0);
	}
}

struct flow_broker *flow_add_broker(struct flow_node *n)
{
	struct flow_broker *b = &n->brokers[n->n_brokers];

	assert_true(n->n_brokers < FLOW_BROKERS_MAX && !n->is_up);
	flow_broker_init(b, n);
	make_folder(b, n->n_brokers++);
	flow_start_broker(b);
	return b;
}

struct flow_node *flow_add_node(
	struct flow *f, const struct store_backend *backend, const char *const *users)
{
	static const uint8_t salt[IM_PHC_SALT] = "0123456789abcdef";
	struct flow_node *n = &f->nodes[f->n_nodes];
	char phc[IM_PHC_MAX];

	assert_true(f->n_nodes++ < FLOW_NODES_MAX);
	n->f = f;
	assert_int_equal(im_phc_hash(IM_STR("pw"), salt, 8, 1, phc), IM_OK);
	/* In memory where there is such a folder: nobody pulls the plug here. */
	rig_init(&n->rig, access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", backend, users, true, phc,
		"FLOW_LOG");
	n->rig.backend.commit = commit;
	n->rig.backend.unread = unread;
	flow_add_broker(n);
	flow_start_bridge(n);
	return n;
}

/* -- all of them -- */

struct flow *flow_start(const struct store_backend *backend, const char *const *users)
{
	struct flow *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->wall_ms = 1763650000000;
	f->mono_ms = 1000000;
	running = f;
	real = backend;
	flow_add_node(f, backend, users);
	flow_settle(f);
	return f;
}

void flow_discard(struct flow *f)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		folder_remove(f->nodes[i].rig.folder);
}

void flow_stop(struct flow *f)
{
	for (size_t i = 0; i < f->n_nodes; i++) {
		struct flow_node *n = &f->nodes[i];

		if (n->is_up)
			flow_kill_bridge(n);
		for (size_t k = 0; k < n->n_brokers; k++)
			flow_broker_clear(&n->brokers[k]);
	}
	flow_devices_free(f);
	for (size_t i = 0; i < f->n_nodes; i++)
		rig_clear(&f->nodes[i].rig);
	free(f);
}

int flow_end(void **state)
{
	struct flow **cast = *state;

	flow_stop(*cast);
	free(cast);
	return 0;
}

static void each_broker(struct flow *f, void (*fn)(struct flow_broker *b))
{
	for (size_t i = 0; i < f->n_nodes; i++)
		for (size_t k = 0; k < f->nodes[i].n_brokers; k++)
			fn(&f->nodes[i].brokers[k]);
}

static bool busy(const struct flow *f)
{
	for (size_t i = 0; i < f->n_nodes; i++) {
		const struct flow_node *n = &f->nodes[i];

		if (n->append && n->append->open && n->append->late)
			return true;
		if (n->member && flow_member_busy(n->member))
			return true;
		for (size_t k = 0; k < n->n_brokers; k++)
			if (flow_broker_busy(&n->brokers[k]))
				return true;
	}
	return false;
}

static void appends(struct flow *f)
{
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i].append && f->nodes[i].rig.engine)
			flow_append_step(f->nodes[i].append);
	for (size_t i = 0; i < f->n_nodes; i++)
		if (f->nodes[i].member && f->nodes[i].rig.engine)
			flow_member_step(f->nodes[i].member);
}

void flow_step(struct flow *f)
{
	each_broker(f, flow_broker_turn);
	appends(f);
	each_broker(f, flow_broker_frames);
	flow_devices_work(f);
}

void flow_settle(struct flow *f)
{
	int quiet = 0;

	for (int steps = 0; quiet < QUIET_TURNS; steps++) {
		bool before = busy(f);

		assert_true(steps < 1000000);
		flow_step(f);
		quiet = before || busy(f) ? 0 : quiet + 1;
	}
}

void flow_pass(struct flow *f, int64_t ms)
{
	struct engine_now t;

	f->wall_ms += ms;
	f->mono_ms += ms;
	flow_settle(f);
	t = flow_now(f);
	for (size_t i = 0; i < f->n_nodes; i++) {
		struct engine *e = f->nodes[i].rig.engine;

		if (!e)
			continue;
		if (f->nodes[i].member)
			flow_member_tick(f->nodes[i].member);
		engine_tick(e, &t);
		engine_reads(e);
	}
	flow_settle(f);
}
