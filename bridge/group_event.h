/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a group's change is to those whom it brings in or takes out: an event on their timelines,
 * since they do not see the group's conversation, or not yet. Written with the change; and from the
 * log, when the directory lost the change and follows (project.h).
 */
#ifndef IM_BRIDGE_GROUP_EVENT_H
#define IM_BRIDGE_GROUP_EVENT_H

#include <stdint.h>

#include "../common/buf.h"
#include "../common/err.h"
#include "../common/str.h"
#include "directory.h"

/* Its key on a timeline, and the object without its `cursor`. */
int group_event_build(struct im_buf *key, struct im_buf *json, struct im_str gid,
	const char *action, struct im_str by) IM_MUST_CHECK;

/* Writes the events of a change, inside the directory's open transaction and before the change is
 * applied. position: of its system message. */
int group_event_project(struct directory *d, uint64_t group, uint64_t position, int64_t ts_ms,
	struct im_str change) IM_MUST_CHECK;

#endif
