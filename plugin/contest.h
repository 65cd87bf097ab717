/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two devices with one client id throw each other out, as often as their libraries reconnect. A
 * client id that is taken over so for a while is given to nobody new for a moment: the connection
 * that is there stays, and the user is told.
 *
 * A single device that loses its connection must not come under this, though the broker may not
 * have seen the loss. So a takeover counts only if the older connection had subscribed or
 * published, by which its client shows that it has heard it is in: one that gets no answer and
 * tries again never does. What is counted stands with the session, from one to the next.
 */
#ifndef IM_PLUGIN_CONTEST_H
#define IM_PLUGIN_CONTEST_H

#include "plugin/plugin.h"

/* NULL; or why a user who has proved who he is may not come with a client id of his for now. */
const struct denial *contest_check(struct plugin *p, struct im_str device);

#endif
