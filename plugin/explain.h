/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command `explain` of administrators: whether a user may publish, subscribe to or read a
 * topic, and by which rule. Answered here, since here is where it is decided: it runs what decides
 * (rights.h, admit.h), and so tells nothing else than what is done. Nobody pays for it, nothing
 * goes to the bridge, and it is answered while that is away.
 */
#ifndef IM_PLUGIN_EXPLAIN_H
#define IM_PLUGIN_EXPLAIN_H

#include "plugin/plugin.h"

/* True if the commands are this one alone: it is answered, to the administrator's session. */
bool explain_answer(struct plugin *p, const struct session *e, struct im_str payload);

#endif
