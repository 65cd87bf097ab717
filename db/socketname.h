/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which broker a path means: the bridge's configuration, the plugin's and directory.db may each
 * write the same Unix socket in another way.
 */
#ifndef IM_DB_SOCKETNAME_H
#define IM_DB_SOCKETNAME_H

#include <stdbool.h>

#include "common/str.h"

/* Equal, or two names of one socket, as /run/im.sock and /var/run/im.sock are, whether or not the
 * broker has made it yet. */
bool socketname_same(struct im_str a, struct im_str b);

#endif
