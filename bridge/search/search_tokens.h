/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The FTS5 tokenizer "im4". A text is taken by what a reader takes for one character (a grapheme
 * cluster), folded as NFKC_Casefold does, without accents, points and vowel signs that are written
 * or not (the marks of Latin, Greek, Cyrillic, Arabic and Hebrew). What of it are letters, numbers
 * and the marks that belong to them is a word. Scripts written without spaces: every character is a
 * token and so is every pair of neighbours at the same position, so that words of one or two
 * characters are found without a dictionary; a query uses the pairs, which are far rarer. An emoji
 * is a token; its skin and its presentation do not matter.
 */
#ifndef IM_BRIDGE_SEARCH_TOKENS_H
#define IM_BRIDGE_SEARCH_TOKENS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* Registers it with a connection, and the one before it. IM_E_IO if this SQLite has no FTS5. */
int search_tokens_register(sqlite3 *db) IM_MUST_CHECK;
/* The FTS5 of a connection, or NULL. */
fts5_api *search_tokens_api(sqlite3 *db);

/* A token that stands for itself: a character of a script without spaces, a pair of them, an emoji.
 * It has no beginning that could be searched for. */
bool search_token_whole(struct im_str token);

/* Appends a text folded as its tokens are, what stands between them included. */
void search_fold(struct im_str text, struct im_buf *out);

#endif
