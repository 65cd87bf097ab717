/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several nodes over one log in memory: bridge/cluster/ with everything but PostgreSQL. What is
 * asked of the log is answered in a later step, or its connection is lost before it was carried
 * out, after, or so that it is carried out still later.
 */
#ifndef IM_TESTS_FLOW_CLUSTER_H
#define IM_TESTS_FLOW_CLUSTER_H

#include "bridge/cluster/cluster.h"
#include "tests/flow/flow.h"

#define FLOW_LEFT_MAX 8

enum flow_request { FLOW_NO_REQUEST, FLOW_CONNECT, FLOW_APPEND, FLOW_READ, FLOW_LOCK };

struct flow_asked {
	enum flow_request what;
	struct cluster_place from;
	struct entries *entry; /* one, to be appended */
	uint64_t incarnation;
	uint32_t limit;
};

struct flow_cluster;

struct flow_member {
	struct flow_cluster *all;
	struct flow_node *n;
	unsigned number;
	struct copy *copy;
	struct cluster *cluster;
	struct cluster_events events;
	bool connected, cut; /* cut: it cannot reach the log */
	uint64_t incarnation;
	struct flow_asked asked;
	struct flow_asked left[FLOW_LEFT_MAX]; /* on the server, of connections that are gone */
	unsigned n_left;
};

struct flow_cluster {
	struct flow *f;
	struct flow_member members[FLOW_NODES_MAX];
	unsigned n_members;
	struct entries **log; /* one in each */
	size_t n_log, cap_log;
	uint64_t incarnation[FLOW_NODES_MAX];
	uint64_t era;                     /* a test may raise it */
	const struct flow_member *holder; /* of the log's end */
	/* So many of a thousand requests: */
	unsigned late;   /* wait a step more */
	unsigned lost;   /* are not carried out, and the connection is lost */
	unsigned doubt;  /* are carried out, and the connection is lost */
	unsigned behind; /* it is lost, and they may be carried out later */
	/* What a test of the tests breaks. */
	bool blind; /* the log takes what does not stand behind its end */
	unsigned taken, moved, lost_n, doubts, left_n;
};

/* All nodes of the flow, from here on; their bridges start anew, with empty databases but for their
 * users, which are the same. */
void flow_cluster_begin(struct flow_cluster *c, struct flow *f);
/* Before the flow is stopped, and after. */
void flow_cluster_end(struct flow_cluster *c);
/* No more faults; steps and time until every copy has what the log has. False: it never has. */
bool flow_cluster_calm(struct flow_cluster *c);
/* The first table that is not equal in every copy, row by row, or NULL. */
const char *flow_cluster_unequal(struct flow_cluster *c);

/* -- for flow.c -- */
void flow_member_step(struct flow_member *m);
void flow_member_tick(struct flow_member *m);
bool flow_member_busy(const struct flow_member *m);

#endif
