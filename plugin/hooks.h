/* SPDX-License-Identifier: BSD-3-Clause */
/* The broker's events. One table says which hook serves which event, for registering and for
 * unregistering alike. */
#ifndef IM_PLUGIN_HOOKS_H
#define IM_PLUGIN_HOOKS_H

#include "plugin/plugin.h"

/* Registers every hook; sets p->newer by what the broker knows. why: a sentence on failure. */
int hooks_register(struct plugin *p, struct im_buf *why) IM_MUST_CHECK;
void hooks_unregister(struct plugin *p);

#endif
