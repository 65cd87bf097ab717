/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Something to be read off the commit path: a reading request or command, the greeting of a device,
 * an acknowledgement whose messages are looked for, whoever is told of a changed profile. It is an
 * effect of the transaction in which it was made (effects.h), so it runs only when that is
 * committed and sees what its sender wrote before it. Whoever makes one needs not know who runs it
 * (readers.h).
 */
#ifndef IM_BRIDGE_READ_JOB_H
#define IM_BRIDGE_READ_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "bridge/rpc/delivered.h"
#include "bridge/rpc/profile_tell.h"
#include "bridge/rpc/rpc_batch.h"
#include "bridge/rpc/rpc_request.h"
#include "common/buf.h"
#include "common/limits.h"
#include "common/str.h"

enum read_kind { READ_REQUEST, READ_HELLO, READ_DELIVERED, READ_PROFILE };

/* Filled by whoever makes it above the line, by a reader below it. */
struct read_job {
	struct effects_read effect;
	enum read_kind kind;
	uint64_t recno; /* REQUEST: of the record that asks; 0: it was a command */
	uint64_t user;
	bool admin, thing;
	char uid[IM_UID_MAX], device[IM_DEVICE_MAX];
	size_t uid_n, device_n;
	int64_t now_ms;
	struct rpc_request req;  /* REQUEST: the one in hand */
	struct rpc_batch *batch; /* REQUEST: of which `req` is one, and owned; NULL: it is alone */
	struct im_buf topic, corr; /* REQUEST: where the answer goes */
	/* REQUEST: it was a command, whose response begins with `head` and is ended by this one. */
	void (*end)(struct im_buf *out, int code, struct im_str why, struct im_str result);
	struct im_buf head;
	struct rpc_settings set;
	struct im_buf states; /* RPC_DEVICES: presence_states */
	uint64_t ask;         /* HELLO: as the plugin has numbered it */
	/* DELIVERED: the positions that the user has come past, and behind which one he has all. */
	uint64_t after, through, behind;
	/* ---- */
	unsigned peer;     /* the plugin through which it was asked for */
	uint64_t position; /* committed in both databases when it was begun */
	struct delivered delivered;
	struct profile_told told;
	struct im_buf reply; /* REQUEST: the reply, of a batch the array; HELLO, PROFILE: the event
			      */
	uint64_t looked_at;  /* conversations, by whatever number of requests */
	bool failed;         /* out of memory: there is no reply */
	bool second;         /* REQUEST: its first turn was not enough */
	unsigned busy;       /* REQUEST: so many replies say so */
	struct read_job *next;
};

/* NULL: out of memory, or names longer than names are. */
struct read_job *read_job_new(enum read_kind kind, struct im_str uid, struct im_str device);
void read_job_free(struct read_job *job);

/* REQUEST, with its reply: true: there is another one in hand, which is without. False: there is
 * none, and the reply is that of all. */
bool read_job_next(struct read_job *job);

/* The job is one of this transaction's effects from here on. */
void read_job_plan(struct read_job *job, struct effects *fx);
/* The other way round. */
struct read_job *read_job_of(struct effects_read *effect);

#endif
