/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * This node's part in a cluster: the shared log as the engine's commit sees it (shared_log.h), over
 * a log that is asked asynchronously (cluster_log.h) and the copy (copy.h). No I/O of its own, no
 * clock: the log behind it and time are given.
 *
 * Offers are appended behind where the copy is. Where others were first, their entries are fetched
 * with the log's end held, so that the second attempt is the last; the engine then follows them and
 * executes again. When a connection is lost the outcome is unknown until there is another one, with
 * which the entries behind the copy are read, an own one among them or not.
 */
#ifndef IM_BRIDGE_CLUSTER_CLUSTER_H
#define IM_BRIDGE_CLUSTER_CLUSTER_H

#include "bridge/base/log.h"
#include "bridge/cluster/cluster_log.h"
#include "bridge/cluster/copy.h"
#include "bridge/write/shared_log.h"

struct cluster;

struct cluster_parts {
	const struct cluster_log_ops *ops; /* borrowed, with its log */
	void *log_arg;                     /* may be set later, by cluster_set_log */
	struct copy *copy;                 /* borrowed */
	struct log *log;
	unsigned node; /* this one's number */
	/* What is in the databases is in no log yet: it goes there first, and meanwhile neither
	 * answered nor news is called. */
	bool import;
	void *arg;
	/* The answer to an offer that was answered SHARED_LATER. */
	void (*answered)(void *arg, enum shared_answer answer);
	/* Entries are there to be followed: shared_log's follow has something. */
	void (*news)(void *arg);
};

struct cluster *cluster_new(const struct cluster_parts *p);
void cluster_free(struct cluster **c);
/* Before it is started. */
void cluster_set_log(struct cluster *c, void *log_arg);
/* For the log behind it, to be given what happens. */
struct cluster_events cluster_events(struct cluster *c);
/* For the engine. */
const struct shared_log *cluster_shared(struct cluster *c);
/* Begins to connect. */
void cluster_start(struct cluster *c, int64_t mono_ms);
/* What is due by time: another attempt to connect, a look at the log. Returns after how many ms it
 * wants to be called again at the latest. */
int64_t cluster_tick(struct cluster *c, int64_t mono_ms);

/* This process is to end: another one is this node by now, or the copy is not one of this log.
 * NULL: it goes on. A sentence. */
const char *cluster_fatal(const struct cluster *c);
/* Before it is over there is nothing for an engine to work with. */
bool cluster_importing(const struct cluster *c);
/* The end of the log, as far as is known. */
uint64_t cluster_end(const struct cluster *c);

#endif
