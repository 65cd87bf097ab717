/* SPDX-License-Identifier: BSD-3-Clause */
/* The tokenizer of the indexes that versions before this one made. */
#ifndef IM_BRIDGE_SEARCH_TOKENS_OLD_H
#define IM_BRIDGE_SEARCH_TOKENS_OLD_H

#include <sqlite3.h>

#include "common/err.h"

int search_tokens_old_register(fts5_api *api) IM_MUST_CHECK;

#endif
