/* SPDX-License-Identifier: BSD-3-Clause */
/* A user who comes into a group, goes, changes, or is to be told of it. */
#ifndef IM_BRIDGE_GROUP_PERSON_H
#define IM_BRIDGE_GROUP_PERSON_H

#include <stdint.h>
#include <string.h>

#include "common/limits.h"
#include "common/str.h"

struct group_person {
	uint64_t user;
	int role;
	char uid[IM_UID_MAX + 1];
};

/* uid: at most IM_UID_MAX bytes. */
static inline struct group_person group_person_of(uint64_t user, struct im_str uid, int role)
{
	struct group_person who = {.user = user, .role = role};

	memcpy(who.uid, uid.p, uid.n < IM_UID_MAX ? uid.n : IM_UID_MAX);
	return who;
}

#endif
