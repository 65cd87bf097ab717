/* SPDX-License-Identifier: BSD-3-Clause */
/* Many users from a text: a line each, `uid` or `uid,password`. */
#ifndef IM_IMCTL_IMPORT_H
#define IM_IMCTL_IMPORT_H

#include <stdint.h>
#include <stdio.h>

#include "clients/imctl/offline.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* One line without its end. uid_out is empty for a blank line or a comment (#). The password is
 * all that follows the first comma; a PHC string is a password that is hashed already. */
int import_line(struct im_str line, struct im_str *uid_out, struct im_str *password_out,
	struct im_buf *why) IM_MUST_CHECK;

struct import_counts {
	int64_t created, existing;
};
/* All lines in one transaction: on failure no user was created and why names the line. Returns an
 * exit code. */
int import_users(struct offline *o, FILE *in, struct import_counts *counts_out, struct im_buf *why);

#endif
