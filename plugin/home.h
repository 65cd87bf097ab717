/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several brokers under one bridge: which of them this one is, and whose sessions here are void. A
 * device is at one of them, its home, where it has connected last. What another one has kept of it
 * is void: nothing more is kept there for it, and what is there already is not handed over, since
 * the device has got it at its home or gets it by `sync`.
 *
 * With one broker nothing is ever void.
 */
#ifndef IM_PLUGIN_HOME_H
#define IM_PLUGIN_HOME_H

#include "common/frame.h"
#include "plugin/plugin.h"

/* The start: what the directory says, until the bridge does. */
void home_recall(struct plugin *p);
/* The bridge has said which broker this is. */
void home_hello(struct plugin *p, const struct im_down_rec *hello);
/* Whether a device is at another broker: by what is known of its newest session here (NULL: there
 * is none), and by its home in the directory (0: not known), which counts for nothing while that
 * has not heard yet of the session. */
bool home_elsewhere(const struct plugin *p, const struct session *e, int64_t home);

#endif
