/* SPDX-License-Identifier: BSD-3-Clause */
/* A bounded cache user id -> uid (and group id -> gid) over one directory handle; one a thread.
 * Ids are never used twice; a user's name changes only when it is erased, and then all is
 * forgotten. */
#ifndef IM_BRIDGE_NAMES_H
#define IM_BRIDGE_NAMES_H

#include <stdint.h>

#include "bridge/directory/directory.h"
#include "common/err.h"
#include "common/str.h"

struct names;

struct names *names_new(struct directory *d, uint32_t max_entries);
void names_free(struct names **n);
void names_clear(struct names *n);
/* Valid until the next call. IM_E_NONE: no such id. */
int names_user(struct names *n, uint64_t user, struct im_str *uid_out) IM_MUST_CHECK;
int names_group(struct names *n, uint64_t group, struct im_str *gid_out) IM_MUST_CHECK;

#endif
