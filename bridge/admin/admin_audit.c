/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns how the audit log looks to administrators. Nobody can change it by a command. */
#include "bridge/admin/admin_audit.h"

#include <inttypes.h>
#include <stdio.h>

#include "bridge/directory/directory_audit.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

static int on_row(void *arg, const struct directory_audit *a)
{
	struct rpc_page *p = arg;
	struct im_buf *b = &p->one;
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, a->id);
	im_buf_printf(b, "{\"id\":%s", key);
	im_jsonw_member_int(b, "ts_ms", a->last_ms);
	im_jsonw_member_str(b, "by", a->by);
	im_jsonw_member_str(b, "command", a->action);
	im_jsonw_member_str(b, "subject", a->subject);
	im_buf_z(b, ",\"detail\":");
	im_buf_str(b, a->detail);
	im_jsonw_member_str(
		b, "outcome", a->code == IM_OK ? IM_STR("done") : im_str(im_err_text(a->code)));
	if (a->n > 1) {
		im_jsonw_member_int(b, "times", (int64_t)a->n);
		im_jsonw_member_int(b, "first_ms", a->first_ms);
	}
	im_buf_c(b, '}');
	return rpc_page_add(p, im_str(key));
}

static int list_audit(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_user u = {.id = 0};
	struct rpc_page page;
	uint64_t after = 0;
	int rc = IM_OK;

	if (rpc_has(c, "after") && im_cursor_parse(rpc_str(c, "after"), &after) != IM_OK)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"after is no row's id; give the number that next was, or none");
	if (rpc_has(c, "username"))
		rc = rpc_user_past(c, rpc_str(c, "username"), &u);
	if (rc == IM_OK && after == 0 && rpc_has(c, "last"))
		rc = directory_audit_newest(c->dir, u.id, (uint32_t)rpc_int(c, "last", 1), &after);
	if (rc != IM_OK)
		return rc;
	rpc_page_begin(&page, c->result, "rows", (uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX),
		ADMIN_LIST_BYTES_MAX);
	return rpc_page_end(
		&page, directory_audit_list(c->dir, after, u.id, page.limit + 1, on_row, &page));
}

static const struct rpc_param list_params[] = {
	{"username", RPC_STRING, false, 1, IM_UID_MAX},
	{"after", RPC_STRING, false, 0, 19},
	{"last", RPC_INTEGER, false, 1, IM_AUDIT_MAX},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};

const struct admin_command admin_audit_commands[] = {
	{"listAudit", ADMIN_LOOK, list_params, list_audit},
	{0},
};
