/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines of a file that may be anything, of bounded length, as often as they are asked for. */
#ifndef IM_IMCTL_IMPORT_LINES_H
#define IM_IMCTL_IMPORT_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/phc.h"
#include "common/str.h"

/* A name, a separator, a password or a hash. */
#define IMPORT_LINE_MAX (IM_UID_MAX + 1 + IM_PASSWORD_MAX + 64)

struct import_lines {
	FILE *in;
	int64_t number; /* of the line in hand, from 1 on */
	bool own;       /* the file is a copy in memory */
	char text[IMPORT_LINE_MAX];
};

/* What cannot be read twice is copied to memory. IM_E_IO, IM_E_FULL: why says what is wrong. Close
 * in every case. */
int import_lines_open(struct import_lines *l, FILE *in, struct im_buf *why) IM_MUST_CHECK;
void import_lines_close(struct import_lines *l);
/* Back to the first line. */
int import_lines_again(struct import_lines *l) IM_MUST_CHECK;
/* The next line without its end, valid until the next call. IM_E_NONE: there is none. IM_E_FULL: it
 * is too long, and passed over. IM_E_IO. */
int import_lines_next(struct import_lines *l, struct im_str *out) IM_MUST_CHECK;

#endif
