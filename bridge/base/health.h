/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the bridge is doing: counters that the engine's thread keeps, their JSON form for
 * administrators, and the notes to systemd (nothing happens when it is not there).
 */
#ifndef IM_BRIDGE_HEALTH_H
#define IM_BRIDGE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "common/buf.h"

/* Since start: X at once, T by a transaction, which does not count when it is rolled back, unless
 * the log has it. */
#define HEALTH_COUNTERS(X, T) \
	X(frames_up)          \
	X(frames_down)        \
	X(bytes_up)           \
	X(bytes_down)         \
	T(records)            \
	T(records_replayed)   \
	T(records_malformed)  \
	T(messages_stored)    \
	T(messages_duplicate) \
	T(messages_refused)   \
	T(messages_sampled)   \
	T(signals)            \
	T(signals_stale)      \
	T(requests)           \
	X(requests_busy)      \
	X(commits)            \
	X(commits_failed)     \
	X(deliveries_dropped) \
	T(hellos)             \
	T(devices_moved)      \
	T(devices_contested)  \
	T(devices_over)       \
	X(links)              \
	X(pruned)

struct health {
#define X(name) uint64_t name;
#define NOT(name)
	HEALTH_COUNTERS(X, X)
	struct {
		HEALTH_COUNTERS(NOT, X)
	} committed;
#undef NOT
#undef X
};

struct tx_part health_part(struct health *h);

/* What is true now. */
struct health_gauges {
	bool linked, stalled;
	uint64_t epoch, recno; /* committed through */
	uint64_t position;     /* the log's */
	uint64_t search_lag;   /* log positions that cannot be found yet */
	uint64_t unnumbered;   /* messages that are counted as an earlier version did */
	uint64_t queued_bytes, frames_outstanding;
	uint64_t reads_queued;
	uint64_t users_online, devices_online;
	uint64_t dedup_entries;
	uint64_t cost_refused; /* requests and messages whose work was more than one user may cause
				*/
	uint64_t users;
	uint64_t erasures,
		erasure_left; /* not done; log positions that the one in hand has ahead */
	int64_t uptime_ms;
};

/* Appends `{"counter":1,...,"gauge":2,...}`. */
void health_json(const struct health *h, const struct health_gauges *g, struct im_buf *out);

/* systemd: the link is up and the first snapshot is in. */
void health_ready(void);
void health_status(const char *text);
void health_stopping(void);
/* How often health_alive is to be called, 0: no watchdog. */
int64_t health_watchdog_ms(void);
void health_alive(void);

#endif
