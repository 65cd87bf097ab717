/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where below a user's inbox something goes, and who may listen there. A person's devices share one
 * inbox. Those of a device account are many: what is for one of them goes below a level of its own,
 * where nobody else listens, so that it is one delivery and one question, and not one for each.
 */
#ifndef IM_PLUGIN_INBOX_H
#define IM_PLUGIN_INBOX_H

#include <stdbool.h>

#include "common/frame.h"
#include "plugin/plugin.h"

/* {prefix}/inbox/{uid}/{device}/{suffix}, NUL-terminated, in p->topic; NULL: out of memory. */
const char *inbox_of_device(
	struct plugin *p, struct im_str uid, struct im_str device, struct im_str suffix);
/* What is for this session: there, or of a person {prefix}/inbox/{uid}/{suffix}. */
const char *inbox_of_session(struct plugin *p, const struct session *e, struct im_str suffix);

/* Where a record of the link goes in a user's inbox; NULL: nowhere, or out of memory. What is for
 * one device of a device account goes to that one; what all of them do goes to none. */
const char *inbox_of_record(struct plugin *p, const struct im_down_rec *r, struct im_str uid);
/* Where answers go that nobody has asked for elsewhere. */
const char *inbox_reply(struct plugin *p, struct im_str uid, struct im_str device);

/* Whether a topic of the user's own inbox may be given to this client. */
bool inbox_may_hear(struct plugin *p, struct im_str uid, struct im_str rest, struct im_str device);
/* NULL, or why the user's device may not listen by this filter to the user's own inbox. */
const char *inbox_may_listen(
	struct plugin *p, struct im_str uid, struct im_str device, const struct im_filter *f);
/* Whether what follows the user's inbox lies below the level of the session's device. */
bool inbox_is_level(const struct session *e, struct im_str rest);
/* Whether a topic below an inbox is of events. */
bool inbox_is_event(struct im_str rest);
/* Whether the filter covers what comes to the session as this. */
bool inbox_covers(const struct session *e, const struct im_filter *f, struct im_str suffix);

#endif
