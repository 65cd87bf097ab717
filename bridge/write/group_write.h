/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one way by which a group changes: the change is applied to the directory, told to the members
 * as a system message, and what the plugin has cached of it is dropped. Rights were checked before.
 */
#ifndef IM_BRIDGE_GROUP_WRITE_H
#define IM_BRIDGE_GROUP_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/group_person.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/str.h"

/* How long "until it is lifted" is: the end of the year 9999, which every client can show. */
#define GROUP_MUTED_FOREVER 253402300799000LL

/* Who changes which group. */
struct group_write {
	struct writer *w;
	uint64_t actor;
	struct im_str actor_uid;
	struct im_str
		gid;    /* stays valid during the call: from parameters, not from the directory */
	uint64_t group; /* 0: to be created */
	bool plain;     /* by a member who does not run it */
};

/* Applies, appends, tells whom it concerns (group_event.h), and drops what the plugin has cached of
 * it; json: see group_change.h. IM_E_EXISTS: a creation's gid is taken. */
int group_write_change(struct group_write g, struct im_str json, uint64_t *seq_out) IM_MUST_CHECK;
/* Builds and writes the last change of all. erase: what was said is to go at once. */
int group_write_dismiss(struct group_write g, bool erase, uint64_t *seq_out) IM_MUST_CHECK;
/* Builds and writes a change of these people: {"action","by","members":[..]}, `more` (text of
 * further members with leading commas, may be empty) before the list. roles: say each one's role.
 */
int group_write_people(struct group_write g, const char *action, struct im_str more, bool roles,
	const struct group_person *who, size_t n, uint64_t *seq_out) IM_MUST_CHECK;

#endif
