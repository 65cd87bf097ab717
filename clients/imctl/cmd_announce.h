/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands on announcements. */
#ifndef IM_IMCTL_CMD_ANNOUNCE_H
#define IM_IMCTL_CMD_ANNOUNCE_H

#include "clients/imctl/command.h"

extern const struct command cmd_announce[]; /* ends with name == NULL */

#endif
