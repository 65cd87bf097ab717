/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way up: from the spool to the bridge in batches. Group commit, clocked by the bridge: while
 * no batch is under way, everything new leaves at once; beside others, `window` of them at most, it
 * leaves when it is 256 records or 64 KiB, otherwise with the next commit-return. A record leaves
 * the spool only when it is committed.
 *
 * While that does not come, because the bridge cannot store, requests do not wait for what was sent
 * before them: it gets a copy of each, and answers those that only read.
 */
#ifndef IM_PLUGIN_UPLINK_H
#define IM_PLUGIN_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/str.h"
#include "plugin/spool.h"

struct uplink_batch {
	uint64_t last;          /* its last record's number */
	struct ring_cursor end; /* the place behind it */
};

struct uplink_stats {
	uint64_t batches, records, bytes, again;
};

struct uplink {
	struct spool *spool;
	unsigned window;
	bool up;
	struct ring_cursor next; /* what has not been sent yet */
	struct uplink_batch out[IM_WINDOW_MAX];
	unsigned n_out;
	uint64_t sent; /* the highest number that the bridge may have seen */
	bool urgent;   /* something that has not been sent is not to wait */
	bool waits;    /* something else waits for more, since then */
	int64_t waits_us;
	int64_t moved_us; /* when something was sent or committed last */
	int64_t patience_us;
	bool takes_ahead;         /* the bridge takes copies of requests */
	struct ring_cursor ahead; /* what was not looked at for that yet */
	unsigned n_ahead;         /* copies since the bridge was heard of */
	int64_t commit_us;        /* since when the oldest record is waited for */
	bool idle;                /* there is none */
	struct im_buf head;
	struct uplink_stats stats;
};

void uplink_init(struct uplink *u, struct spool *spool, unsigned window);
void uplink_clear(struct uplink *u);
/* The bridge is there and subscribed: everything uncommitted is sent (again), from the oldest. */
/* takes_ahead: IM_DOWNF_AHEAD. */
void uplink_hello(struct uplink *u, bool takes_ahead, int64_t now_us);
void uplink_lost(struct uplink *u);
/* A frame has come from the bridge. */
void uplink_heard(struct uplink *u);
/* Something has come that is not to wait: sends what may be sent. */
void uplink_pump(struct uplink *u, int64_t now_us);
/* Something has come that may wait a moment for others, so that many such make few batches. */
void uplink_wait(struct uplink *u, int64_t now_us);
/* Sends what may be sent, but for what waits. */
void uplink_go_on(struct uplink *u, int64_t now_us);
/* The bridge has stored everything through recno. Ignored: IM_E_FORMAT: of another epoch;
 * IM_E_NONE: it cannot be, because records up to there were never sent or there are no such
 * numbers. */
int uplink_committed(
	struct uplink *u, uint64_t epoch, uint64_t recno, int64_t now_us) IM_MUST_CHECK;
/* Watchdog: sends again what has been unanswered for too long. */
void uplink_tick(struct uplink *u, int64_t now_us);
/* Any other frame. Dropped with IM_E_NONE while the bridge is away. */
int uplink_send(struct uplink *u, struct im_str frame) IM_MUST_CHECK;

#endif
