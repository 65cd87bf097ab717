/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration that the running broker was started with, as far as this process may read it:
 * what is root's alone, or cannot be found, says nothing. */
#ifndef IM_PLUGIN_CONFFILE_H
#define IM_PLUGIN_CONFFILE_H

#include "plugin/brokerconf.h"
#include "plugin/options.h"

/* Appends the whole file; 0, or the errno that says why not (EFBIG: more than max bytes). What
 * is no file is not waited for. */
int conffile_read(const char *path, size_t max, struct im_buf *b);
/* Looks at the broker's files as they are now; *c is begun, and to be cleared by the caller. */
void conffile_check(struct brokerconf *c, const struct options *o);
/* Says so if the broker keeps sessions for longer than the client ids of forgotten devices are
 * withheld from others. */
void conffile_warn_expiration(int64_t expiration_s, int64_t device_days);

#endif
