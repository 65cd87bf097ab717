/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deletes old messages, a few at a time, between the engine's transactions. Groups with a
 * retention of their own, dismissed ones too, are exempt from the server's; those that are to be
 * erased go first (erase_group.h).
 */
#ifndef IM_BRIDGE_RETENTION_H
#define IM_BRIDGE_RETENTION_H

#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"
#include "common/err.h"

struct retention;

/* Borrowed; `dir` and `store` are the writer's handles. */
struct retention_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct search_index *index; /* NULL: none */
	struct health *health;
	struct log *log;
};

struct retention *retention_new(const struct retention_parts *p);
void retention_free(struct retention **r);
/* The server's retention; 0: for ever. */
void retention_set(struct retention *r, int64_t days);
/* Does a bounded piece of work if one is due, outside of any transaction. Returns after how many ms
 * it wants to be called again. */
int64_t retention_step(struct retention *r, int64_t wall_ms, int64_t mono_ms);

#endif
