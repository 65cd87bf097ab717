/* SPDX-License-Identifier: BSD-3-Clause */
/* How a response to a command ends: with what it gave, or with what was wrong. */
#ifndef IM_BRIDGE_ADMIN_RESPONSE_H
#define IM_BRIDGE_ADMIN_RESPONSE_H

#include "common/buf.h"
#include "common/str.h"

/* `,"error":..,"code":..` */
void admin_response_error(struct im_buf *out, int code, struct im_str why);
/* The object's last members and its end. result: n == 0: the command gives nothing. */
void admin_response_outcome(struct im_buf *out, int code, struct im_str why, struct im_str result);
/* The same, and the end of all responses: of a command that is answered later, and alone. */
void admin_response_end(struct im_buf *out, int code, struct im_str why, struct im_str result);

#endif
