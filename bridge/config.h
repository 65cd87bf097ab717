/* SPDX-License-Identifier: BSD-3-Clause */
/* From im-bridge.conf to the options, and from the options to the engine's settings. */
#ifndef IM_BRIDGE_CONFIG_H
#define IM_BRIDGE_CONFIG_H

#include "bridge/engine/engine.h"
#include "bridge/options.h"
#include "common/buf.h"
#include "common/err.h"

/* Reads and parses a file. On failure *out is empty and why names the file, and the line when one
 * is wrong. */
int config_read(const char *path, struct options *out, struct im_buf *why) IM_MUST_CHECK;
struct engine_settings config_settings(const struct options *o, struct moderation *moderation);

#endif
