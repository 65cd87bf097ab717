/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands on devices. */
#ifndef IM_IMCTL_CMD_DEVICE_H
#define IM_IMCTL_CMD_DEVICE_H

#include "clients/imctl/command.h"

extern const struct command cmd_device[]; /* ends with name == NULL */

#endif
