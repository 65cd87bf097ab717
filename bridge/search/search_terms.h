/* SPDX-License-Identifier: BSD-3-Clause */
/* What a user typed as an FTS5 expression: words (all must occur), "phrases in quotes", beginn*. */
#ifndef IM_BRIDGE_SEARCH_TERMS_H
#define IM_BRIDGE_SEARCH_TERMS_H

#include <sqlite3.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

#define SEARCH_TERMS_MAX 16
/* Characters of a beginning: one alone would gather a good part of the index. Shorter than the
 * index's own lists of beginnings it may not be. */
#define SEARCH_PREFIX_MIN 2

/* A tokenizer as FTS5 uses it, so that a term is taken apart as the texts were. */
struct search_tokenizer {
	fts5_tokenizer calls;
	Fts5Tokenizer *self;
};

/* Appends the expression. What holds no token is no term. IM_E_INVALID_PARAMS with *why_out:
 * nothing is left, or too much. */
int search_terms_put(const struct search_tokenizer *t, struct im_str q, struct im_buf *out,
	const char **why_out) IM_MUST_CHECK;

#endif
