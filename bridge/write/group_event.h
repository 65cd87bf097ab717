/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a group's change is to those whom it brings in or takes out: an event on their timelines,
 * since they do not see the group's conversation, or not yet. Who is told of which change is
 * decided here, for the change as it is made (group_write.h) and for the log, when the directory
 * lost the change and follows (project.h).
 */
#ifndef IM_BRIDGE_GROUP_EVENT_H
#define IM_BRIDGE_GROUP_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "bridge/directory/directory.h"
#include "bridge/directory/group_person.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct group_told {
	const char *action; /* what the event says has happened; NULL: nobody is told */
	struct group_person *v;
	size_t n, cap;
};

/* Finds who is to be told of a change that is not applied yet. group 0: one that is to be created.
 * Free with group_told_clear, also after a failure. */
int group_told_find(struct directory *d, uint64_t group, struct im_str change,
	struct group_told *out) IM_MUST_CHECK;
void group_told_clear(struct group_told *t);

/* The event's key on a timeline, and the object without its `cursor`. */
int group_event_build(struct im_buf *key, struct im_buf *json, struct im_str gid,
	const char *action, struct im_str by) IM_MUST_CHECK;

/* Writes the events of a change, inside the directory's open transaction and before the change is
 * applied. position: of its system message. */
int group_event_project(struct directory *d, uint64_t group, uint64_t position, int64_t ts_ms,
	struct im_str change) IM_MUST_CHECK;

#endif
