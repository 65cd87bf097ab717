/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conductor: an up frame comes in, its records are handled inside one transaction, the
 * transaction is committed, and only then do down frames go out. No I/O of its own: the databases
 * are behind store.h and directory.h, frames leave through a callback, time is a parameter.
 *
 * One thread. The states:
 *   waiting  HELLO was said and not answered. The answer says where the spool begins. At any time a
 *            batch that does not follow what is committed is dropped, because something before it
 *            was lost; HELLO is said, and everything from there on comes again.
 *   stalled  a commit has failed: the batch in hand is kept and tried again with back-off; what
 *            arrives meanwhile is dropped and asked for again with HELLO. The spool holds it.
 */
#ifndef IM_BRIDGE_ENGINE_H
#define IM_BRIDGE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/admin/admin_hooks.h"
#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/engine/sessions.h"
#include "bridge/read/readers.h"
#include "bridge/rpc/rpc.h"
#include "bridge/store/store.h"
#include "common/err.h"
#include "common/may.h"
#include "common/siphash.h"
#include "common/str.h"

struct engine;

struct engine_now {
	int64_t wall_ms; /* milliseconds since 1970 */
	int64_t mono_ms; /* never set back: for waiting */
};

/* Takes a copy of what it needs of the frame; nothing is told about its fate (the plugin is). */
typedef void (*engine_send_fn)(void *arg, struct im_str frame);

/* Borrowed. */
struct engine_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct readers *readers;
	struct log *log;
	engine_send_fn send;
	void *send_arg;
	struct moderation *moderation; /* what bodies may hold; NULL: anything */
	struct admin_hooks hooks;
	/* As in requests_parts: an administrator's response that is to wait. May be NULL. */
	bool (*hold)(void *arg, struct im_str uid, struct im_str device, struct im_str response);
	struct im_sipkey key; /* random */
	uint64_t instance;    /* random: names this process in HELLO */
	uint32_t dedup_entries;
	int64_t dedup_window_ms;
};

/* May change while running. */
struct engine_settings {
	struct rpc_settings rpc;
	struct sessions_settings sessions;
	enum im_direct_policy direct_policy; /* of users who have set none */
	int64_t rate_cost;    /* units a second that one user's requests may cost; 0: no limit */
	size_t backlog_bytes; /* of deliveries that wait for their turn */
};

/* Recovers: the directory follows the log, the window of message ids is read from its tail. */
int engine_new(const struct engine_parts *p, const struct engine_settings *set,
	const struct engine_now *now, struct engine **out, struct im_buf *why) IM_MUST_CHECK;
void engine_free(struct engine **e);
void engine_set(struct engine *e, const struct engine_settings *set);

/* The link is subscribed and carries frames; it is gone. */
void engine_linked(struct engine *e, const struct engine_now *now);
void engine_unlinked(struct engine *e);
/* An up frame. */
void engine_up(struct engine *e, struct im_str frame, const struct engine_now *now);
/* The readers have finished jobs: their answers are queued for the link. To be called while
 * engine_takes_reads says so; it says no while too many answers wait. */
void engine_reads(struct engine *e);
bool engine_takes_reads(const struct engine *e);
/* fn in a transaction of its own, before there is a link; false: it did not happen, and the engine
 * is not to be used. */
bool engine_call(struct engine *e, int (*fn)(void *arg, struct writer *w), void *arg,
	const struct engine_now *now) IM_MUST_CHECK;
/* A user has another name. */
void engine_forget_names(struct engine *e);
/* A response that was held back. */
void engine_respond(
	struct engine *e, struct im_str uid, struct im_str device, struct im_str response);
/* Work that is due by time. Returns after how many ms it wants to be called again at the latest. */
int64_t engine_tick(struct engine *e, const struct engine_now *now);
/* From now on only what is committed is sent; new batches are left in the spool. */
void engine_drain(struct engine *e);
/* Nothing waits to be sent. */
bool engine_idle(const struct engine *e);

/* Somebody else writes to the log: the process must end. */
bool engine_fatal(const struct engine *e);
/* The plugin has answered HELLO on this link and its snapshot is in. */
bool engine_ready(const struct engine *e);
/* What the plugin has said it understands, on this link: effects_level. */
unsigned engine_plugin_level(const struct engine *e);
/* No transaction may be begun by others while it is stalled. */
bool engine_stalled(const struct engine *e);
struct health *engine_health(struct engine *e);
void engine_gauges(const struct engine *e, struct health_gauges *out);
/* The plugin's counters as it told them last (JSON object), n == 0 if it never did. */
struct im_str engine_plugin_stats(const struct engine *e);

#endif
