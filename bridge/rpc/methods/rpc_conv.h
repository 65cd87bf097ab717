/* SPDX-License-Identifier: BSD-3-Clause */
/* `conv.list`, and what is said of a conversation's settings. */
#ifndef IM_BRIDGE_RPC_CONV_H
#define IM_BRIDGE_RPC_CONV_H

#include "bridge/directory/directory_conv.h"
#include "bridge/rpc/rpc.h"

/* The word for directory_conv_user's notify, and back (-1: none). */
const char *conv_notify_name(int notify);
int conv_notify_parse(struct im_str s);
/* Appends `,"pinned":..,"muted":..,"notify":..,"marked_unread":..,"cleared_to":..`, and of a room
 * `,"follow":..`. */
void conv_put_settings(struct im_buf *b, const struct directory_conv_user *u, bool room);

#endif
