/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading off the commit path: a few threads, each with its own handles, that answer reading
 * requests, find out for a new subscription whether its device is behind, and for an
 * acknowledgement whose messages have arrived. The engine holds jobs back until their batch is
 * committed, so that a request sees what its sender wrote before it.
 *
 * Each user has a queue, and the users are served in turn (turns.h). The queues are bounded, each
 * and all together, answers that nobody has taken included: a request that finds its queue full is
 * answered `busy`, a device is told that it is behind, which is always safe, and of an arrival
 * nobody is told, as conv.receipts knows it. Requests go first, so that the greetings after a
 * restart, one for each device, hold up nobody's question. A job that takes longer than it may is
 * ended, its views with it, and answered likewise; a search has a short turn first and a second one
 * behind its user's other requests.
 */
#ifndef IM_BRIDGE_READERS_H
#define IM_BRIDGE_READERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/log.h"
#include "bridge/read/delivered.h"
#include "bridge/rpc/rpc_request.h"
#include "bridge/store/store.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"
#include "db/deadline.h"

enum readers_kind { READERS_REQUEST, READERS_HELLO, READERS_DELIVERED };

/* Made by the engine, filled by a thread, freed by the engine. */
struct readers_job {
	enum readers_kind kind;
	uint64_t user;
	bool admin;
	char uid[IM_UID_MAX], device[IM_DEVICE_MAX];
	size_t uid_n, device_n;
	int64_t now_ms;
	uint64_t position;         /* committed in both databases when the job was released */
	struct rpc_request req;    /* REQUEST */
	struct im_buf topic, corr; /* REQUEST: where the answer goes */
	bool control;              /* REQUEST: it was a command, and goes to its response topic */
	struct im_buf head;        /* that response up to what the command gives */
	struct rpc_settings set;
	struct im_buf states;    /* RPC_DEVICES: presence_states */
	uint64_t after, through; /* DELIVERED: the positions that the user has come past */
	struct delivered delivered;
	struct im_buf reply; /* REQUEST: the reply object; HELLO: the event */
	bool failed;         /* out of memory: there is no reply */
	bool second;         /* REQUEST: its first turn was not enough */
	bool busy;           /* REQUEST: the reply says so */
	struct readers_job *next;
};

struct readers_job *readers_job_new(
	enum readers_kind kind, struct im_str uid, struct im_str device);
void readers_job_free(struct readers_job *job);

struct readers;

struct readers_parts {
	const struct store_backend *backend;
	struct store *store;
	const char *folder; /* of directory.db and search.db */
	bool search;
	struct log *log;
	unsigned threads;     /* 0: jobs run inside readers_release (tests) */
	uint32_t queue_max;   /* requests of all users */
	deadline_clock clock; /* what a thread has used; NULL: the thread's own */
	void *clock_arg;
};

int readers_open(
	const struct readers_parts *p, struct readers **out, struct im_buf *why) IM_MUST_CHECK;
/* Finishes the jobs in hand, drops the others. */
void readers_close(struct readers **r);
/* Readable when jobs are done. */
int readers_fd(const struct readers *r);

/* Takes the job and keeps it until the transaction ends. */
void readers_hold(struct readers *r, struct readers_job *job);
/* The transaction is committed: the held jobs run, seeing everything through `position`. */
void readers_release(struct readers *r, uint64_t position);
/* It is not: they are dropped, and come again with their records. */
void readers_discard(struct readers *r);
/* The next finished job, or NULL. */
struct readers_job *readers_take(struct readers *r);
/* A user has another name: jobs that begin from now on know it. */
void readers_forget_names(struct readers *r);
/* Waiting and running ones. */
uint32_t readers_queued(struct readers *r);

#endif
