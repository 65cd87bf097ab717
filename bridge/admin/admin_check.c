/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the pages of the check: a stretch of names each, whether or not something is found there. */
#include "bridge/admin/admin_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "bridge/directory/directory.h"
#include "bridge/rpc/rpc_args.h"
#include "common/jsonw.h"
#include "common/wire.h"

/* `next`: u or g, and the number of the last one looked at. */
static int take_place(struct rpc_call *c, struct check_place *out)
{
	struct im_str after = rpc_str(c, "after"), number = after;

	*out = (struct check_place){.id = 0};
	if (!rpc_has(c, "after"))
		return IM_OK;
	number.p++;
	number.n--;
	out->groups = after.p[0] == 'g';
	if ((out->groups || after.p[0] == 'u') && im_cursor_parse(number, &out->id) == IM_OK)
		return IM_OK;
	return rpc_fail(c, IM_E_INVALID_PARAMS,
		"after is none that checkNames gave as next; leave it out to begin");
}

struct page {
	struct im_buf *out;
	bool any;
};

static int on_finding(void *arg, const struct check_finding *f)
{
	struct page *p = arg;

	if (p->any)
		im_buf_c(p->out, ',');
	p->any = true;
	check_put(p->out, f);
	return p->out->failed ? IM_E_NOMEM : IM_OK;
}

static int check(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct page p = {.out = c->result};
	struct check_place place;
	char next[24];
	int rc = take_place(c, &place);

	if (rc != IM_OK)
		return rc;
	im_buf_z(p.out, "{\"findings\":[");
	rc = directory_check_names(
		c->dir, &place, (uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX), on_finding, &p);
	im_buf_c(p.out, ']');
	if (!place.done) {
		snprintf(next, sizeof(next), "%c%" PRIu64, place.groups ? 'g' : 'u', place.id);
		im_jsonw_member_str(p.out, "next", im_str(next));
	}
	im_buf_c(p.out, '}');
	return rc;
}

static const struct rpc_param params[] = {
	{"after", RPC_STRING, false, 2, 20},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};

const struct admin_command admin_check_commands[] = {
	{"checkNames", ADMIN_LOOK, params, check},
	{0},
};
