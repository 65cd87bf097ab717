/* SPDX-License-Identifier: BSD-3-Clause */
/* Fills the window of client message ids from the log: its tail at start, and what others append;
 * and looks there for what is older. */
#ifndef IM_BRIDGE_DEDUP_REBUILD_H
#define IM_BRIDGE_DEDUP_REBUILD_H

#include "bridge/store/store.h"
#include "bridge/write/dedup.h"

/* Newest first until the window is full or ends, or max_rows messages were looked at (those without
 * an id count too; 0: twice the window's entries). About a second for a million. */
int dedup_rebuild(struct dedup *d, uint32_t max_rows, const struct store_backend *backend,
	struct store_reader *r, int64_t now_ms) IM_MUST_CHECK;
/* An id of a message that was stored in this conversation within the window before now_ms, or
 * since, and is in the log: as dedup_find. IM_E_NONE: there is none. */
int dedup_seek(struct dedup *d, const struct store_backend *backend, struct store_reader *r,
	uint64_t sender, uint64_t conv, struct im_str id, int64_t now_ms,
	struct dedup_value *out) IM_MUST_CHECK;
/* Adds the messages at first..last of the log, which are newer than all in the window, and were not
 * appended by those who would have added them. */
int dedup_follow(struct dedup *d, const struct store_backend *backend, struct store_reader *r,
	uint64_t first, uint64_t last, int64_t now_ms) IM_MUST_CHECK;

#endif
