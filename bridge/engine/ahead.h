/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which requests were answered before their turn: while a transaction waits for a shared log, or
 * for a disk that takes writes again, those that only read need not wait behind it. Their records
 * come in their turn all the same, and are then passed over. By their numbers in each plugin's
 * spool; in memory only, for an answer counts as lost when the link does, or this process.
 */
#ifndef IM_BRIDGE_AHEAD_H
#define IM_BRIDGE_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/deliver/effects.h"
#include "common/err.h"

struct ahead;

struct ahead *ahead_new(void);
void ahead_free(struct ahead **a);
/* This one is about to be; peer: below IM_PEERS_MAX, whose spool is committed through `committed`.
 * IM_E_EXISTS: it was; IM_E_FULL: too many were; IM_E_NOMEM. */
int ahead_add(struct ahead *a, unsigned peer, uint64_t recno, uint64_t committed) IM_MUST_CHECK;
/* It was not, after all. */
void ahead_drop(struct ahead *a, unsigned peer, uint64_t recno);
bool ahead_has(const struct ahead *a, unsigned peer, uint64_t recno);
/* The plugin's link is gone. */
void ahead_forget(struct ahead *a, unsigned peer);
/* Of what a transaction of this plugin's records has planned to read, takes away what was. */
void ahead_pass_over(const struct ahead *a, unsigned peer, struct effects_read **reads);

#endif
