/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The operator's list of words that messages may not hold, matched all at once by Hyperscan. One
 * entry a line of UTF-8, '#' starts a comment; letters match in either case. An entry that begins
 * and ends with an ASCII letter or digit matches whole words only, unless it stands between
 * asterisks (*part*); any other entry (Chinese, say) matches wherever it occurs.
 */
#ifndef IM_BRIDGE_WORDLIST_H
#define IM_BRIDGE_WORDLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

#define WORDLIST_MAX 100000   /* entries: what Hyperscan compiles in seconds */
#define WORDLIST_WORD_MAX 128 /* bytes of one entry */

struct wordlist;

/* Compiles a list. On failure why names `name`, the line and what would be right. An empty list is
 * fine and matches nothing. */
int wordlist_compile(struct im_str text, const char *name, struct wordlist **out,
	struct im_buf *why) IM_MUST_CHECK;
void wordlist_free(struct wordlist **w);
size_t wordlist_size(const struct wordlist *w);

/* True if the text (valid UTF-8) holds a word of the list. Not for two threads at once. */
bool wordlist_match(struct wordlist *w, struct im_str text);
/* Appends the text with every character of every hit replaced by '*'. */
void wordlist_mask(struct wordlist *w, struct im_str text, struct im_buf *out);

#endif
