/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals as something to read: the loop tells of them between other calls, never within one. */
#ifndef IM_BRIDGE_SIGNALS_H
#define IM_BRIDGE_SIGNALS_H

#include "bridge/base/loop.h"
#include "common/err.h"

struct signals;

typedef void (*signals_fn)(void *arg, int signo);

/* SIGTERM, SIGINT and SIGHUP go to fn, SIGPIPE to nobody. Before the first thread begins, so that
 * all of them leave the signals alone. */
int signals_open(struct loop *l, signals_fn fn, void *arg, struct signals **out) IM_MUST_CHECK;
/* They stay blocked: what comes while the process ends is not to end it sooner. */
void signals_close(struct signals **s);

#endif
