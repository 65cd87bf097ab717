/* SPDX-License-Identifier: BSD-3-Clause */
/* Pinned messages in directory.db, IM_PINS_MAX of a conversation at most: whoever adds one sees to
 * that. */
#ifndef IM_BRIDGE_DIRECTORY_PIN_H
#define IM_BRIDGE_DIRECTORY_PIN_H

#include "bridge/directory/directory.h"

struct directory_pin {
	uint64_t conv, seq;
	uint64_t user; /* who pinned it */
	uint64_t gid;  /* position of the system message that said so */
	int64_t ts_ms;
};

/* Idempotent, both. */
int directory_pin_put(struct directory *d, const struct directory_pin *p) IM_MUST_CHECK;
int directory_pin_remove(struct directory *d, uint64_t conv, uint64_t seq) IM_MUST_CHECK;
int directory_pin_has(struct directory *d, uint64_t conv, uint64_t seq, bool *out) IM_MUST_CHECK;
int directory_pin_count(struct directory *d, uint64_t conv, uint64_t *n_out) IM_MUST_CHECK;

typedef int (*directory_pin_fn)(void *arg, const struct directory_pin *p);
/* Of messages behind `after`; the newest pin first, of those that are older than `before`, a gid.
 */
int directory_pin_list(struct directory *d, uint64_t conv, uint64_t after, uint64_t before,
	uint32_t limit, directory_pin_fn fn, void *arg) IM_MUST_CHECK;

#endif
