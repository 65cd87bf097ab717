/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The newest conversations, those that are not in the index of pairs yet: found by both sides and
 * by user, in memory. Used by the SQLite store alone, which adds them to the index in sorted order,
 * many at a time; each one by itself would cost two pages anywhere in it.
 *
 * The writer adds and takes back; readers look things up at the same time. What a reader finds may
 * not be committed: it looks whether its own view of the database has it.
 */
#ifndef IM_BRIDGE_FRESH_H
#define IM_BRIDGE_FRESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct fresh;

/* a <= b: two users; a == 0: group b. */
struct fresh_conv {
	uint64_t id, a, b;
};

/* Empty; for conversations with an id above `base`, all others being in the index. NULL: out of
 * memory. Has one holder, the caller. */
struct fresh *fresh_new(uint64_t base);
struct fresh *fresh_hold(struct fresh *f);
/* Frees it with its last holder. NULL is allowed. */
void fresh_release(struct fresh **f);

/* The writer. Ids grow from one call to the next. */
int fresh_add(struct fresh *f, const struct fresh_conv *c) IM_MUST_CHECK;
/* Takes out every one with this id or a newer one. */
void fresh_take_back(struct fresh *f, uint64_t id);
/* The i-th one, in the order of ids. */
const struct fresh_conv *fresh_at(const struct fresh *f, uint32_t i);

/* Anybody. */
uint64_t fresh_base(const struct fresh *f);
uint32_t fresh_count(struct fresh *f);
bool fresh_find(struct fresh *f, uint64_t a, uint64_t b, uint64_t *id_out);
/* A user's, as an array for the caller to free (NULL when there is none). */
int fresh_of_user(
	struct fresh *f, uint64_t user, struct fresh_conv **out, size_t *n_out) IM_MUST_CHECK;

#endif
