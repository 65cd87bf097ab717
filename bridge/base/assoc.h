/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded cache with entries of one fixed size: a table of small sets, each of which forgets its
 * oldest entry when it is full. No allocation after assoc_new, constant time, and emptying costs
 * nothing. Used for what can be read again from a database at any time (rights.h), and for what
 * users and rooms have used up, of which the oldest may be forgiven (rights.h, buckets.h): that is
 * changed by way of assoc_change, and taken back together with a transaction.
 *
 * Keys are 64-bit hashes (im_siphash of the real key). Two keys with one hash are possible, so an
 * entry holds its real key and the caller compares it.
 */
#ifndef IM_BRIDGE_ASSOC_H
#define IM_BRIDGE_ASSOC_H

#include <stddef.h>
#include <stdint.h>

struct assoc;

/* At least `entries` entries of entry_bytes each. NULL: out of memory. */
struct assoc *assoc_new(size_t entries, size_t entry_bytes);
void assoc_free(struct assoc **a);
/* The entry of this hash, or NULL. Valid until the next assoc_put. */
void *assoc_get(const struct assoc *a, uint64_t hash);
/* A zeroed entry for this hash, in place of one of the same hash or of the set's oldest. */
void *assoc_put(struct assoc *a, uint64_t hash);
/* The entry of this hash, or a zeroed one as assoc_put gives, to be changed until assoc_keep or
 * assoc_undo. Valid until the next call. */
void *assoc_change(struct assoc *a, uint64_t hash);
/* What was changed stays. */
void assoc_keep(struct assoc *a);
/* All is again as it was at the last assoc_keep; or empty, when memory for that was short. */
void assoc_undo(struct assoc *a);
void assoc_drop(struct assoc *a, uint64_t hash);
/* Empties it, in constant time. */
void assoc_clear(struct assoc *a);

#endif
