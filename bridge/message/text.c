/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules for short texts. Called for parameters of methods and commands; must not know what
 * they are for. Pure. */
#include "bridge/message/text.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "bridge/message/unicode.h"

#define FLAG 0x1F3F4 /* letters for a region follow it, as tags */
#define TAG_FIRST 0xE0020
#define TAG_LAST 0xE007F
#define ZWNJ 0x200C

static const char *const fault_control = "holds a control character or a line's end; leave it out";
static const char *const fault_turns =
	"holds a character that turns the direction of text (U+202A to U+202E, U+2066 to U+2069); "
	"leave it out";
static const char *const fault_invisible =
	"has nothing that can be seen; give a visible character, or nothing";
static const char *const fault_hidden = "holds invisible characters; leave them out";

static const char *fault_of(struct im_str s, bool lines)
{
	const char *end = s.p + s.n;
	bool visible = s.n == 0;
	int32_t cp;

	for (const char *p = s.p; p < end; p += unicode_read(p, end, &cp)) {
		(void)unicode_read(p, end, &cp);
		if (unicode_control(cp) && !(lines && (cp == '\n' || cp == '\t')))
			return fault_control;
		if (unicode_turns(cp))
			return fault_turns;
		visible |= !unicode_invisible(cp);
	}
	return visible ? NULL : fault_invisible;
}

const char *text_line_fault(struct im_str s)
{
	return s.n ? fault_of(s, false) : NULL;
}

const char *text_note_fault(struct im_str s)
{
	return s.n ? fault_of(s, true) : NULL;
}

/* -- reactions -- */

static bool is_skin(int32_t cp)
{
	return cp >= 0x1F3FB && cp <= 0x1F3FF;
}

static bool is_tag(int32_t cp)
{
	return cp >= TAG_FIRST && cp <= TAG_LAST;
}

/* Drawn as text unless a variation selector follows: the narrow ones, and a few wide ones. */
static bool wants_style(int32_t cp)
{
	if (!unicode_pictograph(cp) || utf8proc_category(cp) == UTF8PROC_CATEGORY_CN)
		return false;
	return utf8proc_charwidth(cp) == 1 || cp == 0x3030 || cp == 0x303D || cp == 0x3297 ||
	       cp == 0x3299 || cp == 0x1F202 || cp == 0x1F237;
}

static bool is_style(int32_t cp)
{
	return cp == UNICODE_TEXT_STYLE || cp == UNICODE_EMOJI_STYLE;
}

/* The next character that is no variation selector; 0 at the end. */
static int32_t peek(const char *p, const char *end)
{
	int32_t cp = 0;

	while (p < end) {
		p += unicode_read(p, end, &cp);
		if (!is_style(cp))
			return cp;
	}
	return 0;
}

/* A joiner says something between two emoji, or between two letters. */
static bool joins(int32_t before, int32_t cp, int32_t after)
{
	if (cp == UNICODE_ZWJ && unicode_pictograph(after))
		return unicode_pictograph(before) || is_skin(before);
	return (unicode_letter_or_number(before) || unicode_mark(before)) &&
	       unicode_letter_or_number(after);
}

/* Takes in what says something; before: what was taken in last. */
static const char *keep(struct im_buf *kept, int32_t *before, int32_t cp, int32_t after)
{
	bool joiner = cp == UNICODE_ZWJ || cp == ZWNJ;

	if (is_style(cp) || (joiner && !joins(*before, cp, after)))
		return NULL;
	if (!joiner && utf8proc_get_property(cp)->ignorable &&
		!(is_tag(cp) && (*before == FLAG || is_tag(*before))))
		return fault_hidden;
	unicode_put(kept, cp);
	*before = cp;
	return NULL;
}

/* Puts the variation selectors where they belong. */
static void put_styled(struct im_buf *key, struct im_str kept)
{
	const char *p = kept.p, *end = kept.p + kept.n;
	int32_t cp, after;

	while (kept.n && p < end) {
		p += unicode_read(p, end, &cp);
		after = peek(p, end);
		unicode_put(key, cp);
		if ((wants_style(cp) && !is_skin(after)) || (cp < 0x80 && after == UNICODE_KEYCAP))
			unicode_put(key, UNICODE_EMOJI_STYLE);
	}
}

const char *text_reaction(struct im_str s, struct im_buf *key)
{
	const char *fault = text_line_fault(s), *p = s.p, *end = s.p + s.n;
	utf8proc_uint8_t *composed = NULL;
	int32_t cp, before = 0;
	struct im_buf kept;
	utf8proc_ssize_t n;

	if (fault || s.n == 0)
		return fault ? fault : fault_invisible;
	im_buf_init(&kept, 0);
	while (p < end && !fault) {
		p += unicode_read(p, end, &cp);
		fault = keep(&kept, &before, cp, peek(p, end));
	}
	if (!fault) {
		n = utf8proc_map((const utf8proc_uint8_t *)kept.p, (utf8proc_ssize_t)kept.n,
			&composed, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
		key->failed |= kept.failed || n < 0;
		if (n > 0)
			put_styled(key, (struct im_str){(const char *)composed, (size_t)n});
	}
	im_buf_free(&kept);
	free(composed);
	return fault;
}
