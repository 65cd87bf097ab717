/* SPDX-License-Identifier: BSD-3-Clause */
/* The names of a file of users, and on which line each was first. */
#ifndef IM_IMCTL_IMPORT_NAMES_H
#define IM_IMCTL_IMPORT_NAMES_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct import_names;

/* NULL: out of memory. */
struct import_names *import_names_new(void);
void import_names_free(struct import_names **n);
/* IM_E_EXISTS: it, or one that differs in case alone, was there before; IM_E_FULL: too many; why
 * says it. */
int import_names_add(
	struct import_names *n, struct im_str uid, int64_t line, struct im_buf *why) IM_MUST_CHECK;

#endif
