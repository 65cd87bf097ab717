/* SPDX-License-Identifier: BSD-3-Clause */
/* Entries that were read and not followed yet: copies, in their order. */
#ifndef IM_BRIDGE_CLUSTER_ENTRIES_H
#define IM_BRIDGE_CLUSTER_ENTRIES_H

#include "bridge/cluster/cluster_log.h"

struct entries;

struct entries *entries_new(void);
void entries_free(struct entries **q);
int entries_add(struct entries *q, const struct cluster_entry *e) IM_MUST_CHECK;
/* The oldest one, or NULL. */
const struct cluster_entry *entries_first(const struct entries *q);
void entries_drop_first(struct entries *q);
void entries_clear(struct entries *q);

#endif
