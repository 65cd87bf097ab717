/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what administrators learn of a client id, which a refused login does not say, and what they
 * do about one that is bound to the wrong user. */
#include "bridge/admin/admin_device.h"

#include <string.h>

#include "bridge/admin/audit.h"
#include "bridge/directory/directory_bind.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/methods/rpc_device.h"
#include "bridge/rpc/rpc_args.h"
#include "common/ids.h"
#include "common/jsonw.h"

/* The texts in both are good until the next call on the directory. */
static int owner_of(struct rpc_call *c, struct im_str device, struct directory_device *dev_out,
	struct directory_user *user_out)
{
	int rc = directory_device_get(c->dir, device, dev_out);

	if (rc == IM_E_NONE) {
		*dev_out = (struct directory_device){.device = device};
		rc = directory_device_mark(c->dir, device, &dev_out->user);
	}
	if (rc == IM_E_NONE)
		rc = directory_bind_owner(c->dir, device, &dev_out->user);
	if (rc == IM_E_NONE && im_device_link(device))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"client ids that begin with " IM_DEVICE_LINK
			" are the bridge's, and refused to everybody else");
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"no user has the client id \"%.*s\": it is the next one's who comes with "
			"it",
			IM_ARGS(rpc_clip(device, IM_DEVICE_MAX)));
	return rc == IM_OK ? directory_user_by_id(c->dir, dev_out->user, user_out) : rc;
}

/* The members of the answer, but for its end. */
static void put_owner(struct rpc_call *c, struct im_str device, struct im_str uid)
{
	im_buf_z(c->result, "{\"device\":");
	im_jsonw_str(c->result, device);
	im_jsonw_member_str(c->result, "username", uid);
}

static int get_owner(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct im_str device = rpc_str(c, "device");
	struct directory_device dev;
	struct directory_user u = {0};
	int rc = owner_of(c, device, &dev, &u);

	if (rc != IM_OK)
		return rc;
	put_owner(c, device, u.uid);
	if (dev.created_ms) { /* else it is forgotten, and a session with it may be left */
		im_jsonw_member_int(c->result, "created_ms", dev.created_ms);
		im_jsonw_member_int(c->result, "seen_ms", dev.seen_ms);
	}
	im_buf_c(c->result, '}');
	return IM_OK;
}

/* Whoever is to have the id next; 0: whoever comes first. */
static int next_owner(struct rpc_call *c, struct im_str device, uint64_t *user_out)
{
	*user_out = 0;
	if (!rpc_has(c, "owner"))
		return IM_OK;
	/* Bound without a login, which would look at the id. */
	if (!im_device_valid(device) || im_device_link(device))
		return rpc_fail(
			c, IM_E_INVALID_PARAMS, "device is no client id that a user may have");
	return rpc_user_id(c, rpc_str(c, "owner"), user_out);
}

/* The old owner's client comes back within moments, and would have the id again: unless it belongs
 * to its rightful owner by then. */
static int unbind(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct im_str device = rpc_str(c, "device"), uid;
	struct directory_device dev;
	struct directory_user u = {0};
	char name[IM_UID_MAX];
	uint64_t next, by_pattern;
	int rc = next_owner(c, device, &next);

	if (rc == IM_OK)
		rc = owner_of(c, device, &dev, &u);
	if (rc != IM_OK)
		return rc;
	rc = directory_bind_owner(c->dir, device, &by_pattern);
	if (rc == IM_OK)
		return rpc_fail(c, IM_E_CONFLICT,
			"the client id is of the device account \"%.*s\" by what it begins with; "
			"imctl user bind says what that is",
			IM_ARGS(u.uid));
	if (rc != IM_E_NONE)
		return rc;
	if (u.id == next)
		return rpc_fail(c, IM_E_INVALID_PARAMS, "the client id belongs to \"%.*s\" already",
			IM_ARGS(u.uid));
	uid = (struct im_str){name, u.uid.n < sizeof(name) ? u.uid.n : sizeof(name)};
	memcpy(name, u.uid.p, uid.n);
	put_owner(c, device, uid);
	im_buf_c(c->result, '}');
	ac->about = u.id;
	audit_note(ac, "username", uid);
	rc = rpc_device_take(&ac->write, u.id, uid, device);
	if (rc == IM_OK && next)
		rc = directory_device_bind(c->dir, device, next, c->now_ms, 0);
	return rc;
}

static const struct rpc_param owner_params[] = {
	{"device", RPC_STRING, true, 1, IM_DEVICE_MAX},
	{0},
};
static const struct rpc_param unbind_params[] = {
	{"device", RPC_STRING, true, 1, IM_DEVICE_MAX},
	{"owner", RPC_STRING, false, 1, IM_UID_MAX},
	{0},
};

const struct admin_command admin_device_commands[] = {
	{"getDeviceOwner", ADMIN_LOOK, owner_params, get_owner},
	{"unbindDevice", ADMIN_CHANGE, unbind_params, unbind},
	{0},
};
