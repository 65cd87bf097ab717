/* SPDX-License-Identifier: BSD-3-Clause */
/* Names that nobody may guess: of groups, and of links into them. */
#ifndef IM_BRIDGE_RANDOM_NAME_H
#define IM_BRIDGE_RANDOM_NAME_H

#include <stddef.h>

#include "common/err.h"

#define RANDOM_NAME_MAX 32

/* Writes n (at most RANDOM_NAME_MAX) characters of 32 each, five bits, and a NUL. IM_E_IO: the
 * kernel has none. */
int random_name(char *out, size_t n) IM_MUST_CHECK;

#endif
