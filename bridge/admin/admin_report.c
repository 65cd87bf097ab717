/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns how reports look to administrators, and their closing. */
#include "bridge/admin/admin_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "bridge/directory/directory_report.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

/* Always a string: of JSON there may be the beginning only. */
static void put_body(struct im_buf *b, const struct directory_report *r)
{
	if (r->enc == IM_ENC_JSON)
		im_jsonw_member_str(b, "enc", IM_STR("json"));
	if (r->enc != IM_ENC_BYTES) {
		im_jsonw_member_str(b, "body", r->body);
	} else {
		im_buf_z(b, ",\"enc\":\"base64\",\"body\":\"");
		im_buf_base64(b, r->body.p, r->body.n);
		im_buf_c(b, '"');
	}
	if (r->cut)
		im_buf_z(b, ",\"cut\":true");
}

static int on_report(void *arg, const struct directory_report *r)
{
	struct rpc_page *p = arg;
	struct im_buf *b = &p->one;
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, r->id);
	im_buf_printf(b, "{\"id\":%s", key);
	im_jsonw_member_int(b, "created_ms", r->created_ms);
	im_jsonw_member_str(b, "reporter", r->reporter_uid);
	im_jsonw_member_str(b, "reason", r->reason);
	im_jsonw_member_str(b, "conv", r->conv_name);
	im_jsonw_member_int(b, "seq", (int64_t)r->seq);
	im_jsonw_member_str(b, "sender", r->sender_uid);
	im_jsonw_member_int(b, "sent_ms", r->sent_ms);
	im_jsonw_member_str(b, "type", r->type);
	put_body(b, r);
	if (r->closed) {
		im_jsonw_member_int(b, "closed_ms", r->closed_ms);
		im_jsonw_member_str(b, "closed_by", r->closed_by);
		im_jsonw_member_str(b, "note", r->note);
	}
	im_buf_c(b, '}');
	return rpc_page_add(p, im_str(key));
}

static int list_reports(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct rpc_page page;
	uint64_t after = 0;

	/* Numbers as a cursor is written: digits, and nothing else. */
	if (rpc_has(c, "after") && im_cursor_parse(rpc_str(c, "after"), &after) != IM_OK)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"after is no report's id; give the number that next was, or none");
	rpc_page_begin(&page, c->result, "reports", (uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX),
		ADMIN_LIST_BYTES_MAX);
	return rpc_page_end(&page, directory_report_list(c->dir, rpc_bool(c, "closed", false),
					   after, page.limit + 1, on_report, &page));
}

static int close_report(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	int64_t id = rpc_int(c, "id", 0);
	int rc = directory_report_close(c->dir, (uint64_t)id, c->user, rpc_str(c, "note"),
		c->now_ms, IM_REPORTS_CLOSED_MAX);

	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"there is no report %" PRId64 "; listReports (imctl report list) shows "
			"them",
			id);
	if (rc != IM_OK && rc != IM_E_EXISTS)
		return rc;
	return rpc_changed(c, rc == IM_OK);
}

static const struct rpc_param list_params[] = {
	{"closed", RPC_BOOLEAN, false, 0, 0},
	{"after", RPC_STRING, false, 0, 19},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};
static const struct rpc_param close_params[] = {
	{"id", RPC_INTEGER, true, 1, INT64_MAX},
	{"note", RPC_NOTE, false, 0, IM_REPORT_TEXT_MAX},
	{0},
};

const struct admin_command admin_report_commands[] = {
	{"listReports", ADMIN_CHANGE, list_params, list_reports},
	{"closeReport", ADMIN_CHANGE, close_params, close_report},
	{0},
};
