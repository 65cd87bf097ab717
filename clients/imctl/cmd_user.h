/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands on users and tokens. */
#ifndef IM_IMCTL_CMD_USER_H
#define IM_IMCTL_CMD_USER_H

#include "clients/imctl/command.h"

extern const struct command cmd_user[]; /* ends with name == NULL */

#endif
