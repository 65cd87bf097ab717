/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command's arguments, checked against its table, as the JSON object of the request. Pure but
 * for the working directory, which ARG_PATH is relative to.
 */
#ifndef IM_IMCTL_ARGS_H
#define IM_IMCTL_ARGS_H

#include <jansson.h>

#include "clients/imctl/command.h"
#include "common/buf.h"
#include "common/err.h"

/* Options and positionals in any order, `--name value` or `--name=value`, "--" ends the options.
 * IM_E_FORMAT: why says what is wrong and what would be right. params_out is owned by the caller.
 */
int args_parse(const struct command *c, int argc, char *const *argv, json_t **params_out,
	struct im_buf *why) IM_MUST_CHECK;

#endif
