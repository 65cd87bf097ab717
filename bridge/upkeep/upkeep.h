/* SPDX-License-Identifier: BSD-3-Clause */
/* What is done between the engine's transactions, while nobody waits for anything: retention,
 * expiry and erasing, and ordinals for what an earlier version has stored. */
#ifndef IM_BRIDGE_UPKEEP_H
#define IM_BRIDGE_UPKEEP_H

#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"

struct upkeep;

/* Borrowed; `dir` and `store` are the writer's handles. */
struct upkeep_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct search_index *index; /* NULL: none */
	struct health *health;
	struct log *log;
	int64_t (*mono_ms)(void); /* by which a piece of work is measured */
};

/* NULL: out of memory. */
struct upkeep *upkeep_new(const struct upkeep_parts *p);
void upkeep_free(struct upkeep **u);
/* The server's retention; 0: for ever. */
void upkeep_set(struct upkeep *u, int64_t retention_days);
/* Does what is due, a bounded piece of each, outside of any transaction. Returns after how many ms
 * it wants to be called again. */
int64_t upkeep_step(struct upkeep *u, int64_t wall_ms, int64_t mono_ms);
/* About how many messages have no ordinals yet. */
uint64_t upkeep_unnumbered(const struct upkeep *u);

#endif
