/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Takes the messages of dismissed groups whose owners or administrators asked for it, at once: out
 * of the log and out of the search index, a few at a time between the engine's transactions. The
 * directory knows which groups are still to do, so that a crash only delays it.
 */
#ifndef IM_BRIDGE_ERASE_GROUP_H
#define IM_BRIDGE_ERASE_GROUP_H

#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"
#include "common/err.h"

/* Borrowed; `dir` and `store` are the writer's handles. */
struct erase_group_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct search_index *index; /* NULL: none */
	struct health *health;
	struct log *log;
};

/* Does a bounded piece of work if there is one, outside of any transaction. *more_out: there is
 * more to do, soon. */
int erase_group_step(
	const struct erase_group_parts *p, uint32_t limit, bool *more_out) IM_MUST_CHECK;

#endif
