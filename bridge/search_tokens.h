/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The FTS5 tokenizer "im". Words: folded for case and accents, by FTS5's own unicode61. Chinese,
 * Japanese and Korean: every character is a token and so is every pair of neighbours at the same
 * position, so that words of one or two characters are found without a dictionary; a query uses the
 * pairs, which are far rarer than single characters.
 */
#ifndef IM_BRIDGE_SEARCH_TOKENS_H
#define IM_BRIDGE_SEARCH_TOKENS_H

#include <sqlite3.h>

#include "../common/err.h"

/* Registers the tokenizer with a connection. IM_E_IO if this SQLite has no FTS5. */
int search_tokens_register(sqlite3 *db) IM_MUST_CHECK;

#endif
