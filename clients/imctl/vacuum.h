/* SPDX-License-Identifier: BSD-3-Clause */
/* Gives the space of what was deleted back to the disk, while no bridge runs. */
#ifndef IM_IMCTL_VACUUM_H
#define IM_IMCTL_VACUUM_H

#include <jansson.h>

#include "common/buf.h"

/* Rewrites one database of the data folder ("messages"), or, with NULL, each one that is there. The
 * caller holds the folder's lock. *out: {"databases":[{"database","before","after"}]}, in bytes. A
 * database is rewritten whole or left as it was; needs twice its size of free disk meanwhile.
 * Returns an exit code; why: a sentence on failure. */
int vacuum_run(const char *folder, const char *database, json_t **out, struct im_buf *why);

#endif
