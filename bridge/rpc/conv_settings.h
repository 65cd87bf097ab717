/* SPDX-License-Identifier: BSD-3-Clause */
/* How what a user has set of a conversation is named in requests, answers and events. */
#ifndef IM_BRIDGE_CONV_SETTINGS_H
#define IM_BRIDGE_CONV_SETTINGS_H

#include "bridge/directory/directory_conv.h"
#include "common/buf.h"
#include "common/str.h"

/* The word for directory_conv_user's notify, and back (-1: none). */
const char *conv_notify_name(int notify);
int conv_notify_parse(struct im_str s);
/* Appends `,"pinned":..,"muted":..,"notify":..,"marked_unread":..,"cleared_to":..`, and of a room
 * `,"follow":..`. */
void conv_put_settings(struct im_buf *b, const struct directory_conv_user *u, bool room);
/* The same without what nobody has set, and without `muted`, which `notify` says. */
void conv_put_settings_brief(struct im_buf *b, const struct directory_conv_user *u, bool room);

#endif
