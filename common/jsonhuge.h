/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that no double holds. */
#ifndef IM_COMMON_JSONHUGE_H
#define IM_COMMON_JSONHUGE_H

#include <stdbool.h>

/* A number without an exponent is as large only from so many digits on. */
#define IM_JSON_HUGE_DIGITS 309

/* p..end is a JSON number beyond 1.7976931348623157e308, where strict parsers stop. */
bool im_json_huge(const char *p, const char *end);

#endif
