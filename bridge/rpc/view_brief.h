/* SPDX-License-Identifier: BSD-3-Clause */
/* The beginning of a message, for a list that shows one of each conversation. */
#ifndef IM_BRIDGE_VIEW_BRIEF_H
#define IM_BRIDGE_VIEW_BRIEF_H

#include <stddef.h>

#include "bridge/rpc/view.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* Text that is being written, and how long it may become. */
struct view_room {
	size_t begin; /* where in the buffer */
	size_t max;
	size_t free; /* so much of it is names, which do not count */
};

/* What is left of it, if so many bytes are still to come. */
static inline size_t view_room_left(
	const struct view_room *r, const struct im_buf *b, size_t behind)
{
	size_t used = b->n - r->begin - r->free + behind;

	return used < r->max ? r->max - used : 0;
}

/* Appends `{"seq":..,"from":..,"from_name":..,"ts":..,"type":..,"ttl":..,"body":..,"cut":true}`: of
 * a message's text the beginning, of news about a group what was done by whom, of anything else all
 * or null. from_name.n == 0, and type `text`, are left out. A character more, the end of the
 * surrounding object, still has room then. */
int view_brief(struct im_buf *b, const struct view_of *v, const struct store_msg *m,
	struct im_str from_name, struct view_room *room) IM_MUST_CHECK;

#endif
