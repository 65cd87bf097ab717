/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What leaves by connections of the broker itself to others. A configuration with one that would
 * carry IM topics is refused at start. 2.1 takes over a new one at a reload, which nobody can
 * refuse: then a look at each packet that leaves keeps IM topics in, until the configuration is
 * right again. 2.0 takes over none.
 */
#ifndef IM_PLUGIN_OUTWARD_H
#define IM_PLUGIN_OUTWARD_H

#include "plugin/plugin.h"

void outward_guard(struct plugin *p, bool on);

#endif
