/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The window of client message ids: what makes a message with an id stored once. Pure: no I/O, no
 * clock; the engine fills it from the log's tail at start (dedup_rebuild.h), and intake and
 * msg.forward ask it before a message with an id is appended. It holds (sender, conversation, id)
 * as a keyed 128-bit hash, so a sender cannot aim at another's entry and two ids do not meet by
 * chance.
 *
 * Bounded to max_entries and, in time, to window_ms; the oldest entry gives way. A record that is
 * older than all it still has, of a spool that has waited for long, is looked for in the log. All
 * memory is taken at once: 48 bytes an entry and 4 for each of the next power of two above twice as
 * many places: 56.4 MB for a million entries.
 */
#ifndef IM_BRIDGE_DEDUP_H
#define IM_BRIDGE_DEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "common/envelope.h"
#include "common/siphash.h"
#include "common/str.h"

struct dedup;

struct dedup_value {
	uint64_t seq, gid;
	int64_t ts_ms;      /* server time of the stored message */
	uint64_t body_hash; /* dedup_body_hash; DEDUP_BODY_ANY: not known any more (recalled,
			       edited) */
};
#define DEDUP_BODY_ANY 0

/* NULL: out of memory. `key` is to be random. max_entries: 1 to 2^30. */
struct dedup *dedup_new(uint32_t max_entries, int64_t window_ms, const struct im_sipkey *key);
void dedup_free(struct dedup **d);

/* The stored message of this id, if it is in the window. */
bool dedup_find(const struct dedup *d, uint64_t sender, uint64_t conv, struct im_str id,
	int64_t now_ms, struct dedup_value *out);
/* Adds the newest message: gids grow from one call to the next. An entry of the same id is
 * replaced. */
void dedup_put(struct dedup *d, uint64_t sender, uint64_t conv, struct im_str id,
	const struct dedup_value *v);
/* Adds a message older than all (rebuilding, newest first). False: the window is full. An id that
 * is there already stays as it is. */
bool dedup_put_older(struct dedup *d, uint64_t sender, uint64_t conv, struct im_str id,
	const struct dedup_value *v);
/* Takes out every entry with this gid or a newer one, as a rollback does. */
void dedup_forget_since(struct dedup *d, uint64_t gid);
struct tx_part dedup_part(struct dedup *d);

/* As dedup_find, where it has no entry for what is older than its window. */
typedef bool (*dedup_older_fn)(void *arg, uint64_t sender, uint64_t conv, struct im_str id,
	int64_t now_ms, struct dedup_value *out);
void dedup_on_older(struct dedup *d, dedup_older_fn fn, void *arg);
/* What was stored before this time is not all in it. */
void dedup_lacks_before(struct dedup *d, int64_t ms);

uint64_t dedup_body_hash(const struct dedup *d, enum im_enc enc, struct im_str body);
static inline bool dedup_same_body(const struct dedup_value *v, uint64_t body_hash)
{
	return v->body_hash == DEDUP_BODY_ANY || v->body_hash == body_hash;
}
uint32_t dedup_count(const struct dedup *d);
uint32_t dedup_capacity(const struct dedup *d);
int64_t dedup_window_ms(const struct dedup *d);

#endif
