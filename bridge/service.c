/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the process: configuration, lock, the wiring of loop, link, engine and databases, and what
 * is done from turn to turn. Decides nothing about messages.
 */
#include "bridge/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bridge/admin/announcing.h"
#include "bridge/admin/erasure_again.h"
#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/base/loop.h"
#include "bridge/base/signals.h"
#include "bridge/brokers/brokers.h"
#include "bridge/cluster/member.h"
#include "bridge/config.h"
#include "bridge/engine/engine.h"
#include "bridge/premises.h"
#include "bridge/read/readers.h"
#include "bridge/rpc/password.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"
#include "bridge/upkeep/upkeep.h"
#include "schema/name_key.h"

/* Whatever this process makes holds what people have written: for its user alone. */
#define UMASK 0077
/* For what is committed to be delivered after SIGTERM. */
#define DRAIN_MS 5000

struct bridge {
	struct config conf;
	struct log *log;
	struct loop *loop;
	struct signals *signals;
	struct loop_io *reads; /* what the readers have done */
	int lock_fd;
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct readers *readers;
	struct search_index *index;
	struct engine *engine;
	struct member *member; /* of a cluster; NULL: of none */
	struct brokers *brokers;
	struct upkeep *upkeep;
	struct erasure_again again; /* the engine's call, until it is committed */
	struct announcing *announcing;
	int64_t started_ms, stop_at_ms, alive_at_ms;
	bool stopping, ready_said, cost_said;
};

static int64_t clock_ms(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t mono_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static int64_t loop_ms(void *arg)
{
	(void)arg;
	return mono_ms();
}

static struct engine_now now(void)
{
	return (struct engine_now){clock_ms(CLOCK_REALTIME), mono_ms()};
}

/* -- what the parts call -- */

/* What may change while running, to those who have a copy of it. */
static void hand_out_settings(struct bridge *b)
{
	const struct engine_settings set = config_settings(&b->conf);

	engine_set(b->engine, &set);
	upkeep_set(b->upkeep, b->conf.opt.retention_days);
	b->cost_said = false;
}

static void on_signal(void *arg, int signo)
{
	struct bridge *b = arg;

	if (signo == SIGHUP) {
		if (config_reload(&b->conf, b->log))
			hand_out_settings(b);
		return;
	}
	b->stop_at_ms = b->stopping ? 0 : mono_ms() + DRAIN_MS;
	b->stopping = true;
	health_stopping();
	if (b->engine)
		engine_drain(b->engine);
	log_line(b->log, LOG_LEVEL_INFO, "stopping", "signal=%d", signo);
}

static void on_reads(void *arg, unsigned ready)
{
	struct bridge *b = arg;

	(void)ready;
	engine_reads(b->engine);
}

static int on_stats(void *arg, struct im_buf *out)
{
	struct bridge *b = arg;
	struct health_gauges g;
	uint64_t head = 0;

	engine_gauges(b->engine, &g);
	upkeep_gauges(b->upkeep, &g);
	g.uptime_ms = mono_ms() - b->started_ms;
	/* Of messages: events take positions, too, and there is nothing in them to find. */
	if (b->index && !b->backend->log_head(b->store, &head) && head > search_index_gid(b->index))
		g.search_lag = head - search_index_gid(b->index);
	im_buf_z(out, "{\"bridge\":");
	health_json(engine_health(b->engine), &g, out);
	im_buf_c(out, ',');
	brokers_stats(b->brokers, out);
	im_buf_printf(out, ",\"backup\":%s}",
		backup_running(upkeep_backup(b->upkeep)) ? "true" : "false");
	return out->failed ? IM_E_NOMEM : IM_OK;
}

static int on_backup(void *arg, struct im_str folder, struct im_buf *why)
{
	struct bridge *b = arg;

	return backup_start(upkeep_backup(b->upkeep), folder, why);
}

static void on_erase(void *arg, uint64_t id)
{
	struct bridge *b = arg;

	erasure_asked(upkeep_erasure(b->upkeep), id);
}

static int on_name_key(void *arg, struct im_sipkey *out, struct im_buf *why)
{
	const struct bridge *b = arg;
	struct im_sipkey fresh;

	if (getrandom(&fresh, sizeof(fresh), 0) == sizeof(fresh))
		return name_key_make(b->conf.opt.data_dir, &fresh, out, why);
	im_buf_z(why, "the kernel gives no random bytes");
	return IM_E_IO;
}

static void on_renamed(void *arg)
{
	struct bridge *b = arg;

	readers_forget_names(b->readers);
	engine_forget_names(b->engine);
}

static bool on_hold(void *arg, struct im_str uid, struct im_str device, struct im_str response)
{
	struct bridge *b = arg;

	return upkeep_hold(b->upkeep, uid, device, response);
}

static void on_held_done(void *arg, struct im_str uid, struct im_str device, struct im_str response)
{
	struct bridge *b = arg;

	engine_respond(b->engine, uid, device, response);
}

static void on_appended(void *arg, enum shared_answer answer)
{
	struct bridge *b = arg;
	struct engine_now t = now();

	engine_appended(b->engine, answer, &t);
}

static void on_news(void *arg)
{
	struct bridge *b = arg;
	struct engine_now t = now();

	if (b->engine)
		engine_follow(b->engine, &t);
}

/* -- start -- */

static int open_search(struct bridge *b, struct im_buf *why)
{
	struct store_reader *reader;
	int rc = b->backend->reader_open(b->store, &reader);

	if (rc) {
		im_buf_z(why, "the log could not be opened for reading");
		return rc;
	}
	rc = search_index_start(b->conf.opt.data_dir, b->backend, reader, &b->index, why);
	/* The index has it, when there is one. */
	if (rc)
		b->backend->reader_close(reader);
	return rc;
}

static int open_databases(struct bridge *b, struct im_buf *why)
{
	struct reader_parts p = {
		.folder = b->conf.opt.data_dir,
		.search = b->conf.opt.search,
		.log = b->log,
	};
	int rc;

	b->backend = p.backend = &store_sqlite;
	rc = directory_open(b->conf.opt.data_dir, &b->dir, why);
	if (!rc)
		rc = premises_settings(b->dir, &b->conf.opt, why);
	if (!rc)
		rc = premises_log(b->dir, b->conf.opt.data_dir, why);
	if (!rc)
		rc = b->backend->open(b->conf.opt.data_dir, &b->store, why);
	if (!rc && b->conf.opt.search)
		rc = open_search(b, why);
	p.store = b->store;
	return rc ? rc
		  : readers_open(&p, (unsigned)b->conf.opt.reader_threads,
			    (uint32_t)b->conf.opt.reader_queue, &b->readers, why);
}

/* What an older backup has brought back. */
static int erase_again(struct bridge *b, const struct engine_now *t, struct im_buf *why)
{
	struct erasure_again *again = &b->again;

	*again = (struct erasure_again){
		.data_dir = b->conf.opt.data_dir, .log = b->log, .now_ms = t->wall_ms, .why = why};
	if (!engine_call(b->engine, erasure_again, again, t)) {
		if (!why->n)
			im_buf_printf(why, "what was erased could not be compared: %s",
				directory_errmsg(b->dir));
		return IM_E_IO;
	}
	if (again->n)
		log_line(b->log, LOG_LEVEL_WARNING, "erasures_again",
			"n=%u what=\"the databases are from before these; they are erased again\"",
			again->n);
	return IM_OK;
}

static int build_upkeep(struct bridge *b)
{
	struct upkeep_parts p = {.backend = b->backend,
		.store = b->store,
		.dir = b->dir,
		.index = b->index,
		.data_dir = b->conf.opt.data_dir,
		.health = engine_health(b->engine),
		.log = b->log,
		.mono_ms = mono_ms,
		.arg = b,
		.renamed = on_renamed,
		.reply = on_held_done};

	return upkeep_new(&p, &b->upkeep);
}

static int join_cluster(struct bridge *b, const struct im_sipkey *key, struct im_buf *why)
{
	const struct options *o = &b->conf.opt;
	const struct member_parts p = {.loop = b->loop,
		.log = b->log,
		.store = b->store,
		.dir = b->dir,
		.data_dir = o->data_dir,
		.database = o->cluster_database,
		.password_file = o->cluster_password_file,
		.name = o->cluster_name,
		.number = (unsigned)o->cluster_node,
		.key = *key,
		.mono_ms = mono_ms,
		.arg = b,
		.answered = on_appended,
		.news = on_news};

	int rc;

	if (!o->cluster_node || !o->cluster_name) {
		im_buf_z(why,
			"cluster_database needs cluster_node, this node's number from 1 on, and "
			"cluster_name");
		return IM_E_FORMAT;
	}
	rc = member_new(&p, &b->member, why);
	if (rc)
		return rc;
	member_start(b->member);
	while (member_importing(b->member) && !member_fatal(b->member) && !b->stopping)
		if (loop_turn(b->loop, member_tick(b->member)))
			break;
	if (!member_importing(b->member))
		return IM_OK;
	im_buf_z(why,
		member_fatal(b->member)
			? member_fatal(b->member)
			: "stopped while its databases were put into the cluster's log; it goes "
			  "on with the next start");
	return IM_E_IO;
}

static int build(struct bridge *b, struct im_buf *why)
{
	struct engine_parts ep = {.backend = b->backend,
		.store = b->store,
		.dir = b->dir,
		.readers = b->readers,
		.log = b->log,
		.moderation = &b->conf.words,
		.hooks = {.arg = b,
			.stats = on_stats,
			.backup = on_backup,
			.erase = on_erase,
			.name_key = on_name_key},
		.hold = on_hold,
		.dedup_entries = (uint32_t)b->conf.opt.dedup_entries,
		.dedup_window_ms = b->conf.opt.dedup_hours * 3600 * 1000};
	struct brokers_parts bp = {.dir = b->dir,
		.loop = b->loop,
		.log = b->log,
		.paths = &b->conf.opt.broker,
		.username = b->conf.opt.link_username,
		.data_dir = b->conf.opt.data_dir,
		.now = now};
	struct engine_settings set = config_settings(&b->conf);
	struct engine_now t = now();
	int rc;

	if (getrandom(&ep.key, sizeof(ep.key), 0) != sizeof(ep.key) ||
		getrandom(&ep.instance, sizeof(ep.instance), 0) != sizeof(ep.instance)) {
		im_buf_z(why, "the kernel gives no random bytes");
		return IM_E_IO;
	}
	rc = b->conf.opt.cluster_database ? join_cluster(b, &ep.key, why) : IM_OK;
	if (rc)
		return rc;
	ep.shared = b->member ? member_shared(b->member) : NULL;
	rc = engine_new(&ep, &set, &t, &b->engine, why);
	if (rc)
		return rc;
	bp.engine = b->engine;
	rc = brokers_new(&bp, &b->brokers, why);
	if (rc)
		return rc;
	rc = build_upkeep(b);
	if (rc && rc != IM_E_NOMEM)
		im_buf_printf(why, "the erasures that go on could not be read: %s",
			directory_errmsg(b->dir));
	if (!rc)
		rc = erase_again(b, &t, why);
	if (rc && rc != IM_E_NOMEM)
		return rc;
	b->announcing = announcing_new(b->dir, b->log);
	if (rc || !b->announcing ||
		loop_watch(b->loop, readers_fd(b->readers), on_reads, b, &b->reads)) {
		im_buf_z(why, "out of memory");
		return IM_E_NOMEM;
	}
	upkeep_set(b->upkeep, b->conf.opt.retention_days);
	b->started_ms = t.mono_ms;
	return IM_OK;
}

/* -- the loop -- */

static void tell_health(struct bridge *b, int64_t at_ms)
{
	int64_t every = health_watchdog_ms();

	if (every && at_ms >= b->alive_at_ms) {
		health_alive();
		b->alive_at_ms = at_ms + every;
	}
	if (brokers_ready(b->brokers) && !b->ready_said) {
		b->ready_said = true;
		health_ready();
	}
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void tell_cost(struct bridge *b)
{
	const struct engine_settings set = config_settings(&b->conf);

	b->cost_said = password_announce(b->dir, &set.rpc) == IM_OK;
}

/* A piece of what is announced; returns when the next one is due. */
static int64_t announce(struct bridge *b, const struct engine_now *t)
{
	int64_t wait = announcing_due(b->announcing, t->mono_ms);
	bool done;

	if (wait > 0 || b->stopping)
		return wait > 0 ? wait : INT64_MAX;
	done = engine_call(b->engine, announcing_piece, b->announcing, t);
	announcing_ended(b->announcing, done, t->mono_ms);
	return 0;
}

/* Everything that is due by time; returns how long to wait at most. */
static int64_t work(struct bridge *b)
{
	struct engine_now t = now();
	int64_t wait = engine_tick(b->engine, &t);

	if (b->member)
		wait = min64(wait, member_tick(b->member));
	if (!engine_busy(b->engine)) {
		if (!b->cost_said)
			tell_cost(b);
		/* What it takes away is not offered to a shared log. */
		if (!b->member)
			wait = min64(wait, upkeep_step(b->upkeep, t.wall_ms, t.mono_ms));
		wait = min64(wait, announce(b, &t));
	}
	tell_health(b, t.mono_ms);
	if (health_watchdog_ms())
		wait = min64(wait, b->alive_at_ms - t.mono_ms);
	return wait < 0 ? 0 : wait;
}

static bool finished(struct bridge *b)
{
	if (engine_fatal(b->engine) || (b->member && member_fatal(b->member)))
		return true;
	return b->stopping && (engine_idle(b->engine) || mono_ms() >= b->stop_at_ms ||
				      !brokers_connected(b->brokers));
}

/* Until it is to end. IM_E_IO: it must, the loop itself has failed. */
static int run(struct bridge *b)
{
	int64_t wait = 0;
	int rc = IM_OK;

	while (!rc && !finished(b)) {
		if (engine_takes_reads(b->engine))
			loop_add(b->reads, LOOP_READ);
		else
			loop_del(b->reads, LOOP_READ);
		rc = loop_turn(b->loop, wait);
		if (rc)
			log_line(b->log, LOG_LEVEL_ERROR, "loop_failed", "why=\"%s\"",
				strerror(errno));
		wait = work(b);
	}
	engine_reads(b->engine);
	return rc;
}

static void close_all(struct bridge *b)
{
	brokers_free(&b->brokers);
	loop_unwatch(&b->reads);
	announcing_free(&b->announcing);
	upkeep_free(&b->upkeep);
	readers_close(&b->readers);
	search_index_stop(&b->index);
	engine_free(&b->engine);
	member_free(&b->member);
	if (b->store)
		b->backend->close(b->store);
	if (b->dir)
		directory_close(&b->dir);
	if (b->lock_fd >= 0)
		close(b->lock_fd);
	signals_close(&b->signals);
	loop_close(&b->loop);
	config_clear(&b->conf);
	log_free(&b->log);
}

static int start(struct bridge *b, const char *conf_path, struct im_buf *why)
{
	int rc = config_read(&b->conf, conf_path, why);

	if (rc)
		return rc;
	b->log = log_new(STDERR_FILENO, (enum log_level)b->conf.opt.log_level,
		(enum log_dest)b->conf.opt.log_dest);
	/* Before the first thread, which would take them. */
	if (!b->log || loop_open(loop_ms, NULL, &b->loop) ||
		signals_open(b->loop, on_signal, b, &b->signals)) {
		im_buf_z(why, "no memory or no file descriptor left");
		return IM_E_NOMEM;
	}
	config_say(&b->conf, b->log);
	rc = premises_files((unsigned)b->conf.opt.reader_threads, why);
	if (!rc)
		rc = premises_lock(b->conf.opt.data_dir, &b->lock_fd, why);
	if (!rc)
		rc = config_words(&b->conf, b->log, why);
	if (!rc)
		rc = open_databases(b, why);
	return rc ? rc : build(b, why);
}

int service_run(const char *conf_path)
{
	struct bridge b = {.lock_fd = -1};
	struct im_buf why;
	int status = EXIT_SUCCESS;

	umask(UMASK);
	im_buf_init(&why, 0);
	if (start(&b, conf_path, &why)) {
		if (!why.n)
			im_buf_z(&why, "out of memory");
		if (b.log)
			log_line(b.log, LOG_LEVEL_ERROR, "start_refused", "why=\"%.*s\"",
				IM_ARGS(im_buf_view(&why)));
		else
			fprintf(stderr, "im-bridge: %.*s\n", IM_ARGS(im_buf_view(&why)));
		status = EXIT_FAILURE;
	} else {
		log_line(b.log, LOG_LEVEL_INFO, "started", "version=%s data_dir=%s", IM_VERSION,
			b.conf.opt.data_dir);
		if (run(&b) || engine_fatal(b.engine))
			status = EXIT_FAILURE;
		if (b.member && member_fatal(b.member)) {
			log_line(b.log, LOG_LEVEL_ERROR, "cluster_left", "why=\"%s\"",
				member_fatal(b.member));
			status = EXIT_FAILURE;
		}
		log_line(b.log, LOG_LEVEL_INFO, "stopped", "status=%d", status);
	}
	im_buf_free(&why);
	close_all(&b);
	return status;
}
