/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration that the running broker was started with. */
#ifndef IM_PLUGIN_CONFFILE_H
#define IM_PLUGIN_CONFFILE_H

#include "plugin/brokerconf.h"
#include "plugin/options.h"

/* Looks at the broker's files as they are now; *c is begun, and to be cleared by the caller. */
void conffile_check(struct brokerconf *c, const struct options *o);
/* Says so if the broker keeps sessions for longer than the client ids of forgotten devices are
 * withheld from others. */
void conffile_warn_expiration(int64_t expiration_s, int64_t device_days);

#endif
