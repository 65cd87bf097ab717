/* SPDX-License-Identifier: BSD-3-Clause */
/* What search and the checks of texts ask about characters; the tables are utf8proc's. */
#ifndef IM_BRIDGE_UNICODE_H
#define IM_BRIDGE_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define UNICODE_ZWJ 0x200D
#define UNICODE_TEXT_STYLE 0xFE0E /* variation selectors: how the emoji before is drawn */
#define UNICODE_EMOJI_STYLE 0xFE0F
#define UNICODE_KEYCAP 0x20E3

/* Bytes of the character at p (p < end); *cp_out is negative for a byte that is no UTF-8. */
size_t unicode_read(const char *p, const char *end, int32_t *cp_out);
void unicode_put(struct im_buf *b, int32_t cp);
/* Bytes of what a reader takes for one character at p, a grapheme cluster; p < end. */
size_t unicode_cluster(const char *p, const char *end);

/* An emoji's own character, or one half of a flag. */
bool unicode_pictograph(int32_t cp);
bool unicode_flag_half(int32_t cp);
/* A letter or number of a script that is written without spaces between words (Hangul too, because
 * a Korean word is searched by any of its syllables). */
bool unicode_spaceless(int32_t cp);
bool unicode_letter_or_number(int32_t cp);
bool unicode_mark(int32_t cp);
/* Nothing is drawn for it alone: white space, format and control characters, fillers, marks. */
bool unicode_invisible(int32_t cp);
/* It turns the direction of what follows, beyond the text that it stands in. */
bool unicode_turns(int32_t cp);
/* A control character or a line's end. */
bool unicode_control(int32_t cp);

#endif
