/* SPDX-License-Identifier: BSD-3-Clause */
/* uthash for elements that say when there was no memory for them: its own answer would be to end
 * the process. They have a member `bool refused`, which is set instead of adding them. */
#ifndef IM_COMMON_HASH_H
#define IM_COMMON_HASH_H

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->refused = true)
#include <uthash.h>

#endif
