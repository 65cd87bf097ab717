/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client ids of device accounts begin with, in directory.db. No such beginning begins
 * another one's, so an id is one account's at most. */
#ifndef IM_BRIDGE_DIRECTORY_BIND_H
#define IM_BRIDGE_DIRECTORY_BIND_H

#include "bridge/directory/directory.h"
#include "common/limits.h"

/* IM_E_NONE: the account's ids are bound one by one, as a person's. *out is in `text`. */
int directory_bind_get(struct directory *d, uint64_t user, char text[IM_DEVICE_MAX],
	struct im_str *out) IM_MUST_CHECK;
/* Whose a client id is by what it begins with; IM_E_NONE: nobody's. */
int directory_bind_owner(
	struct directory *d, struct im_str device, uint64_t *user_out) IM_MUST_CHECK;
/* IM_E_EXISTS: another account's overlaps, or a client id that begins so is another user's, and
 * directory_errmsg says whose. */
int directory_bind_set(struct directory *d, uint64_t user, struct im_str prefix) IM_MUST_CHECK;
int directory_bind_remove(struct directory *d, uint64_t user) IM_MUST_CHECK;

static inline bool directory_bind_begins(struct im_str device, struct im_str prefix)
{
	return device.n >= prefix.n && memcmp(device.p, prefix.p, prefix.n) == 0;
}

#endif
