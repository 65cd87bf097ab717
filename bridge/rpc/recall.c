/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what a recall writes. */
#include "bridge/rpc/recall.h"

#include <inttypes.h>

#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "bridge/message/meta_device.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"

static int blank(struct rpc_write *wr, struct msg_target *t, struct im_str meta)
{
	t->m.recalled = true;
	t->m.meta = meta;
	t->m.body = (struct im_str){NULL, 0};
	return writer_amend(wr->writer, &t->m);
}

/* Every edit of the message holds an earlier body. */
static int blank_edits(struct rpc_write *wr, uint64_t conv, uint64_t seq)
{
	struct msg_target t;
	int rc = IM_OK;

	for (int i = 0; rc == IM_OK && seq > 0 && i < IM_EDITS_MAX; i++) {
		rc = msg_target_read(wr, conv, seq, &t);
		if (rc == IM_OK) {
			seq = (uint64_t)im_json_number_in(t.m.body, "prev");
			rc = blank(wr, &t, IM_STR(""));
		}
		msg_target_clear(&t);
	}
	/* Retention may have taken the oldest ones. */
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int say(
	struct rpc_write *wr, const struct recall *r, const struct store_msg *of, uint64_t *seq_out)
{
	struct message m = r->say;
	struct im_buf body, devices;
	uint64_t gid;
	int rc;

	im_buf_init(&body, 0);
	im_buf_init(&devices, 0);
	meta_device_follow(&devices, of->meta, m.sender == of->sender,
		wr->call.thing ? wr->call.device : IM_STR(""));
	im_buf_printf(&body, "{\"seq\":%" PRIu64, of->seq);
	if (r->say_by)
		im_jsonw_member_str(&body, "by", r->by);
	im_buf_c(&body, '}');
	m.ts_ms = writer_now_ms(wr->writer);
	m.enc = IM_ENC_JSON;
	m.type = IM_STR(KIND_RECALL);
	m.body = im_buf_view(&body);
	m.meta = im_buf_view(&devices);
	rc = body.failed || devices.failed ? IM_E_NOMEM
					   : writer_append(wr->writer, &m, seq_out, &gid);
	im_buf_free(&body);
	im_buf_free(&devices);
	return rc;
}

int recall_write(
	struct rpc_write *wr, const struct recall *r, struct msg_target *t, uint64_t *seq_out)
{
	struct im_str edited = meta_get(t->m.meta, "edited");
	char to[IM_DEVICE_MAX], from[IM_DEVICE_MAX];
	struct im_buf meta;
	int rc = say(wr, r, &t->m, seq_out);

	if (rc == IM_OK)
		rc = blank_edits(wr, r->conv, (uint64_t)im_json_number_in(edited, "seq"));
	if (rc != IM_OK)
		return rc;
	im_buf_init(&meta, 0);
	im_buf_z(&meta, "\"recalled_by\":");
	im_jsonw_str(&meta, r->by);
	meta_device_put(&meta, META_TO_DEVICE, meta_device_get(t->m.meta, META_TO_DEVICE, to));
	meta_device_put(
		&meta, META_FROM_DEVICE, meta_device_get(t->m.meta, META_FROM_DEVICE, from));
	rc = meta.failed ? IM_E_NOMEM : blank(wr, t, im_buf_view(&meta));
	im_buf_free(&meta);
	return rc;
}
