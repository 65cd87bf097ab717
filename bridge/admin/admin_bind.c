/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the showing, setting and taking back of bind patterns. Which ids they take in, and that none
 * is taken in by two, is directory_bind.c's. */
#include "bridge/admin/admin_bind.h"

#include "bridge/deliver/effects.h"
#include "bridge/directory/directory_bind.h"
#include "bridge/rpc/rpc_args.h"
#include "common/frame.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define NONE "none"
#define MADE_UP "auto-" /* what brokers make up, see im_device_made_up */

int admin_bind_known(struct admin_call *ac)
{
	if (effects_level(writer_effects(ac->write.writer)) >= IM_PLUGIN_LEVEL_DEVICE)
		return IM_OK;
	return rpc_fail(&ac->write.call, IM_E_CONFLICT,
		"the broker runs a plugin of an earlier version, which knows no device accounts; "
		"restart the broker first");
}

static bool begins(struct im_str s, struct im_str with)
{
	return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

/* What stands before the star. */
static int take_prefix(struct rpc_call *c, struct im_str pattern, struct im_str *out)
{
	static const char *const taken[] = {IM_DEVICE_LINK, MADE_UP};

	*out = (struct im_str){pattern.p, pattern.n ? pattern.n - 1 : 0};
	if (!im_device_valid(*out) || pattern.p[out->n] != '*' || memchr(out->p, '*', out->n))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"pattern is \"%.*s\"; give what the client ids begin with and a * behind "
			"it, such as veh-*, or none",
			IM_ARGS(rpc_clip(pattern, 64)));
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (begins(*out, im_str(taken[i])) || begins(im_str(taken[i]), *out))
			return rpc_fail(c, IM_E_INVALID_PARAMS,
				"client ids that begin with %s are the node's or the broker's own; "
				"give another beginning",
				taken[i]);
	return IM_OK;
}

static int change(struct admin_call *ac, const struct directory_user *u)
{
	struct rpc_call *c = &ac->write.call;
	struct im_str pattern = rpc_str(c, "pattern"), prefix;
	int rc;

	if (im_str_eqz(pattern, NONE))
		return directory_bind_remove(c->dir, u->id);
	if (u->role != IM_ROLE_DEVICE)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"this is no device account; imctl user role UID device makes it one");
	rc = admin_bind_known(ac);
	if (rc == IM_OK)
		rc = take_prefix(c, pattern, &prefix);
	if (rc == IM_OK)
		rc = directory_bind_set(c->dir, u->id, prefix);
	return rc == IM_E_EXISTS ? rpc_fail(c, IM_E_CONFLICT, "%s", directory_errmsg(c->dir)) : rc;
}

int admin_bind_put(struct directory *d, uint64_t user, struct im_buf *out)
{
	char text[IM_DEVICE_MAX + 1];
	struct im_str prefix = {0};
	int rc = directory_bind_get(d, user, text, &prefix);

	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	if (rc == IM_OK) {
		text[prefix.n] = '*';
		prefix.n++;
	}
	im_jsonw_str(out, rc == IM_OK ? prefix : IM_STR(NONE));
	return IM_OK;
}

static int show(struct rpc_call *c, uint64_t user)
{
	int rc;

	im_buf_z(c->result, "{\"pattern\":");
	rc = admin_bind_put(c->dir, user, c->result);
	im_buf_c(c->result, '}');
	return rc;
}

/* Without a pattern it shows, and changes nothing. */
static int set_bind(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_user u;
	int rc = directory_user_get(c->dir, rpc_str(c, "username"), &u);

	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_UNKNOWN_USER, "there is no user of this name");
	ac->looked = !rpc_has(c, "pattern");
	if (rc == IM_OK && !ac->looked)
		rc = change(ac, &u);
	if (rc == IM_OK && !ac->looked)
		effects_forget_user(writer_effects(ac->write.writer), rpc_str(c, "username"));
	return rc == IM_OK ? show(c, u.id) : rc;
}

static const struct rpc_param bind_params[] = {
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"pattern", RPC_STRING, false, 1, IM_DEVICE_MAX},
	{0},
};

const struct admin_command admin_bind_commands[] = {
	{"setUserBind", ADMIN_CHANGE, bind_params, set_bind},
	{0},
};
