/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the short texts may hold that users write and others are shown beside their messages: names
 * that could pass for another's, or a line that could pass for the client's own. One rule each.
 * Texts are valid UTF-8 (the scanner has seen to it). Faults are told as what a sentence says of
 * the text: "holds ...; leave it out". NULL: none.
 */
#ifndef IM_BRIDGE_TEXT_H
#define IM_BRIDGE_TEXT_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* One line: no control characters, no ends of lines, nothing that turns the direction of text
 * beyond its end, and not invisible as a whole. Nicks, names, announcements, avatars, remarks,
 * tags. */
const char *text_line_fault(struct im_str s);
/* The same, but it may have lines and tabs. Notes and reasons. */
const char *text_note_fault(struct im_str s);

/*
 * The key that a reaction is counted under. An emoji has one, with or without the variation
 * selector: the form that Unicode calls fully qualified. A word may be a reaction, too. Appends the
 * key, or says what is wrong with it.
 */
const char *text_reaction(struct im_str s, struct im_buf *key);

#endif
