/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A JSON reader (RFC 8259) that validates and gives byte-exact slices of its input. It exists
 * because a message's body must travel unchanged: a tree parser would round numbers and reorder
 * members. Allocates nothing; nesting is bounded by IM_JSON_DEPTH_MAX. Text that is not valid UTF-8
 * is not JSON, and neither is what the grammar allows and strict parsers refuse, because a page
 * that held it could not be read: the escape \u0000, half a surrogate pair, a number that no double
 * holds.
 */
#ifndef IM_COMMON_JSONSCAN_H
#define IM_COMMON_JSONSCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

enum im_json_type {
	IM_JSON_NULL,
	IM_JSON_BOOL,
	IM_JSON_NUMBER,
	IM_JSON_STRING,
	IM_JSON_ARRAY,
	IM_JSON_OBJECT
};

struct im_json {
	enum im_json_type type;
	struct im_str raw; /* the value's text, without white space around it */
};

/* 0 if the whole of s is one JSON value, else IM_E_FORMAT. */
int im_json_parse(struct im_str s, struct im_json *out) IM_MUST_CHECK;
/* Takes all that the grammar allows: for what was stored before it was refused, and to say what is
 * wrong with a text. */
int im_json_parse_any(struct im_str s, struct im_json *out) IM_MUST_CHECK;
/* What strict parsers refuse in s: a sentence (what, and what would be right). NULL: nothing, or s
 * is no JSON at all. */
const char *im_json_fault(struct im_str s);

/*
 * Walks an object or array. One that im_json_parse has accepted is walked to its end. Text that was
 * not parsed may be walked too (fill in type and raw): every value is checked before it is handed
 * out, and im_json_done says after the last one whether the whole was valid.
 */
struct im_json_iter {
	const char *p, *end;
	bool object;
	bool comma; /* one was read: another member must follow */
	bool done;
	bool any; /* as im_json_parse_any */
};
void im_json_iter(const struct im_json *container, struct im_json_iter *it);
void im_json_iter_any(const struct im_json *container, struct im_json_iter *it);
/* Next member/element; false at the end. key_out is the raw text between the quotes (escapes not
 * decoded) and may be NULL. */
bool im_json_next(struct im_json_iter *it, struct im_str *key_out, struct im_json *value_out);
/* After im_json_next has said false: the container was closed and only white space follows. */
bool im_json_done(const struct im_json_iter *it);

/* How many elements the array has that s begins with: they are counted as far as they are well
 * formed, and no further than `max`. -1: it begins with none. */
int64_t im_json_elements(struct im_str s, int64_t max);

/* Decodes a JSON string value into b (appended). IM_E_FORMAT, with b as it was, if v is no string
 * or holds what UTF-8 text cannot: \u0000 or half a surrogate pair. IM_E_NOMEM if b failed. */
int im_json_text(const struct im_json *v, struct im_buf *b) IM_MUST_CHECK;
/* An integer within int64; IM_E_FORMAT otherwise (fractions and exponents included). */
int im_json_int(const struct im_json *v, int64_t *out) IM_MUST_CHECK;
/* The integer that is the first member of this name in an object's text; 0: there is none, it is
 * below 0 or no integer. Of what was stored, as im_json_parse_any takes it, and not parsed first:
 * what follows the member costs nothing. */
int64_t im_json_number_in(struct im_str object, const char *name);

#endif
