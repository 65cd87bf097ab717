/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node for the plugin's tests: a folder with a directory, the plugin in the fake broker, a manual
 * clock, and a bridge that notes what comes up and says what goes down.
 */
#ifndef IM_TESTS_PLUGIN_NODE_H
#define IM_TESTS_PLUGIN_NODE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "common/frame.h"
#include "schema/secret.h"
#include "tests/lib/fake_broker.h"
#include "tests/unit/unit.h"

/* An up record, copied. Strings end with NUL. */
struct node_record {
	uint64_t recno;
	uint8_t type, flags;
	int64_t ts_ms;
	char *user, *device, *target, *id, *reply_topic;
	struct im_str corr, payload;
};

struct node {
	char dir[64];
	sqlite3 *db;
	int64_t wall_ms, mono_us;
	int64_t mono_step_us; /* what each look at the clock takes */
	bool newer;
	struct mosquitto *bridge;
	bool commit; /* answer each batch at once */
	uint64_t epoch, last;
	struct node_record *records;
	size_t n_records;
	struct node_record *snapshot; /* of the last SESSIONS, all parts */
	size_t n_snapshot;
	unsigned batches, snapshots, credits;
	unsigned level; /* that the last SESSIONS said */
	char *stats;
};

/* A folder and a directory: users alice, bob, carol, root (admin), password "pw" each (cheap to
 * verify); group team (alice owner, bob), room hall (alice, bob). */
void node_folder(struct node *n);
void node_folder_remove(struct node *n);
void node_sql(struct node *n, const char *sql);

/* Loads the plugin; options are pairs, ending with NULL; data_dir and link_listener are set. */
int node_load(struct node *n, bool newer, const char *const options[]);
/* Folder, plugin, bridge. */
void node_start(struct node *n, bool newer, const char *const options[]);
void node_stop(struct node *n);
/* The test with a node in each generation of the broker; nobody who is away is ever kicked. */
void node_each(void (*test)(struct node *n), const char *const options[]);
/* The broker dies without a word (kill -9), or ends; folder and spool stay. */
void node_crash(struct node *n);
void node_unload(struct node *n);

/* The client id of the bridge here. */
#define NODE_LINK_ID "$im/0123456789abcdef"
/* What link.secret says now. */
void node_secret(const struct node *n, char password[SECRET_PASSWORD + 1]);
void node_bridge(struct node *n); /* connects and says HELLO */
void node_hello(struct node *n);
void node_down(
	struct node *n, const struct im_down_rec *r, const struct im_recipient *to, uint32_t n_to);
/* An event for alice, at QoS 1, carried out when it returns. */
void node_event(struct node *n, const char *payload);
void node_committed(struct node *n, uint64_t epoch, uint64_t recno);
void node_frame(struct node *n, struct im_str frame);
/* A number of the plugin's counters. */
uint64_t node_stat(struct node *n, const char *name);
/* Turns of the loop until nothing moves. */
void node_settle(struct node *n);
void node_pass(struct node *n, int64_t ms);
/* Until who has been told of his end is disconnected. */
void node_end(struct node *n);
void node_forget_records(struct node *n);

struct mosquitto *node_client(struct node *n, const char *user, const char *id, int version);
/* The payloads that the client has received since, with blanks between. Valid until the next call.
 */
const char *node_heard(struct mosquitto *c);
/* The i-th record of the type (from 0), or NULL. */
const struct node_record *node_find(const struct node *n, uint8_t type, size_t i);
size_t node_count(const struct node *n, uint8_t type);
/* The types of a device's session records as text: "OSC". */
const char *node_life(const struct node *n, const char *device);

#endif
