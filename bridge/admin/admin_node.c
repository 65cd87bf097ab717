/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the commands that concern no single account or group. */
#include "bridge/admin/admin_node.h"

#include <stdlib.h>

#include "bridge/admin/admin_hooks.h"
#include "bridge/deliver/places.h"
#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_bind.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/write/group_change.h"
#include "bridge/write/group_write.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define PATH_BYTES_MAX 1024

/* Is it one of the user's, connected or bound to him? */
static int is_device_of(struct rpc_call *c, uint64_t user, struct im_str device, bool *out)
{
	struct directory_device dev;
	uint64_t owner;
	int rc = directory_bind_owner(c->dir, device, &owner);

	if (rc == IM_E_NONE) {
		rc = directory_device_get(c->dir, device, &dev);
		owner = dev.user;
	}
	*out = rc == IM_OK && owner == user;
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* Whether presence knows who of a user's devices are connected: of a device account it does not,
 * and the plugin has said who is absent, unless it is one of a version before. */
static int is_things(struct rpc_call *c, uint64_t user, bool *out)
{
	struct directory_user u;
	int rc = directory_user_by_id(c->dir, user, &u);

	*out = rc == IM_OK && u.role == IM_ROLE_DEVICE;
	return rc;
}

/* A broker that is cut off may not hear of it before the bridge is another process: what it shows
 * then is held against this. With one broker nobody can ask while it is cut off. */
static int kick(struct admin_call *ac, uint64_t user, struct im_str uid, struct im_str device)
{
	effects_kick(writer_effects(ac->write.writer), uid, device, IM_END_KICKED);
	return ac->places ? directory_device_ended(
				    ac->write.call.dir, user, device, ac->write.call.now_ms)
			  : IM_OK;
}

/* At a broker that has been away for long, and may go on with its clients. */
static bool is_cut_off(const struct admin_call *ac, uint64_t user, struct im_str device)
{
	for (unsigned i = 0; i < IM_PEERS_MAX && ac->places; i++) {
		const struct place *e =
			ac->away >> i & 1 ? places_find(ac->places, i, device) : NULL;

		if (e && e->user == user)
			return true;
	}
	return false;
}

/* Whoever kicks believes that somebody is there. The order for all of a user's goes out in any
 * case: of a client that TLS has let in, and that is silent, nobody may have heard, and the broker
 * finds it by its name. So does that for one which is only not known to be there. */
static int kick_user(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	bool one = rpc_has(c, "device"), known = false, things = false;
	struct im_str uid = rpc_str(c, "username");
	struct im_str device = one ? rpc_str(c, "device") : IM_STR("");
	bool here;
	uint64_t user;
	int rc = rpc_user_id(c, uid, &user);

	if (rc == IM_OK && one)
		rc = is_device_of(c, user, device, &known);
	if (rc == IM_OK)
		rc = is_things(c, user, &things);
	if (rc != IM_OK)
		return rc;
	here = ac->write.presence == NULL ||
	       (one ? presence_has(ac->write.presence, uid, device)
		    : presence_online(ac->write.presence, uid)) ||
	       (things && !ac->absent && (known || !one));
	if (here || !one || is_cut_off(ac, user, device))
		rc = kick(ac, user, uid, device);
	if (here || rc != IM_OK)
		return rc;
	if (!one)
		return rpc_fail(
			c, IM_E_INVALID_PARAMS, "no device of \"%.*s\" is connected", IM_ARGS(uid));
	return rpc_fail(c, IM_E_INVALID_PARAMS,
		known ? "the device \"%.*s\" of \"%.*s\" is not connected"
		      : "\"%.*s\" is no device of \"%.*s\"; imctl user show lists that user's",
		IM_ARGS(device), IM_ARGS(uid));
}

/* `{"action":"notice","by":..,"body":..}`: the words are inside, so that no one can make the
 * projection take them for a change of a group. */
static int put_notice(struct rpc_call *c, struct im_buf *b)
{
	char *body = json_dumps(json_object_get(c->params, "body"), JSON_COMPACT | JSON_ENCODE_ANY);

	if (body == NULL)
		return IM_E_NOMEM;
	group_change_begin(b, "notice", c->uid);
	im_buf_z(b, ",\"body\":");
	im_buf_z(b, body);
	im_buf_c(b, '}');
	free(body);
	return b->failed ? IM_E_NOMEM : IM_OK;
}

static int notice_to_group(struct rpc_write *wr, struct im_str gid, struct im_str json)
{
	struct rpc_call *c = &wr->call;
	struct directory_group g;
	uint64_t seq;
	int rc = directory_group_get(c->dir, gid, &g);

	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_UNKNOWN_GROUP, "there is no group \"%.*s\"", IM_ARGS(gid));
	if (rc == IM_OK)
		rc = writer_system(wr->writer, &g, c->user, c->uid, false, json, &seq);
	if (rc == IM_OK)
		im_buf_printf(c->result, "{\"seq\":%llu}", (unsigned long long)seq);
	return rc;
}

static int notice_to_user(struct rpc_write *wr, struct im_str uid, struct im_str json)
{
	struct rpc_call *c = &wr->call;
	struct message m = {.kind = IM_CONV_USER,
		.a = c->user,
		.sender = c->user,
		.from = c->uid,
		.peer = uid,
		.ts_ms = writer_now_ms(wr->writer),
		.enc = IM_ENC_JSON,
		.type = IM_STR("system"),
		.body = json};
	uint64_t seq, gid;
	int rc = rpc_user_id(c, uid, &m.b);

	if (rc == IM_OK)
		rc = writer_append(wr->writer, &m, &seq, &gid);
	if (rc == IM_OK)
		im_buf_printf(c->result, "{\"seq\":%llu}", (unsigned long long)seq);
	return rc;
}

static int send_message(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	enum im_conv_kind kind;
	struct im_str peer;
	struct im_buf json;
	int rc;

	if (!im_conv_parse(rpc_str(c, "conv"), &kind, &peer))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"conv is no conversation; give \"u/{uid}\" or \"g/{gid}\"");
	im_buf_init(&json, 0);
	rc = put_notice(c, &json);
	if (rc == IM_OK)
		rc = kind == IM_CONV_GROUP ? notice_to_group(&ac->write, peer, im_buf_view(&json))
					   : notice_to_user(&ac->write, peer, im_buf_view(&json));
	im_buf_free(&json);
	return rc;
}

static int get_stats(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;

	if (ac->hooks == NULL || ac->hooks->stats == NULL)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this node keeps no statistics");
	return ac->hooks->stats(ac->hooks->arg, c->result);
}

static int backup(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct im_str dir = rpc_str(c, "dir");
	int rc;

	if (ac->hooks == NULL || ac->hooks->backup == NULL)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this node makes no backups");
	if (dir.p[0] != '/')
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"dir is not absolute; give a folder on the bridge's machine from / on");
	rc = ac->hooks->backup(ac->hooks->arg, dir, c->why);
	if (rc == IM_OK || rc == IM_E_NOMEM)
		return rc;
	/* It failed before it began: nothing to roll back, and the sentence says why. */
	if (im_err_is_wire(rc))
		return rc;
	return rc == IM_E_EXISTS ? IM_E_BUSY : IM_E_INVALID_PARAMS;
}

static const struct rpc_param kick_params[] = {
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"device", RPC_STRING, false, 1, IM_DEVICE_MAX},
	{0},
};
static const struct rpc_param kick_device_params[] = {
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"device", RPC_STRING, true, 1, IM_DEVICE_MAX},
	{0},
};
static const struct rpc_param message_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"body", RPC_ANY, true, 0, 0},
	{0},
};
static const struct rpc_param no_params[] = {{0}};
static const struct rpc_param backup_params[] = {
	{"dir", RPC_STRING, true, 1, PATH_BYTES_MAX},
	{0},
};

const struct admin_command admin_node_commands[] = {
	{"kickUser", ADMIN_CHANGE, kick_params, kick_user},
	{"kickDevice", ADMIN_CHANGE, kick_device_params, kick_user},
	{"sendSystemMessage", ADMIN_CHANGE, message_params, send_message},
	{"getStats", ADMIN_LOOK, no_params, get_stats},
	{"backup", ADMIN_CHANGE, backup_params, backup},
	{0},
};
