/* SPDX-License-Identifier: BSD-3-Clause */
/* Links into groups in directory.db. A row that is used up is removed; one that is over goes when
 * others are made. */
#ifndef IM_BRIDGE_DIRECTORY_LINK_H
#define IM_BRIDGE_DIRECTORY_LINK_H

#include "bridge/directory/directory.h"

struct directory_link {
	struct im_str hash, name;
	uint64_t group, user; /* user: who made it */
	int64_t created_ms, expires_ms;
	uint32_t uses, uses_left;
};

/* uses_left is as many as uses. Removes what is over, of all groups. */
int directory_link_add(struct directory *d, const struct directory_link *l) IM_MUST_CHECK;
/* One that is not over. IM_E_NONE: there is none. */
int directory_link_get(struct directory *d, struct im_str hash, int64_t now_ms,
	struct directory_link *out) IM_MUST_CHECK;
/* How many of a group are not over. */
int directory_link_count(
	struct directory *d, uint64_t group, int64_t now_ms, uint64_t *n_out) IM_MUST_CHECK;
/* This user has come by it, which takes a use the first time; the last one removes it. */
int directory_link_use(
	struct directory *d, uint64_t group, struct im_str name, uint64_t user) IM_MUST_CHECK;
/* IM_E_NONE: there was none. */
int directory_link_remove(struct directory *d, uint64_t group, struct im_str name) IM_MUST_CHECK;
/* All that this user has made of the group. */
int directory_link_drop(struct directory *d, uint64_t group, uint64_t user) IM_MUST_CHECK;
/* All that this user has made. */
int directory_link_drop_all(struct directory *d, uint64_t user) IM_MUST_CHECK;

typedef int (*directory_link_fn)(void *arg, const struct directory_link *l);
/* Those that are not over, with name > after, by name. */
int directory_link_list(struct directory *d, uint64_t group, int64_t now_ms, struct im_str after,
	uint32_t limit, directory_link_fn fn, void *arg) IM_MUST_CHECK;

#endif
