/* SPDX-License-Identifier: BSD-3-Clause */
/* The rights on ordinary topics that a mosquitto.conf names, looked at before the broker does. */
#ifndef IM_IMCTL_BROKERACL_H
#define IM_IMCTL_BROKERACL_H

#include <jansson.h>

#include "common/buf.h"

/* conf: the broker's configuration, or an acl_file. *out:
 * {"rules":N,"findings":[{"file","line","finding"}]}: what does nothing, or not what it seems to.
 * Returns an exit code; why, on failure, is the sentence with which the broker would not start
 * either. */
int brokeracl_check(const char *conf, json_t **out, struct im_buf *why);

#endif
