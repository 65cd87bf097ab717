/* SPDX-License-Identifier: BSD-3-Clause */
/* Passwords: where they come from, and what leaves imctl of them. */
#ifndef IM_IMCTL_PASSWORD_H
#define IM_IMCTL_PASSWORD_H

#include <jansson.h>

#include "clients/imctl/exit.h"
#include "clients/imctl/options.h"
#include "common/buf.h"

/* The options of every command that sets a password, for its table. */
#define PASSWORD_ARGS                                                                      \
	{"--password-file", ".password_file", ARG_TEXT, false, NULL,                       \
		"file whose first line is the new password, - for standard input"},        \
		{"--password", ".password", ARG_TEXT, false, NULL,                         \
			"the new password itself; others can see it in the process list"}, \
	{                                                                                  \
		"--no-password", ".no_password", ARG_FLAG, false, NULL,                    \
			"no login by password, only by token"                              \
	}

/* The administrator's own password, to log in with: from the configured file or asked for on the
 * terminal. With neither, *out stays empty: the broker decides. Ends with a NUL not counted. */
int password_login(const struct options *opt, struct im_buf *out, struct im_buf *why);
/* Takes the password options out of params and puts `password` in: the new password's hash as a
 * PHC string, empty for none. Asked for, twice, when no option says. The password itself goes
 * nowhere: neither over the link nor into the server's files. */
int password_new(json_t *params, struct im_buf *why);
/* The hash of one password with a fresh salt. */
int password_hash(struct im_str password, char *out, struct im_buf *why);

#endif
