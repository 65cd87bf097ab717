/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the bridge has for clients: messages, events, replies, and what is retained. One record, one
 * function; IM_E_FORMAT: the record is malformed, and what came before its fault has been
 * delivered. What the broker does not take is counted.
 */
#ifndef IM_PLUGIN_DELIVERY_H
#define IM_PLUGIN_DELIVERY_H

#include "common/frame.h"
#include "plugin/plugin.h"

/* A message to each recipient's inbox, or (IM_DOWN_DEVICE) to one device of a device account. */
int delivery_message(struct plugin *p, const struct im_down_rec *r) IM_MUST_CHECK;
/* Anything else below the inboxes of the recipients. */
int delivery_inbox(struct plugin *p, const struct im_down_rec *r) IM_MUST_CHECK;
/* To a topic that the broker fans out: a room's, a user's presence. */
int delivery_topic(struct plugin *p, const struct im_down_rec *r) IM_MUST_CHECK;
/* The answer to a request. */
int delivery_reply(struct plugin *p, const struct im_down_rec *r) IM_MUST_CHECK;
/* The answer to an administrator's command, to that client alone. */
int delivery_control(struct plugin *p, const struct im_down_rec *r) IM_MUST_CHECK;

#endif
