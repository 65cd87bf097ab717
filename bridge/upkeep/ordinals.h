/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers what an earlier version has stored without ordinals (store.h), a few messages at a time
 * between the engine's transactions, until all have them.
 */
#ifndef IM_BRIDGE_ORDINALS_H
#define IM_BRIDGE_ORDINALS_H

#include <stdint.h>

#include "bridge/base/log.h"
#include "bridge/store/store.h"
#include "common/err.h"

struct ordinals;

/* Borrowed; `store` is the writer's handle. */
struct ordinals_parts {
	const struct store_backend *backend;
	struct store *store;
	struct log *log;
	int64_t (*mono_ms)(void); /* by which a piece of work is measured */
};

struct ordinals *ordinals_new(const struct ordinals_parts *p);
void ordinals_free(struct ordinals **o);
/* Does a bounded piece of work if one is due, outside of any transaction. Returns after how many ms
 * it wants to be called again. */
int64_t ordinals_step(struct ordinals *o, int64_t mono_ms);
/* About how many messages have none yet. */
uint64_t ordinals_left(const struct ordinals *o);

#endif
