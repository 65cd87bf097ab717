/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom a group's change concerns: who gets it as a message, who by an event on a timeline of his,
 * since he does not see the group's conversation, or not yet, and of whom the plugin must look up
 * again what it knew. Decided here alone, for the change as it is made (group_write.h) and for the
 * log, when the directory lost the change and follows (project.h).
 */
#ifndef IM_BRIDGE_GROUP_EVENT_H
#define IM_BRIDGE_GROUP_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/directory/directory.h"
#include "bridge/directory/group_person.h"
#include "common/err.h"
#include "common/str.h"

struct group_audience {
	/* The members get the message before the change is applied, for then there are none; else
	 * those who are members by it. */
	bool last;
	/* What the plugin knows of the group is not true any more; else what it knows of those in
	 * v as members. */
	bool group;
	const char *event; /* the action of the event that some of v get; NULL: nobody does */
	struct group_listener {
		struct group_person who;
		bool told; /* gets the event */
	} * v;
	size_t n, cap;
};

/* Of a change that is not applied yet. group 0: one that is to be created. Free with
 * group_audience_clear, also after a failure. */
int group_audience_find(struct directory *d, uint64_t group, struct im_str change,
	struct group_audience *out) IM_MUST_CHECK;
void group_audience_clear(struct group_audience *a);

/* Writes the events of a change, inside the directory's open transaction and before the change is
 * applied. position: of its system message. */
int group_event_project(struct directory *d, uint64_t group, uint64_t position, int64_t ts_ms,
	struct im_str change) IM_MUST_CHECK;

#endif
