/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of what a command is answered with. Called by admin.c, and by a reader for a
 * command that is answered later. */
#include "bridge/admin/admin_response.h"

#include "common/err.h"
#include "common/jsonw.h"

void admin_response_error(struct im_buf *out, int code, struct im_str why)
{
	struct im_buf text;

	im_buf_init(&text, 0);
	im_buf_z(&text, im_err_text(code));
	if (why.n > 0) {
		im_buf_z(&text, ": ");
		im_buf_str(&text, why);
	}
	im_jsonw_member_str(out, "error", im_buf_view(&text));
	im_jsonw_member_int(out, "code", code);
	if (text.failed)
		out->failed = true;
	im_buf_free(&text);
}

void admin_response_outcome(struct im_buf *out, int code, struct im_str why, struct im_str result)
{
	if (code != IM_OK) {
		admin_response_error(out, im_err_is_wire(code) ? code : IM_E_INTERNAL, why);
	} else if (result.n > 0) {
		im_buf_z(out, ",\"data\":");
		im_buf_str(out, result);
	}
	im_buf_c(out, '}');
}

void admin_response_end(struct im_buf *out, int code, struct im_str why, struct im_str result)
{
	admin_response_outcome(out, code, why, result);
	im_buf_z(out, "]}");
}
