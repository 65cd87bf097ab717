/* SPDX-License-Identifier: BSD-3-Clause */
/* The body of a system message as clients see it. What is stored also holds the numbers of users,
 * because the directory may have to follow the log after the names have gone to others. */
#ifndef IM_BRIDGE_SYSTEM_BODY_H
#define IM_BRIDGE_SYSTEM_BODY_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/str.h"

static inline bool system_body_is(struct im_str type)
{
	return im_str_eqz(type, "system");
}

/* Appends the body without those numbers. */
void system_body_put(struct im_buf *out, struct im_str body);

/* Appends what was done and by whom alone: {"action":..,"by":..}. False: it says more. body: as it
 * is stored, or without the numbers. */
bool system_body_brief(struct im_buf *out, struct im_str body);

#endif
