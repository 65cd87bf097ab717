/* SPDX-License-Identifier: BSD-3-Clause */
/* The form of replies. Called by whatever answers a request; must not know what a method does. */
#include "bridge/rpc/rpc.h"

#include "common/limits.h"
#include "common/wire.h"

/* What a reply needs around its result, and the frame around the reply. */
#define REPLY_BYTES_MAX (IM_FRAME_BYTES_MAX - 4096)

bool rpc_reads(const struct rpc_method *m)
{
	return m->kind == RPC_READ || m->kind == RPC_SEARCH || m->kind == RPC_DEVICES;
}

static void begin_reply(struct im_buf *out, struct im_str id_json)
{
	im_buf_z(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	im_buf_str(out, id_json.n ? id_json : IM_STR("null"));
}

void rpc_reply_retry(
	struct im_buf *out, struct im_str id_json, int code, struct im_str why, int64_t retry_ms)
{
	begin_reply(out, id_json);
	im_buf_z(out, ",\"error\":");
	im_wire_error_retry(out, code, why, retry_ms);
	im_buf_c(out, '}');
}

void rpc_reply_build(struct im_buf *out, struct im_str id_json, int code, struct im_str why,
	struct im_str result)
{
	if (code == IM_OK && result.n + id_json.n > REPLY_BYTES_MAX) {
		code = IM_E_TOO_LARGE;
		why = IM_STR("the result does not fit one reply; give a smaller limit");
	}
	begin_reply(out, id_json);
	if (code == IM_OK) {
		im_buf_z(out, ",\"result\":");
		im_buf_str(out, result);
	} else {
		im_buf_z(out, ",\"error\":");
		im_wire_error(out, code, why);
	}
	im_buf_c(out, '}');
}
