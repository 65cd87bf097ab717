/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 validation (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
#ifndef IM_COMMON_UTF8_H
#define IM_COMMON_UTF8_H

#include <stdbool.h>

#include "common/str.h"

/* True if s is well-formed UTF-8. NUL bytes count as well-formed. */
bool im_utf8_valid(struct im_str s);
/* Length (2-4) of the well-formed sequence of several bytes at p, 0 if there is none before end. */
size_t im_utf8_seq(const char *p, const char *end);

#endif
