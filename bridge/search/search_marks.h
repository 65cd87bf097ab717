/* SPDX-License-Identifier: BSD-3-Clause */
/* The marks around the hits in a snippet. Pure. */
#ifndef IM_BRIDGE_SEARCH_MARKS_H
#define IM_BRIDGE_SEARCH_MARKS_H

#include "common/buf.h"

/* Around a hit: U+0002 and U+0003, which no text holds by accident. */
#define SEARCH_MARK_START "\x02"
#define SEARCH_MARK_END "\x03"

/* Appends FTS5's snippet with every hit marked to its end. Scripts without spaces are indexed by
 * pairs of characters, and FTS5 marks of a pair the first one alone: the next is taken in where the
 * user's words `q` have the same two side by side. */
void search_marks_widen(struct im_str snippet, struct im_str q, struct im_buf *out);

#endif
