/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the showing and setting of quotas by administrators. What they mean is quota.c's. */
#include "bridge/admin/admin_quota.h"

#include "bridge/rpc/quota.h"
#include "bridge/rpc/rpc_args.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define QUOTA_MAX 1000000

static const char *const names[] = {
	[DIRECTORY_QUOTA_GROUPS] = "groups",
	[DIRECTORY_QUOTA_INVITATIONS] = "invitations",
	[DIRECTORY_QUOTA_REQUESTS] = "requests",
};

static int kind_of(struct rpc_call *c, int *out)
{
	struct im_str name = rpc_str(c, "kind");

	for (int k = DIRECTORY_QUOTA_GROUPS; k <= DIRECTORY_QUOTA_REQUESTS; k++)
		if (im_str_eqz(name, names[k])) {
			*out = k;
			return IM_OK;
		}
	return rpc_fail(c, IM_E_INVALID_PARAMS,
		"kind is \"%.*s\"; give \"groups\", \"invitations\" or \"requests\"",
		IM_ARGS(rpc_clip(name, 32)));
}

static int put_one(struct rpc_call *c, uint64_t user, int kind)
{
	int64_t own, max, used;
	int rc = directory_quota_max(c->dir, user, kind, &own);

	if (rc == IM_OK)
		rc = quota_max(c, user, kind, &max);
	if (rc == IM_OK)
		rc = directory_quota_used(c->dir, user, kind, 0, c->now_ms, &used);
	if (rc != IM_OK)
		return rc;
	if (c->result->p[c->result->n - 1] != '[')
		im_buf_c(c->result, ',');
	im_buf_printf(c->result, "{\"kind\":\"%s\"", names[kind]);
	im_jsonw_member_int(c->result, "max", max);
	im_jsonw_member_int(c->result, "used", used);
	im_buf_printf(c->result, ",\"own\":%s}", own == DIRECTORY_QUOTA_DEFAULT ? "false" : "true");
	return IM_OK;
}

/* only: one kind; 0: all of them. */
static int put_all(struct rpc_call *c, uint64_t user, int only)
{
	int rc = IM_OK;

	im_buf_z(c->result, "{\"quotas\":[");
	for (int kind = DIRECTORY_QUOTA_GROUPS; rc == IM_OK && kind <= DIRECTORY_QUOTA_REQUESTS;
		kind++)
		if (only == 0 || kind == only)
			rc = put_one(c, user, kind);
	im_buf_z(c->result, "]}");
	return rc;
}

/* Without a figure it shows, and changes nothing. A deleted user's figures are kept for who comes
 * back. */
static int set_quota(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	bool change = rpc_has(c, "max");
	struct directory_user u = {.id = 0};
	int kind = 0, rc = rpc_has(c, "kind") ? kind_of(c, &kind) : IM_OK;

	if (rc == IM_OK && change && kind == 0)
		rc = rpc_fail(c, IM_E_INVALID_PARAMS,
			"max is given without kind; say of what: \"groups\", \"invitations\" or "
			"\"requests\"");
	if (rc == IM_OK)
		rc = rpc_user_past(c, rpc_str(c, "username"), &u);
	if (rc == IM_OK && change)
		rc = directory_quota_set_max(c->dir, u.id, kind, rpc_int(c, "max", 0));
	ac->looked = !change;
	return rc == IM_OK ? put_all(c, u.id, kind) : rc;
}

static const struct rpc_param quota_params[] = {
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"kind", RPC_STRING, false, 1, 16},
	{"max", RPC_INTEGER, false, DIRECTORY_QUOTA_DEFAULT, QUOTA_MAX},
	{0},
};

const struct admin_command admin_quota_commands[] = {
	{"setUserQuota", ADMIN_CHANGE, quota_params, set_quota},
	{0},
};
