/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the node: who is up, what is under way between the two, and the clock. */
#include "tests/flow/flow.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/directory/directory_sql.h"
#include "bridge/directory/directory_user.h"
#include "bridge/link/link_key.h"
#include "common/phc.h"
#include "common/topic.h"
#include "tests/flow/flow_append.h"
#include "tests/flow/flow_device.h"
#include "tests/lib/folder.h"

/* Turns without anything under way after which nothing will come by itself. */
#define QUIET_TURNS 4

int64_t flow_wall_ms(void *f);
int64_t flow_mono_us(void *f);
const char *flow_option(const struct flow *f, const char *name);

int64_t flow_wall_ms(void *f)
{
	return ((struct flow *)f)->wall_ms;
}

int64_t flow_mono_us(void *f)
{
	return ((struct flow *)f)->mono_ms * 1000;
}

const char *flow_option(const struct flow *f, const char *name)
{
	if (strcmp(name, "data_dir") == 0)
		return f->folder;
	return strcmp(name, "link_listener") == 0 ? FLOW_LINK : f->spool_size;
}

static struct engine_now now(const struct flow *f)
{
	return (struct engine_now){f->wall_ms, f->mono_ms};
}

static bool chance(struct flow *f, unsigned of_thousand)
{
	return of_thousand && prng_below(&f->random, 1000) < of_thousand;
}

/* -- frames under way -- */

static void queue_push(struct flow_queue *q, struct im_str frame)
{
	struct flow_frame *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->p = malloc(frame.n + 1);
	memcpy(m->p, frame.p, frame.n);
	m->n = frame.n;
	*q->end = m;
	q->end = &m->next;
}

static struct flow_frame *queue_pop(struct flow_queue *q)
{
	struct flow_frame *m = q->first;

	if (!m)
		return NULL;
	q->first = m->next;
	if (!q->first)
		q->end = &q->first;
	return m;
}

static void frame_free(struct flow_frame *m)
{
	free(m->p);
	free(m);
}

static void queue_clear(struct flow_queue *q)
{
	struct flow_frame *m;

	while ((m = queue_pop(q)))
		frame_free(m);
	q->end = &q->first;
}

static void on_down(void *arg, struct im_str frame)
{
	struct flow *f = arg;

	if (f->link)
		queue_push(&f->down, frame);
}

static void on_up(void *arg, const struct fake_message *m)
{
	struct flow *f = arg;

	assert_string_equal(m->topic, IM_TOPIC_UP);
	if (!chance(f, f->lose_up))
		queue_push(&f->up, m->payload);
}

/* -- failing commits: the backend's functions find the flow that runs -- */

static struct flow *running;
static const struct store_backend *real;

static int commit(struct store *s, const struct store_mark *mark)
{
	if (running->broken || chance(running, running->fail_commit)) {
		real->rollback(s);
		return IM_E_IO;
	}
	if (running->sabotage == FLOW_FORGETS && chance(running, 100)) {
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
	struct flow *f = arg;

	if (!chance(f, f->fail_directory))
		return 0;
	f->halved = true;
	return 1;
}

/* -- the bridge -- */

static void connect_link(struct flow *f)
{
	struct fake_spec s = {.user = "im-bridge", .address = FLOW_LINK};
	char id[LINK_CLIENT_ID_MAX], password[SECRET_PASSWORD + 1];
	struct engine_now t = now(f);
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(link_key_client_id(id), IM_OK);
	if (link_key_password(f->folder, password, &why))
		fail_msg("%.*s", IM_ARGS(why));
	im_buf_free(&why);
	s.id = id;
	s.password = password;
	f->link = fake_connect(&s);
	assert_non_null(f->link);
	fake_on_message(f->link, on_up, f);
	assert_true(fake_subscribe(f->link, IM_TOPIC_UP));
	assert_true(fake_subscribe(f->link, IM_TOPIC_SINK));
	engine_linked(f->engine, f->peer, &t);
}

static void lose_link(struct flow *f)
{
	queue_clear(&f->up);
	queue_clear(&f->down);
	if (f->link && fake_connected(f->link))
		fake_disconnect(f->link, true);
	f->link = NULL;
	if (f->engine)
		engine_unlinked(f->engine, f->peer);
}

void flow_start_bridge(struct flow *f)
{
	struct reader_parts rp = {.backend = &f->backend, .folder = f->folder, .log = f->log};
	struct engine_parts ep = {.backend = &f->backend,
		.log = f->log,
		.dedup_entries = 100000,
		.dedup_window_ms = INT64_C(24) * 3600 * 1000};
	struct engine_now t = now(f);
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(directory_open(f->folder, &f->dir, &why), IM_OK);
	if (!f->store)
		assert_int_equal(f->backend.open(f->folder, &f->store, &why), IM_OK);
	rp.store = ep.store = f->store;
	assert_int_equal(readers_open(&rp, 0, 1000, &f->readers, &why), IM_OK);
	ep.dir = f->dir;
	ep.readers = f->readers;
	ep.shared = f->append ? &f->append->log : NULL;
	ep.instance = prng_next(&f->random);
	memset(&ep.key, 9, sizeof(ep.key));
	if (engine_new(&ep, &f->set, &t, &f->engine, &why))
		fail_msg("%.*s", IM_ARGS(why));
	assert_int_equal(engine_add_peer(f->engine, on_down, f, &f->peer), IM_OK);
	im_buf_free(&why);
	sqlite3_commit_hook(f->dir->q.db, directory_commits, f);
	f->bridge_up = true;
	if (f->broker_up)
		connect_link(f);
}

static void close_bridge(struct flow *f)
{
	engine_free(&f->engine);
	readers_close(&f->readers);
	directory_close(&f->dir);
	/* The memory store stands for the disk. */
	if (strcmp(f->backend.name, "memory") != 0) {
		f->backend.close(f->store);
		f->store = NULL;
	}
	f->bridge_up = false;
}

void flow_kill_bridge(struct flow *f)
{
	close_bridge(f);
	if (f->append)
		flow_append_lost(f->append);
	lose_link(f);
}

void flow_lose_events(struct flow *f)
{
	if (f->dir)
		sqlite3_exec(f->dir->q.db, "DELETE FROM user_event WHERE key LIKE 'read:%'", NULL,
			NULL, NULL);
}

void flow_break_link(struct flow *f)
{
	lose_link(f);
	connect_link(f);
}

/* -- the broker -- */

void flow_start_broker(struct flow *f)
{
	fake_open(f->newer);
	assert_int_equal(flow_plugin_load(f), 0);
	f->broker_up = true;
	if (f->bridge_up)
		connect_link(f);
}

void flow_kill_broker(struct flow *f)
{
	if (f->engine)
		engine_unlinked(f->engine, f->peer);
	f->link = NULL;
	queue_clear(&f->up);
	queue_clear(&f->down);
	flow_plugin_crash(f);
	fake_close();
	f->broker_up = false;
	flow_devices_lost(f);
}

/* -- the node -- */

static void add_users(struct flow *f, const char *const *users)
{
	static const uint8_t salt[IM_PHC_SALT] = "0123456789abcdef";
	char phc[IM_PHC_MAX];
	struct im_buf why;
	uint64_t id;

	im_buf_init(&why, 0);
	assert_int_equal(im_phc_hash(IM_STR("pw"), salt, 8, 1, phc), IM_OK);
	assert_int_equal(directory_open(f->folder, &f->dir, &why), IM_OK);
	for (size_t i = 0; users[i]; i++)
		assert_int_equal(directory_user_create(f->dir, im_str(users[i]),
					 i ? DIRECTORY_USER : DIRECTORY_ADMIN, im_str(phc), 1, &id),
			IM_OK);
	directory_close(&f->dir);
	im_buf_free(&why);
}

struct flow *flow_start(const struct store_backend *backend, const char *const *users)
{
	struct flow *f = calloc(1, sizeof(*f));
	int out = getenv("FLOW_LOG") ? 2 : open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_non_null(f);
	/* In memory where there is such a folder: nobody pulls the plug here. */
	snprintf(f->folder, sizeof(f->folder), "%s/im-flow-XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(f->folder));
	f->up.end = &f->up.first;
	f->down.end = &f->down.first;
	f->wall_ms = 1763650000000;
	f->mono_ms = 1000000;
	f->spool_size = "1M";
	f->backend = *backend;
	f->backend.commit = commit;
	f->backend.unread = unread;
	running = f;
	real = backend;
	f->log = log_new(out, LOG_LEVEL_DEBUG, LOG_STDERR);
	f->set = (struct engine_settings){
		.rpc = {.group_members_max = 1000,
			.groups_per_user_max = 100,
			.recall_window_s = 120,
			.password_memory_kib = 8192,
			.password_passes = 1,
			.reply_max = 60000},
		.sessions = {.presence = true, .remembered_devices = 100, .device_days = 14},
		.backlog_bytes = 64 * 1024 * 1024,
	};
	add_users(f, users);
	flow_start_broker(f);
	flow_start_bridge(f);
	flow_settle(f);
	return f;
}

void flow_discard(struct flow *f)
{
	assert_int_equal(folder_remove(f->folder), 0);
}

void flow_stop(struct flow *f)
{
	if (f->bridge_up)
		flow_kill_bridge(f);
	if (f->broker_up)
		flow_kill_broker(f);
	flow_devices_free(f);
	if (f->store)
		f->backend.close(f->store);
	log_free(&f->log);
	flow_discard(f);
	free(f);
}

static void step_up(struct flow *f)
{
	struct engine_now t = now(f);
	struct flow_frame *m = queue_pop(&f->up);

	if (!m)
		return;
	if (f->engine) {
		engine_up(f->engine, f->peer, (struct im_str){m->p, m->n}, &t);
		engine_reads(f->engine);
	}
	frame_free(m);
}

static void step_down(struct flow *f)
{
	struct flow_frame *m = queue_pop(&f->down);

	if (!m)
		return;
	if (f->link && !chance(f, f->lose_down))
		(void)fake_publish(
			f->link, IM_TOPIC_DOWN, (struct im_str){m->p, m->n}, 0, false, NULL);
	frame_free(m);
}

void flow_step(struct flow *f)
{
	if (f->broker_up)
		fake_turn();
	if (f->append && f->engine)
		flow_append_step(f->append);
	step_up(f);
	step_down(f);
	flow_devices_work(f);
}

void flow_settle(struct flow *f)
{
	int quiet = 0;

	for (int steps = 0; quiet < QUIET_TURNS; steps++) {
		bool busy = f->up.first || f->down.first ||
			    (f->append && f->append->open && f->append->late);

		assert_true(steps < 1000000);
		flow_step(f);
		quiet = busy || f->up.first || f->down.first ? 0 : quiet + 1;
	}
}

void flow_pass(struct flow *f, int64_t ms)
{
	struct engine_now t;

	f->wall_ms += ms;
	f->mono_ms += ms;
	flow_settle(f);
	if (f->engine) {
		t = now(f);
		engine_tick(f->engine, &t);
		engine_reads(f->engine);
	}
	flow_settle(f);
}
