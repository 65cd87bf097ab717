/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole node in one process: mosquitto_im.so in the fake broker, the engine, a store, and devices
 * that behave as an app does. Time is the test's; what travels between plugin and bridge can be
 * held up, lost, or cut off at any step, and commits can be made to fail.
 */
#ifndef IM_TESTS_FLOW_H
#define IM_TESTS_FLOW_H

#include "tests/unit/unit.h"

#include <stdbool.h>

#include "bridge/engine/engine.h"
#include "bridge/store/store.h"
#include "tests/lib/fake_broker.h"

#define FLOW_LINK "/run/link"
#define FLOW_DEVICES_MAX 64

/* What a test of the tests breaks on purpose. */
enum flow_sabotage {
	FLOW_SOUND,
	FLOW_FORGETS,     /* some commits say that they worked, and did not */
	FLOW_TWICE,       /* commits do not note what they have taken */
	FLOW_LOSES_EVENT, /* a stored event is gone */
	FLOW_BLIND,       /* devices do not see holes */
	FLOW_DEAF,        /* devices do not sync when they are behind */
	FLOW_UNMOVED,     /* devices take no notice of recalls */
	FLOW_COUNTS_ALL,  /* whatever came after the mark is unread */
	FLOW_SABOTAGES
};

struct flow_frame {
	char *p;
	size_t n;
	struct flow_frame *next;
};

struct flow_queue {
	struct flow_frame *first, **end;
};

struct flow_device;
struct flow_append;

struct flow {
	char folder[64];
	int64_t wall_ms, mono_ms;
	bool newer;
	const char *spool_size;
	/* the bridge */
	struct store_backend backend;
	struct store *store;
	struct directory *dir;
	struct readers *readers;
	struct log *log;
	struct engine *engine;
	struct peer *peer;
	struct engine_settings set;
	bool bridge_up, broker_up;
	struct mosquitto *link;
	struct flow_queue up, down;
	/* faults: so many of a thousand */
	struct prng random;
	unsigned lose_up, lose_down, fail_commit;
	unsigned fail_directory;
	bool broken;                /* every commit fails */
	struct flow_append *append; /* the bridge's shared log, NULL: it has none */
	bool halved; /* a directory's commit has failed since it was last set to false */
	enum flow_sabotage sabotage;
	struct flow_device *devices[FLOW_DEVICES_MAX];
	size_t n_devices;
};

/* Folder, users (uids, NULL-terminated; password "pw"; the first one is an administrator), broker,
 * plugin and bridge. */
struct flow *flow_start(const struct store_backend *backend, const char *const *users);
void flow_stop(struct flow *f);
/* After a failure nothing can be stopped in order: only what lies on the disk goes. */
void flow_discard(struct flow *f);

/* One step: a turn of the broker's loop, then the frames under way. */
void flow_step(struct flow *f);
/* Steps until nothing moves any more. */
void flow_settle(struct flow *f);
/* Time passes, with everything that is due. */
void flow_pass(struct flow *f, int64_t ms);

/* kill -9. Frames that were under way are gone. */
void flow_kill_bridge(struct flow *f);
void flow_start_bridge(struct flow *f);
void flow_kill_broker(struct flow *f);
void flow_start_broker(struct flow *f);
/* The connection breaks; the bridge comes back at once. */
void flow_break_link(struct flow *f);

/* For FLOW_LOSES_EVENT: stored read marks' events are gone. */
void flow_lose_events(struct flow *f);

/* -- the plugin's inside (flow_plugin.c): the only file that knows it -- */
int flow_plugin_load(struct flow *f);
void flow_plugin_crash(struct flow *f);

#endif
