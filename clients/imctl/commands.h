/* SPDX-License-Identifier: BSD-3-Clause */
/* All subcommands: found by their names, and described. */
#ifndef IM_IMCTL_COMMANDS_H
#define IM_IMCTL_COMMANDS_H

#include <stdio.h>

#include "clients/imctl/command.h"

/* The command that argv starts with and how many words its name took. NULL: none, and why says
 * what is near. */
const struct command *commands_find(
	int argc, char *const *argv, int *words_out, struct im_buf *why);
/* All commands, a line each, and the general options. */
void commands_help(FILE *out);
/* One command in full. */
void commands_help_one(const struct command *c, FILE *out);

#endif
