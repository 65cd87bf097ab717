/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands on groups and on the node itself. */
#ifndef IM_IMCTL_CMD_NODE_H
#define IM_IMCTL_CMD_NODE_H

#include "clients/imctl/command.h"

extern const struct command cmd_node[]; /* ends with name == NULL */

#endif
