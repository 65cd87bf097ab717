/* SPDX-License-Identifier: BSD-3-Clause */
/* The way down: what the bridge asks the plugin to do, one frame a publish on $im/down. */
#ifndef IM_PLUGIN_DOWNLINK_H
#define IM_PLUGIN_DOWNLINK_H

#include "plugin/plugin.h"

/* Carries out a frame. What is malformed is logged and dropped from there on; the bridge's own
 * frames never are. */
void downlink_frame(struct plugin *p, struct im_str frame);

#endif
