/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole nodes in one process: bridges, each an engine with a store, under them brokers, each a fake
 * one with mosquitto_im.so in it, and devices that behave as an app does. Time is the test's; what
 * travels between plugin and bridge can be held up, lost, or cut off at any step, and commits can
 * be made to fail.
 */
#ifndef IM_TESTS_FLOW_H
#define IM_TESTS_FLOW_H

#include "tests/unit/unit.h"

#include <stdbool.h>

#include "tests/lib/fake_broker.h"
#include "tests/unit/rig.h"

#define FLOW_LINK "/run/link"
#define FLOW_NODES_MAX 3
#define FLOW_BROKERS_MAX 3
#define FLOW_DEVICES_MAX 64

/* What a test of the tests breaks on purpose. */
enum flow_sabotage {
	FLOW_SOUND,
	FLOW_FORGETS,              /* some commits say that they worked, and did not */
	FLOW_TWICE,                /* commits do not note what they have taken */
	FLOW_LOSES_EVENT,          /* a stored event is gone */
	FLOW_BLIND,                /* devices do not see holes */
	FLOW_DEAF,                 /* devices do not sync when they are behind */
	FLOW_UNMOVED,              /* devices take no notice of recalls */
	FLOW_HASTY,                /* devices acknowledge in spite of holes in what they count */
	FLOW_COUNTS_ALL,           /* whatever came after the mark is unread */
	FLOW_OF_ONE,               /* those above show with one broker, those below with several */
	FLOW_UNTOLD = FLOW_OF_ONE, /* a device that has moved is not told to go where it was */
	FLOW_MISLED,               /* it is told to go where it is */
	FLOW_HOMELESS,             /* where it is is not noted */
};

struct flow_frame {
	char *p;
	size_t n;
	struct flow_frame *next;
};

struct flow_queue {
	struct flow_frame *first, **end;
	size_t bytes;
};

struct flow;
struct flow_node;
struct flow_device;
struct flow_append;
struct flow_member;

/* A broker with the plugin, and its link to the bridge. */
struct flow_broker {
	struct flow_node *n;
	unsigned number; /* by which its bridge knows it, from 1 on */
	struct fake_state *fake;
	char folder[96]; /* the plugin's: its spool is there */
	const char *spool_size, *device_policy;
	bool newer;
	bool is_up;
	bool stopped; /* as by SIGSTOP: it does nothing, and nobody is told */
	struct peer *peer;
	struct mosquitto *link;
	struct flow_queue up, down;
	unsigned lose_up, lose_down; /* frames, so many of a thousand */
	unsigned lose_inbox;         /* deliveries to a device, likewise: its queue is full */
	unsigned level; /* what its plugin says it is, where that is not so; 0: it is */
	/* What its bridge has sent it since flow_forget_told. */
	struct flow_told *told; /* see flow_told */
	unsigned answers, rooms;
	bool served; /* anything but being asked who it is */
};

/* A bridge with its databases, and the brokers under it. */
struct flow_node {
	struct flow *f;
	struct rig rig;
	bool is_up;
	struct flow_broker brokers[FLOW_BROKERS_MAX];
	size_t n_brokers;
	struct flow_append *append;           /* the bridge's shared log, NULL: it has none */
	struct flow_member *member;           /* of a cluster; NULL: of none */
	unsigned fail_commit, fail_directory; /* so many of a thousand */
	bool broken;                          /* every commit fails */
	bool halved; /* a directory's commit has failed since it was last set to false */
};

struct flow {
	int64_t wall_ms, mono_ms;
	struct prng random; /* of the faults */
	enum flow_sabotage sabotage;
	struct flow_node nodes[FLOW_NODES_MAX];
	size_t n_nodes;
	struct flow_device *devices[FLOW_DEVICES_MAX];
	size_t n_devices;
};

/* A test over either store, which its set-up finds in *state. */
#define FLOW_TEST(name, start, stop)                                  \
	cmocka_unit_test_prestate_setup_teardown(                     \
		name, start, stop, (void *)(uintptr_t)&store_memory), \
		cmocka_unit_test_prestate_setup_teardown(             \
			name, start, stop, (void *)(uintptr_t)&store_sqlite)

/* A node with these users (uids, NULL-terminated; password "pw"; the first one is an
 * administrator): bridge, a broker, plugin. */
struct flow *flow_start(const struct store_backend *backend, const char *const *users);
void flow_stop(struct flow *f);
/* For FLOW_TEST: the same of what *state is, allocated, with its struct flow * as first member. */
int flow_end(void **state);
/* After a failure nothing can be stopped in order: only what lies on the disk goes. */
void flow_discard(struct flow *f);
/* Another node, of users of its own. */
struct flow_node *flow_add_node(
	struct flow *f, const struct store_backend *backend, const char *const *users);
/* Another broker under the node's bridge, which must not be up: it is told of all at its start. */
struct flow_broker *flow_add_broker(struct flow_node *n);
/* The first ones. */
struct flow_node *flow_node(struct flow *f);
struct flow_broker *flow_broker(struct flow *f);

/* One step: a turn of each broker's loop, then the frames under way. */
void flow_step(struct flow *f);
/* Steps until nothing moves any more. */
void flow_settle(struct flow *f);
/* Time passes, with everything that is due. */
void flow_pass(struct flow *f, int64_t ms);

/* kill -9. Frames that were under way are gone. */
void flow_kill_bridge(struct flow_node *n);
void flow_start_bridge(struct flow_node *n);
void flow_kill_broker(struct flow_broker *b);
void flow_start_broker(struct flow_broker *b);
/* The connection breaks; the bridge comes back at once. */
void flow_break_link(struct flow_broker *b);
/* It breaks, and stays so until flow_mend_link. */
void flow_cut_link(struct flow_broker *b);
void flow_mend_link(struct flow_broker *b);

/* How many records that are no answers this broker was sent for a user. */
unsigned flow_told(const struct flow_broker *b, const char *uid);
void flow_forget_told(struct flow_broker *b);

/* For FLOW_LOSES_EVENT: stored read marks' events are gone. */
void flow_lose_events(struct flow_node *n);

/* -- for the files beside this one -- */

bool flow_chance(struct flow *f, unsigned of_thousand);
struct engine_now flow_now(const struct flow *f);
/* This broker is the one that acts. */
void flow_enter(const struct flow_broker *b);
void flow_broker_init(struct flow_broker *b, struct flow_node *n);
void flow_broker_clear(struct flow_broker *b);
/* Its bridge has begun, which is told of all before the first one is linked; and is gone. */
void flow_broker_join(struct flow_broker *b);
void flow_broker_link(struct flow_broker *b);
void flow_broker_leave(struct flow_broker *b);
void flow_broker_turn(struct flow_broker *b);
/* A frame moves up, and one down. */
void flow_broker_frames(struct flow_broker *b);
/* Something is under way. */
bool flow_broker_busy(const struct flow_broker *b);

/* What sabotage makes of a frame on its way down. */
void flow_spoil(enum flow_sabotage how, struct flow_frame *m);

/* -- the plugin's inside (flow_plugin.c): the only file that knows it -- */
int flow_plugin_load(struct flow_broker *b);
void flow_plugin_crash(void);

#endif
