/* SPDX-License-Identifier: BSD-3-Clause */
/* What administrators do to messages: `recallMessage`, `recallReported`. */
#ifndef IM_BRIDGE_ADMIN_MESSAGE_H
#define IM_BRIDGE_ADMIN_MESSAGE_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_message_commands[]; /* ends with name == NULL */

#endif
