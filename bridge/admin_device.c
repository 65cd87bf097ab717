/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what administrators learn of a client id, which a refused login does not say. */
#include "admin_device.h"

#include "../common/jsonw.h"
#include "../common/limits.h"
#include "directory_user.h"
#include "rpc_args.h"

static int get_owner(struct rpc_call *c)
{
	struct im_str device = rpc_str(c, "device");
	struct directory_device dev;
	struct directory_user u;
	int rc = directory_device_get(c->dir, device, &dev);
	int64_t created_ms, seen_ms;

	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"no user has the client id \"%.*s\": it is the next one's who comes with "
			"it",
			RPC_S(rpc_clip(device, IM_DEVICE_MAX)));
	created_ms = dev.created_ms;
	seen_ms = dev.seen_ms;
	if (rc == IM_OK)
		rc = directory_user_by_id(c->dir, dev.user, &u);
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, "{\"device\":");
	im_jsonw_str(c->result, device);
	im_jsonw_member_str(c->result, "username", u.uid);
	im_jsonw_member_int(c->result, "created_ms", created_ms);
	im_jsonw_member_int(c->result, "seen_ms", seen_ms);
	im_buf_c(c->result, '}');
	return IM_OK;
}

static const struct rpc_param owner_params[] = {
	{"device", RPC_STRING, true, 1, IM_DEVICE_MAX},
	{0},
};

const struct rpc_method admin_device_commands[] = {
	{"getDeviceOwner", RPC_LOG, owner_params, get_owner},
	{0},
};
