/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of an edit's body. Called by whatever shows or delivers messages; rpc_edit.c
 * builds it. */
#include "edit_body.h"

#include "../common/jsonscan.h"

/* False if it is no object. */
static bool open_body(struct im_str body, struct im_json_iter *it)
{
	struct im_json object;

	if (im_json_parse_any(body, &object) != IM_OK || object.type != IM_JSON_OBJECT)
		return false;
	im_json_iter_any(&object, it);
	return true;
}

uint64_t edit_body_seq(struct im_str body)
{
	struct im_json_iter it;
	struct im_json v;
	struct im_str key;
	int64_t seq;

	if (!open_body(body, &it))
		return 0;
	while (im_json_next(&it, &key, &v))
		if (im_str_eqz(key, "seq") && im_json_int(&v, &seq) == IM_OK && seq > 0)
			return (uint64_t)seq;
	return 0;
}

void edit_body_without_was(struct im_buf *out, struct im_str body)
{
	struct im_json_iter it;
	struct im_json v;
	struct im_str key;
	char open = '{';

	if (!open_body(body, &it)) {
		im_buf_z(out, "null");
		return;
	}
	while (im_json_next(&it, &key, &v)) {
		if (im_str_eqz(key, "was") || im_str_eqz(key, "was_enc"))
			continue;
		im_buf_c(out, open);
		open = ',';
		im_buf_c(out, '"');
		im_buf_str(out, key);
		im_buf_z(out, "\":");
		im_buf_str(out, v.raw);
	}
	im_buf_z(out, open == '{' ? "{}" : "}");
}
