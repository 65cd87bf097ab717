/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who gets a group's messages: a bounded cache of member lists over the writer's directory handle.
 * Sees the open transaction's changes, so a rollback must empty it.
 */
#ifndef IM_BRIDGE_MEMBERS_H
#define IM_BRIDGE_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "bridge/directory/directory.h"
#include "common/err.h"
#include "common/str.h"

struct members_group {
	uint64_t id;
	int kind;            /* enum directory_group_kind */
	size_t n;            /* a room: its size, without the list */
	struct im_str *uids; /* NULL for a room: the broker fans out */
};

struct members;

/* max: members of all cached groups together. */
struct members *members_new(struct directory *d, size_t max);
void members_free(struct members **m);
/* The list, valid until the next call. IM_E_NONE: no such group; IM_E_IO, IM_E_NOMEM. */
int members_get(struct members *m, uint64_t group, const struct members_group **out) IM_MUST_CHECK;
/* The group changed. */
void members_forget(struct members *m, uint64_t group);
/* A rollback clears it. */
void members_clear(struct members *m);
struct tx_part members_part(struct members *m);
/* Members held now. */
size_t members_cached(const struct members *m);

#endif
