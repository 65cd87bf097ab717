/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node that has nothing but its end of the shared log: asks, and keeps what it was answered. All
 * nodes of a test are in one loop.
 */
#ifndef IM_TESTS_LOG_NODE_H
#define IM_TESTS_LOG_NODE_H

#include "bridge/cluster/pg_log.h"
#include "tests/cluster/postgres.h"
#include "tests/unit/unit.h"

#define SEEN_MAX 512

/* A server, and in it a database of the test's own. */
struct log_world {
	struct postgres *pg;
	char database[32];
	const char *password_file;
	struct loop *loop;
	struct log *log;
	int log_fd;       /* what is logged can be read from it */
	int64_t until_ms; /* when the test is to have come to its end */
};

struct log_node {
	struct log_world *w;
	unsigned number;
	struct pg_log *log;
	/* How often each event came, and what the last one said. */
	unsigned connected, appended, read, lost, rung;
	enum cluster_append answer;
	struct cluster_place end, at; /* the log's, and where this node is */
	bool forked, trimmed, fatal;
	char why[512];
	struct {
		uint64_t epoch, recno, pos;
	} marks[8];
	size_t n_marks;
	struct cluster_entry *seen[SEEN_MAX]; /* copies, with all in them */
	size_t n_seen;
	int entry_returns;     /* what the next entry is met with */
	bool ends_in_an_event; /* disconnects when the next event comes */
};

/* Group: starts the server, and stops it. Test: a database, owned by im; *state is the world. */
int log_group_set_up(void **state);
int log_group_tear_down(void **state);
int log_set_up(void **state);
int log_tear_down(void **state);

/* For a process of its own. */
struct loop *log_loop_new(void);

/* conninfo NULL: as im, to the world's database. */
struct log_node *log_node_new(struct log_world *w, unsigned number, const char *conninfo);
void log_node_free(struct log_node **n);
/* A connection string for the world's database and this role. */
const char *log_conninfo(const struct log_world *w, const char *role);
/* All that was logged since the last call, in static memory. */
const char *log_lines(struct log_world *w);

/* Turns the loop once, and fails when the test has taken too long. */
void log_turn(struct log_world *w);
/* Turns the loop until *counter, one of the node's, is `value`, or fails; so it does when the
 * connection is lost, unless that is awaited. */
void log_await(struct log_node *n, const unsigned *counter, unsigned value);

/* Each asks and awaits the answer. */
void log_connect(struct log_node *n, uint64_t incarnation);
void log_connect_new(struct log_node *n);                        /* as a process that begins */
void log_connect_lost(struct log_node *n, uint64_t incarnation); /* lost answers */
enum cluster_append log_append(struct log_node *n, const struct cluster_entry *e);
void log_read(struct log_node *n, uint32_t limit);
void log_lock(struct log_node *n);

/* An entry of the node's, next behind where it is; the digest is made up of what is in it. */
struct cluster_entry log_entry(const struct log_node *n);
/* The same with n positions. */
struct cluster_entry log_entry_of(const struct log_node *n, uint64_t positions);
/* Appends an empty one, which is taken. */
void log_say(struct log_node *n);

#endif
