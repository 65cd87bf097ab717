/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on reported messages: list, close. */
#ifndef IM_BRIDGE_ADMIN_REPORT_H
#define IM_BRIDGE_ADMIN_REPORT_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_report_commands[]; /* ends with name == NULL */

#endif
