/* SPDX-License-Identifier: BSD-3-Clause */
/* Who was banned from a group, in directory.db. */
#ifndef IM_BRIDGE_DIRECTORY_BAN_H
#define IM_BRIDGE_DIRECTORY_BAN_H

#include "directory.h"

/* Idempotent, both. */
int directory_ban_add(
	struct directory *d, uint64_t group, uint64_t user, int64_t now_ms) IM_MUST_CHECK;
int directory_ban_remove(struct directory *d, uint64_t group, uint64_t user) IM_MUST_CHECK;
int directory_ban_has(struct directory *d, uint64_t group, uint64_t user, bool *out) IM_MUST_CHECK;

#endif
