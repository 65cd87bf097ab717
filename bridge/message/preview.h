/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The beginning of a message's body, for where the whole of it is not wanted: what a reply quotes,
 * what a list of conversations shows. Pure.
 */
#ifndef IM_BRIDGE_PREVIEW_H
#define IM_BRIDGE_PREVIEW_H

#include <stddef.h>

#include "common/buf.h"
#include "common/envelope.h"
#include "common/str.h"

/* Two lines on a phone; in Chinese three bytes each. Bytes are those of the JSON string, without
 * its quotes: a control character takes six, an emoji of several people 25. */
#define PREVIEW_CHARS 160
#define PREVIEW_BYTES 480

/* The beginning of a text: at most so many characters as a reader counts them (grapheme clusters),
 * and so many bytes in JSON. It ends behind a whole one, unless the first alone is longer than
 * that: then behind a whole code point. */
struct im_str preview_text(struct im_str text, size_t chars, size_t bytes);

/* Appends `,"body":..` as it is shown, of text its beginning, and of anything else, which means
 * nothing in part, all or `null`; and `,"cut":true` if that is not the whole body. What is encoded
 * is said before, `,"enc":"base64"`. The value has at most PREVIEW_CHARS and so many bytes, quotes
 * not counted. */
void preview_body(struct im_buf *b, enum im_enc enc, struct im_str body, size_t bytes);

#endif
