/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A JSON reader (RFC 8259) that validates and gives byte-exact slices of its input. It exists
 * because a message's body must travel unchanged: a tree parser would round numbers and reorder
 * members. Allocates nothing; nesting is bounded by IM_JSON_DEPTH_MAX. Text that is not valid UTF-8
 * is not JSON.
 */
#ifndef IM_COMMON_JSONSCAN_H
#define IM_COMMON_JSONSCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "str.h"

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

/* Walks an object or array that im_json_parse has accepted. */
struct im_json_iter {
	const char *p, *end;
};
void im_json_iter(const struct im_json *container, struct im_json_iter *it);
/* Next member/element; false at the end. key_out is the raw text between the quotes (escapes not
 * decoded) and may be NULL for arrays. */
bool im_json_next(struct im_json_iter *it, struct im_str *key_out, struct im_json *value_out);

/* Decodes a JSON string value into b (appended). IM_E_FORMAT if v is no string or holds \u0000. */
int im_json_text(const struct im_json *v, struct im_buf *b) IM_MUST_CHECK;
/* An integer within int64; IM_E_FORMAT otherwise (fractions and exponents included). */
int im_json_int(const struct im_json *v, int64_t *out) IM_MUST_CHECK;

#endif
