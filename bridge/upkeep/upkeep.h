/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that is done on the engine's thread between its transactions, a bounded piece of each in
 * turn: a step of the backup that is running; retention and expiry; ordinals for what an earlier
 * version has stored; erasing.
 */
#ifndef IM_BRIDGE_UPKEEP_H
#define IM_BRIDGE_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"
#include "bridge/upkeep/backup.h"
#include "bridge/upkeep/erasure.h"
#include "bridge/upkeep/held.h"
#include "common/err.h"
#include "common/str.h"

struct upkeep;

/* Borrowed; `dir` and `store` are the writer's handles. */
struct upkeep_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct search_index *index; /* NULL: none */
	const char *data_dir;
	struct health *health;
	struct log *log;
	int64_t (*mono_ms)(void); /* by which a piece of work is measured */
	void *arg;
	void (*renamed)(void *arg); /* a user has another name */
	held_reply_fn reply;        /* the answer to a command that was held */
};

/* IM_E_IO: the erasures could not be read from the directory. */
int upkeep_new(const struct upkeep_parts *p, struct upkeep **out) IM_MUST_CHECK;
void upkeep_free(struct upkeep **u);
/* The server's retention; 0: for ever. */
void upkeep_set(struct upkeep *u, int64_t retention_days);

/* To begin one. */
struct backup *upkeep_backup(struct upkeep *u);
struct erasure *upkeep_erasure(struct upkeep *u);
/* Keeps the response to the command that has just begun one; false: there is none to wait for. */
bool upkeep_hold(struct upkeep *u, struct im_str uid, struct im_str device, struct im_str response);

/* Does what is due, outside of any transaction. Returns after how many ms it wants to be called
 * again. */
int64_t upkeep_step(struct upkeep *u, int64_t wall_ms, int64_t mono_ms);
/* What it has ahead: erasures, and messages without ordinals. */
void upkeep_gauges(const struct upkeep *u, struct health_gauges *out);

#endif
