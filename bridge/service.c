/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the process: configuration, lock, the wiring of link, engine and databases, signals, and the
 * one poll loop. Decides nothing about messages.
 */
#include "bridge/service.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bridge/admin/erasure_again.h"
#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/config.h"
#include "bridge/engine/engine.h"
#include "bridge/link/link.h"
#include "bridge/link/link_key.h"
#include "bridge/message/moderation.h"
#include "bridge/options.h"
#include "bridge/premises.h"
#include "bridge/read/readers.h"
#include "bridge/rpc/password.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"
#include "bridge/upkeep/backup.h"
#include "bridge/upkeep/erasure.h"
#include "bridge/upkeep/upkeep.h"
#include "schema/name_key.h"

/* Whatever this process makes holds what people have written: for its user alone. */
#define UMASK 0077
/* For what is committed to be delivered after SIGTERM. */
#define DRAIN_MS 5000

struct bridge {
	const char *conf_path;
	struct options opt;
	struct moderation moderation;
	struct log *log;
	int lock_fd, signal_fd;
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct readers *readers;
	struct search_index *index;
	struct engine *engine;
	struct link *link;
	struct backup *backup;
	struct upkeep *upkeep;
	struct erasure *erasure;
	int64_t started_ms, stop_at_ms, alive_at_ms;
	bool stopping, ready_said, cost_said;
};

static struct engine_now now(void)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (struct engine_now){(int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
		(int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000};
}

static int64_t mono_ms(void)
{
	return now().mono_ms;
}

/* -- configuration -- */

static int load_words(struct bridge *b, struct im_buf *why)
{
	int rc = moderation_load(
		&b->moderation, b->opt.word_list, (enum moderation_action)b->opt.word_action, why);

	if (!rc && b->moderation.words)
		log_line(b->log, LOG_LEVEL_INFO, "words", "file=%s entries=%zu", b->opt.word_list,
			wordlist_size(b->moderation.words));
	return rc;
}

static void reload(struct bridge *b)
{
	struct options fresh;
	struct engine_settings set;
	struct im_buf text, words;

	im_buf_init(&text, 0);
	if (config_read(b->conf_path, &fresh, &text)) {
		log_line(b->log, LOG_LEVEL_ERROR, "reload_refused",
			"why=\"%.*s\" what=\"the old configuration stays\"",
			LOG_S(im_buf_view(&text)));
		im_buf_free(&text);
		return;
	}
	options_reload(&b->opt, &fresh, &text);
	options_clear(&fresh);
	set = config_settings(&b->opt, &b->moderation);
	engine_set(b->engine, &set);
	b->cost_said = false;
	upkeep_set(b->upkeep, b->opt.retention_days);
	log_set_level(b->log, (enum log_level)b->opt.log_level);
	im_buf_init(&words, 0);
	if (load_words(b, &words))
		log_line(b->log, LOG_LEVEL_ERROR, "words_refused",
			"why=\"%.*s\" what=\"the old list stays\"", LOG_S(im_buf_view(&words)));
	im_buf_free(&words);
	log_line(b->log, LOG_LEVEL_INFO, "reloaded", "file=%s", b->conf_path);
	if (text.n)
		log_line(b->log, LOG_LEVEL_WARNING, "reload_incomplete",
			"keys=\"%.*s\" what=\"these take effect at the next start\"",
			LOG_S(im_buf_view(&text)));
	im_buf_free(&text);
}

/* -- what the parts call -- */

static void on_send(void *arg, struct im_str frame)
{
	struct bridge *b = arg;

	if (b->link)
		link_send(b->link, frame);
}

static void on_up(void *arg, struct im_str frame)
{
	struct bridge *b = arg;
	struct engine_now t = now();

	engine_up(b->engine, frame, &t);
}

static void on_ready(void *arg)
{
	struct bridge *b = arg;
	struct engine_now t = now();

	engine_linked(b->engine, &t);
}

static void on_lost(void *arg)
{
	struct bridge *b = arg;

	engine_unlinked(b->engine);
}

static int on_stats(void *arg, struct im_buf *out)
{
	struct bridge *b = arg;
	struct health_gauges g;
	struct im_str plugin = engine_plugin_stats(b->engine);
	uint64_t head = 0;

	engine_gauges(b->engine, &g);
	erasure_progress(b->erasure, &g.erasures, &g.erasure_left);
	g.uptime_ms = mono_ms() - b->started_ms;
	/* Of messages: events take positions, too, and there is nothing in them to find. */
	if (b->index && !b->backend->log_head(b->store, &head) && head > search_index_gid(b->index))
		g.search_lag = head - search_index_gid(b->index);
	g.unnumbered = upkeep_unnumbered(b->upkeep);
	im_buf_z(out, "{\"bridge\":");
	health_json(engine_health(b->engine), &g, out);
	im_buf_z(out, ",\"plugin\":");
	im_buf_str(out, plugin.n ? plugin : IM_STR("null"));
	im_buf_printf(out, ",\"backup\":%s}", backup_running(b->backup) ? "true" : "false");
	return out->failed ? IM_E_NOMEM : IM_OK;
}

static int on_backup(void *arg, struct im_str folder, struct im_buf *why)
{
	struct bridge *b = arg;

	return backup_start(b->backup, folder, why);
}

static void on_erase(void *arg, uint64_t id)
{
	struct bridge *b = arg;

	erasure_asked(b->erasure, id);
}

static int on_name_key(void *arg, struct im_sipkey *out, struct im_buf *why)
{
	const struct bridge *b = arg;
	struct im_sipkey fresh;

	if (getrandom(&fresh, sizeof(fresh), 0) == sizeof(fresh))
		return name_key_make(b->opt.data_dir, &fresh, out, why);
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

	return backup_hold(b->backup, uid, device, response) ||
	       erasure_hold(b->erasure, uid, device, response);
}

static void on_held_done(void *arg, struct im_str uid, struct im_str device, struct im_str response)
{
	struct bridge *b = arg;

	engine_respond(b->engine, uid, device, response);
}

/* -- start -- */

static int open_databases(struct bridge *b, struct im_buf *why)
{
	struct store_reader *reader;
	struct reader_parts p = {
		.folder = b->opt.data_dir,
		.search = b->opt.search,
		.log = b->log,
	};
	int rc;

	b->backend = p.backend = &store_sqlite;
	rc = directory_open(b->opt.data_dir, &b->dir, why);
	if (!rc)
		rc = premises_settings(b->dir, &b->opt, why);
	if (!rc)
		rc = premises_log(b->dir, b->opt.data_dir, why);
	if (!rc)
		rc = b->backend->open(b->opt.data_dir, &b->store, why);
	if (!rc && b->opt.search) {
		rc = b->backend->reader_open(b->store, &reader);
		if (rc)
			im_buf_z(why, "the log could not be opened for reading");
		else
			rc = search_index_start(
				b->opt.data_dir, b->backend, reader, &b->index, why);
	}
	p.store = b->store;
	return rc ? rc
		  : readers_open(&p, (unsigned)b->opt.reader_threads, (uint32_t)b->opt.reader_queue,
			    &b->readers, why);
}

/* What an older backup has brought back. */
static bool erase_again(struct bridge *b, const struct engine_now *t)
{
	struct erasure_again again = {b->opt.data_dir, b->log, t->wall_ms, 0};
	bool done = engine_call(b->engine, erasure_again, &again, t);

	if (done && again.n)
		log_line(b->log, LOG_LEVEL_WARNING, "erasures_again",
			"n=%u what=\"the databases are from before these; they are erased again\"",
			again.n);
	return done;
}

static int build(struct bridge *b, struct im_buf *why)
{
	struct engine_parts ep = {.backend = b->backend,
		.store = b->store,
		.dir = b->dir,
		.readers = b->readers,
		.log = b->log,
		.send = on_send,
		.send_arg = b,
		.moderation = &b->moderation,
		.hooks = {b, on_stats, on_backup, on_erase, on_name_key},
		.hold = on_hold,
		.dedup_entries = (uint32_t)b->opt.dedup_entries,
		.dedup_window_ms = b->opt.dedup_hours * 3600 * 1000};
	struct backup_parts bp = {b->backend, b->store, b->dir, b->opt.data_dir, b->log};
	char client_id[LINK_CLIENT_ID_MAX];
	struct link_parts lp = {b->opt.broker, b->opt.link_username, b->opt.data_dir, client_id,
		b->log, b, on_up, on_ready, on_lost};
	struct engine_settings set = config_settings(&b->opt, &b->moderation);
	struct engine_now t = now();
	struct erasure_parts xp = {b->backend, b->store, b->dir, b->index, b->opt.data_dir, b->log,
		b, on_renamed, on_held_done};
	int rc;

	if (getrandom(&ep.key, sizeof(ep.key), 0) != sizeof(ep.key) ||
		getrandom(&ep.instance, sizeof(ep.instance), 0) != sizeof(ep.instance) ||
		link_key_client_id(client_id)) {
		im_buf_z(why, "the kernel gives no random bytes");
		return IM_E_IO;
	}
	rc = engine_new(&ep, &set, &t, &b->engine, why);
	if (rc)
		return rc;
	if (erasure_new(&xp, &b->erasure) || !erase_again(b, &t)) {
		im_buf_z(why, "the erasures could not be read from directory.db");
		return IM_E_IO;
	}
	b->backup = backup_new(&bp);
	b->upkeep = upkeep_new(&(struct upkeep_parts){
		b->backend, b->store, b->dir, b->index, engine_health(b->engine), b->log, mono_ms});
	if (!b->backup || !b->upkeep || link_new(&lp, &b->link)) {
		im_buf_z(why, "out of memory");
		return IM_E_NOMEM;
	}
	upkeep_set(b->upkeep, b->opt.retention_days);
	b->started_ms = t.mono_ms;
	return IM_OK;
}

/* -- the loop -- */

static void take_signals(struct bridge *b)
{
	struct signalfd_siginfo s;

	while (read(b->signal_fd, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGHUP) {
			reload(b);
			continue;
		}
		b->stop_at_ms = b->stopping ? 0 : mono_ms() + DRAIN_MS;
		b->stopping = true;
		health_stopping();
		engine_drain(b->engine);
		log_line(b->log, LOG_LEVEL_INFO, "stopping", "signal=%u", s.ssi_signo);
	}
}

static void tell_health(struct bridge *b, int64_t at_ms)
{
	int64_t every = health_watchdog_ms();

	if (every && at_ms >= b->alive_at_ms) {
		health_alive();
		b->alive_at_ms = at_ms + every;
	}
	if (engine_ready(b->engine) && !b->ready_said) {
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
	const struct engine_settings set = config_settings(&b->opt, &b->moderation);

	b->cost_said = password_announce(b->dir, &set.rpc) == IM_OK;
}

/* Everything that is due by time; returns how long to wait at most. */
static int64_t work(struct bridge *b)
{
	struct engine_now t = now();
	int64_t wait = engine_tick(b->engine, &t);

	if (!engine_stalled(b->engine)) {
		if (!b->cost_said)
			tell_cost(b);
		if (backup_running(b->backup)) {
			backup_step(b->backup, on_held_done, b);
			wait = 0;
		}
		wait = min64(wait, upkeep_step(b->upkeep, t.wall_ms, t.mono_ms));
		wait = min64(wait, erasure_step(b->erasure, t.wall_ms, t.mono_ms));
	}
	tell_health(b, t.mono_ms);
	if (health_watchdog_ms())
		wait = min64(wait, b->alive_at_ms - t.mono_ms);
	wait = min64(wait, link_timeout_ms(b->link, t.mono_ms));
	return wait < 0 ? 0 : wait;
}

static bool finished(struct bridge *b)
{
	if (engine_fatal(b->engine))
		return true;
	return b->stopping &&
	       (engine_idle(b->engine) || mono_ms() >= b->stop_at_ms || link_fd(b->link) < 0);
}

static void run(struct bridge *b)
{
	struct pollfd p[3] = {{.fd = b->signal_fd, .events = POLLIN},
		{.fd = readers_fd(b->readers), .events = POLLIN}};
	int64_t wait = 0;

	while (!finished(b)) {
		p[1].fd = engine_takes_reads(b->engine) ? readers_fd(b->readers) : -1;
		p[2].fd = link_fd(b->link);
		p[2].events = link_events(b->link);
		if (poll(p, 3, (int)wait) < 0)
			p[0].revents = p[1].revents = p[2].revents = 0;
		if (p[0].revents)
			take_signals(b);
		if (p[1].revents)
			engine_reads(b->engine);
		link_step(b->link, p[2].fd >= 0 ? p[2].revents : 0, mono_ms());
		wait = work(b);
	}
	engine_reads(b->engine);
	link_step(b->link, 0, mono_ms());
}

static void close_all(struct bridge *b)
{
	link_free(&b->link);
	upkeep_free(&b->upkeep);
	erasure_free(&b->erasure);
	backup_free(&b->backup);
	readers_close(&b->readers);
	search_index_stop(&b->index);
	engine_free(&b->engine);
	moderation_clear(&b->moderation);
	if (b->store)
		b->backend->close(b->store);
	if (b->dir)
		directory_close(&b->dir);
	if (b->lock_fd >= 0)
		close(b->lock_fd);
	if (b->signal_fd >= 0)
		close(b->signal_fd);
	options_clear(&b->opt);
	log_free(&b->log);
}

static int start(struct bridge *b, struct im_buf *why)
{
	sigset_t set;
	int rc = config_read(b->conf_path, &b->opt, why);

	if (rc)
		return rc;
	b->log = log_new(
		STDERR_FILENO, (enum log_level)b->opt.log_level, (enum log_dest)b->opt.log_dest);
	/* Before the first thread, so that all of them leave the signals to the loop. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	b->signal_fd = sigprocmask(SIG_BLOCK, &set, NULL)
			       ? -1
			       : signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (!b->log || b->signal_fd < 0) {
		im_buf_z(why, "no memory or no file descriptor left");
		return IM_E_NOMEM;
	}
	rc = premises_files((unsigned)b->opt.reader_threads, why);
	if (!rc)
		rc = premises_lock(b->opt.data_dir, &b->lock_fd, why);
	if (!rc)
		rc = load_words(b, why);
	if (!rc)
		rc = open_databases(b, why);
	return rc ? rc : build(b, why);
}

int service_run(const char *conf_path)
{
	struct bridge b = {.conf_path = conf_path, .lock_fd = -1, .signal_fd = -1};
	struct im_buf why;
	int status = EXIT_SUCCESS;

	umask(UMASK);
	im_buf_init(&why, 0);
	if (start(&b, &why)) {
		if (!why.n)
			im_buf_z(&why, "out of memory");
		if (b.log)
			log_line(b.log, LOG_LEVEL_ERROR, "start_refused", "why=\"%.*s\"",
				LOG_S(im_buf_view(&why)));
		else
			fprintf(stderr, "im-bridge: %.*s\n", LOG_S(im_buf_view(&why)));
		status = EXIT_FAILURE;
	} else {
		log_line(b.log, LOG_LEVEL_INFO, "started", "version=%s data_dir=%s", IM_VERSION,
			b.opt.data_dir);
		run(&b);
		if (engine_fatal(b.engine))
			status = EXIT_FAILURE;
		log_line(b.log, LOG_LEVEL_INFO, "stopped", "status=%d", status);
	}
	im_buf_free(&why);
	close_all(&b);
	return status;
}
