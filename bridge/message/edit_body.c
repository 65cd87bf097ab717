/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of an edit's body. Called by whatever shows or delivers messages; rpc_edit.c
 * builds it. */
#include "bridge/message/edit_body.h"

#include "common/jsonscan.h"

uint64_t edit_body_seq(struct im_str body)
{
	return (uint64_t)im_json_number_in(body, "seq");
}

void edit_body_without_was(struct im_buf *out, struct im_str body)
{
	struct im_json_iter it;
	struct im_json v;
	struct im_str key;
	char open = '{';

	if (im_json_parse_any(body, &v) != IM_OK || v.type != IM_JSON_OBJECT) {
		im_buf_z(out, "null");
		return;
	}
	im_json_iter_any(&v, &it);
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
