/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the making, changing and ending of accounts by administrators. Runs on the engine's thread;
 * hashing a password there is accepted, because administrators are few (and imctl sends hashes). */
#include "bridge/admin/admin_user.h"

#include <inttypes.h>

#include "bridge/admin/account_end.h"
#include "bridge/admin/admin_bind.h"
#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_bind.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/password.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/write/group_change.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/pwhash.h"

static int named_user(struct rpc_call *c, struct directory_user *out)
{
	return rpc_user(c, rpc_str(c, "username"), out);
}

/* An administrator who locks itself out may have locked out everybody. */
static int not_myself(struct rpc_call *c, const struct directory_user *u)
{
	if (u->id != c->user)
		return IM_OK;
	return rpc_fail(c, IM_E_NOT_ALLOWED,
		"you cannot do this to your own account; use another administrator's");
}

/* Of a device account there may be very many: those with the first names. */
#define DEVICES_SHOWN 1000

/* The PHC string to store: what was given if it is one, else the hash of it; empty for none. */
static int take_password(struct rpc_call *c, char phc_out[IM_PHC_MAX])
{
	struct im_str password = rpc_str(c, "password");
	struct im_pwhash h;
	const char *wrong;

	phc_out[0] = '\0';
	if (password.n == 0)
		return IM_OK;
	if (im_phc_foreign(password))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"the password looks like a hash, and would be taken for the password "
			"itself; give the password, or an Argon2id PHC string");
	if (!im_phc_valid(password))
		return password_hash(c->set, password, phc_out);
	if (im_pwhash_take(password, &h, &wrong) != IM_OK)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"the hash cannot be taken: %s; give the password itself", wrong);
	memcpy(phc_out, password.p, password.n);
	phc_out[password.n] = '\0';
	return IM_OK;
}

static int take_role(struct admin_call *ac, enum im_role *out)
{
	struct rpc_call *c = &ac->write.call;
	struct im_str role = rpc_str(c, "role");

	int found = role.p != NULL ? im_role_parse(role) : IM_ROLE_USER;

	*out = found < 0 ? IM_ROLE_USER : (enum im_role)found;
	if (found < 0)
		return rpc_fail(
			c, IM_E_INVALID_PARAMS, "role is \"%.*s\"; " IM_ROLE_WHY, IM_ARGS(role));
	return *out == IM_ROLE_DEVICE ? admin_bind_known(ac) : IM_OK;
}

static int create_user(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	const struct im_str keep = {NULL, 0};
	struct im_str uid = rpc_str(c, "username");
	char phc[IM_PHC_MAX];
	uint64_t id;
	enum im_role role;
	int rc = take_role(ac, &role);

	if (rc == IM_OK && !im_uid_valid(uid))
		rc = rpc_fail(c, IM_E_INVALID_PARAMS,
			"username is no user id; give 1 to 64 of A-Z a-z 0-9 _ . @ -");
	if (rc != IM_OK)
		return rc;
	rc = directory_user_nameable(c->dir, uid);
	if (rc == IM_OK)
		rc = take_password(c, phc);
	if (rc == IM_OK)
		rc = directory_user_create(c->dir, uid, role, im_str(phc), c->now_ms, &id);
	if (rc == IM_E_EXISTS)
		return rpc_fail(c, IM_E_CONFLICT, "%s", directory_errmsg(c->dir));
	if (rc == IM_OK && rpc_has(c, "nick"))
		rc = directory_user_set_profile(c->dir, id, rpc_str(c, "nick"), keep, keep, -1, -1);
	if (rc == IM_OK)
		effects_forget_user(writer_effects(ac->write.writer), uid);
	return rc;
}

static int delete_user(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_user u;
	struct account a;
	int rc = named_user(c, &u);

	if (rc == IM_OK)
		rc = not_myself(c, &u);
	if (rc != IM_OK)
		return rc;
	a = account_of(&u);
	return account_delete(&ac->write, &a);
}

/* What is being erased is not to be sent again meanwhile. */
static int not_busy(struct rpc_call *c, uint64_t user)
{
	bool busy = false;
	int rc = account_busy(c, user, &busy);

	if (rc == IM_OK && busy)
		return rpc_fail(c, IM_E_BUSY,
			"this user's words are being erased; see listErasures, and try again when "
			"that is done");
	return rc;
}

/* The same user again: what he wrote is his, whom he knew is not kept. */
static int restore_user(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct im_str uid = rpc_str(c, "username");
	struct directory_user u;
	bool nameless = false;
	char phc[IM_PHC_MAX];
	enum im_role role;
	int rc = take_role(ac, &role);

	if (rc == IM_OK)
		rc = rpc_user_past(c, uid, &u);
	if (rc == IM_OK && !u.deleted)
		return rpc_fail(c, IM_E_CONFLICT, "the user \"%.*s\" is not deleted", IM_ARGS(uid));
	if (rc == IM_OK)
		rc = account_nameless(c, u.id, &nameless);
	if (rc == IM_OK && nameless)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"\"%.*s\" stands for a user whose name is gone; there is nothing to give "
			"back",
			IM_ARGS(uid));
	if (rc == IM_OK)
		rc = not_busy(c, u.id);
	if (rc == IM_OK)
		rc = take_password(c, phc);
	if (rc == IM_OK)
		rc = directory_user_restore(c->dir, u.id, role, im_str(phc), c->now_ms);
	if (rc == IM_OK)
		effects_credential(writer_effects(ac->write.writer), uid, IM_STR(""), c->now_ms);
	return rc;
}

static int set_disabled(struct rpc_write *wr, bool disabled)
{
	struct rpc_call *c = &wr->call;
	struct im_str uid = rpc_str(c, "username");
	struct directory_user u;
	int rc = named_user(c, &u);

	if (rc == IM_OK)
		rc = not_myself(c, &u);
	if (rc == IM_OK && !disabled)
		rc = not_busy(c, u.id);
	if (rc == IM_OK)
		rc = directory_user_set_disabled(c->dir, u.id, disabled);
	if (rc != IM_OK)
		return rc;
	effects_forget_user(writer_effects(wr->writer), uid);
	if (disabled)
		effects_kick(writer_effects(wr->writer), uid, IM_STR(""), IM_END_DISABLED);
	return IM_OK;
}

static int disable_user(struct admin_call *ac)
{
	return set_disabled(&ac->write, true);
}

static int enable_user(struct admin_call *ac)
{
	return set_disabled(&ac->write, false);
}

static int set_password(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_user u;
	char phc[IM_PHC_MAX];
	uint64_t id;
	int rc = named_user(c, &u);

	id = rc == IM_OK ? u.id : 0;
	if (rc == IM_OK)
		rc = take_password(c, phc);
	if (rc == IM_OK)
		rc = directory_user_set_password(c->dir, id, im_str(phc));
	/* Whoever sets his own keeps the connection that he does it with. */
	if (rc == IM_OK)
		effects_credential(writer_effects(ac->write.writer), rpc_str(c, "username"),
			id == c->user ? c->device : IM_STR(""), c->now_ms);
	return rc;
}

static int set_role(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_user u = {0};
	enum im_role role;
	int rc = take_role(ac, &role);

	if (rc == IM_OK)
		rc = named_user(c, &u);
	if (rc == IM_OK)
		rc = not_myself(c, &u);
	if (rc == IM_OK)
		rc = directory_user_set_role(c->dir, u.id, role);
	if (rc == IM_OK && role != IM_ROLE_DEVICE)
		rc = directory_bind_remove(c->dir, u.id);
	/* What was told of a person is not true of a device account, and the other way round. */
	if (rc == IM_OK && ac->write.presence &&
		(role == IM_ROLE_DEVICE) != (u.role == IM_ROLE_DEVICE))
		rc = presence_again(ac->write.presence, rpc_str(c, "username"), c->now_ms);
	if (rc == IM_OK)
		effects_forget_user(writer_effects(ac->write.writer), rpc_str(c, "username"));
	return rc;
}

/* Without a figure it shows, and changes nothing. The server's own is the plugin's option. */
static int set_max_devices(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_user u;
	int64_t max = DIRECTORY_DEVICES_DEFAULT;
	int rc = named_user(c, &u);

	if (rc == IM_OK)
		max = rpc_int(c, "max_devices", u.max_devices);
	ac->looked = !rpc_has(c, "max_devices");
	if (rc == IM_OK && !ac->looked)
		rc = directory_user_set_max_devices(c->dir, u.id, max);
	if (rc == IM_OK && !ac->looked)
		effects_forget_user(writer_effects(ac->write.writer), rpc_str(c, "username"));
	if (rc != IM_OK)
		return rc;
	if (max == DIRECTORY_DEVICES_DEFAULT)
		im_buf_z(c->result, "{\"max_devices\":\"default\"}");
	else
		im_buf_printf(c->result, "{\"max_devices\":%" PRId64 "}", max);
	return IM_OK;
}

static void put_user(struct im_buf *b, const struct directory_user *u)
{
	struct im_pwhash h;

	im_buf_z(b, "{\"username\":");
	im_jsonw_str(b, u->uid);
	im_jsonw_member_str(b, "role", im_str(im_role_names[u->role < IM_ROLES ? u->role : 0]));
	im_buf_printf(b, ",\"disabled\":%s,\"password\":%s", u->disabled ? "true" : "false",
		u->password.n ? "true" : "false");
	im_jsonw_member_int(b, "created_ms", u->created_ms);
	im_jsonw_member_str(b, "nick", u->nick);
	if (im_pwhash_read(u->password, &h, NULL) == IM_OK)
		im_jsonw_member_str(b, "hash", im_str(im_pwhash_name(h.kind)));
	if (u->max_devices != DIRECTORY_DEVICES_DEFAULT)
		im_jsonw_member_int(b, "max_devices", u->max_devices);
}

static int on_user(void *arg, const struct directory_user *u)
{
	struct rpc_page *p = arg;

	put_user(&p->one, u);
	im_buf_c(&p->one, '}');
	return rpc_page_add(p, u->uid);
}

static int list_users(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct rpc_page page;

	rpc_page_begin(&page, c->result, "users", (uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX),
		ADMIN_LIST_BYTES_MAX);
	return rpc_page_end(&page,
		directory_user_list(c->dir, rpc_str(c, "after"), page.limit + 1, on_user, &page));
}

static int on_device(void *arg, const struct directory_device *dev)
{
	struct im_buf *b = arg;

	if (b->n > 0 && b->p[b->n - 1] == '}')
		im_buf_c(b, ',');
	im_buf_z(b, "{\"device\":");
	im_jsonw_str(b, dev->device);
	im_jsonw_member_int(b, "created_ms", dev->created_ms);
	im_jsonw_member_int(b, "seen_ms", dev->seen_ms);
	im_buf_c(b, '}');
	return IM_OK;
}

struct groups {
	struct rpc_call *c;
	bool any;
};

static int on_group(void *arg, const struct directory_member *m)
{
	struct groups *l = arg;
	struct im_buf *b = l->c->result;
	struct directory_group g;
	int rc = directory_group_by_id(l->c->dir, m->group, &g);

	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	if (l->any)
		im_buf_c(b, ',');
	l->any = true;
	im_buf_z(b, "{\"gid\":");
	im_jsonw_str(b, g.gid);
	im_jsonw_member_str(b, "role", im_str(group_role_name(m->role)));
	im_buf_c(b, '}');
	return IM_OK;
}

static int get_user(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct groups groups = {.c = c};
	struct directory_user u;
	int rc = rpc_user_past(c, rpc_str(c, "username"), &u);

	if (rc != IM_OK)
		return rc;
	put_user(c->result, &u);
	im_buf_printf(c->result, ",\"deleted\":%s,\"online\":%s", u.deleted ? "true" : "false",
		u.online ? "true" : "false");
	im_jsonw_member_int(c->result, "seen_ms", u.seen_ms);
	if (u.role == IM_ROLE_DEVICE) {
		im_buf_z(c->result, ",\"pattern\":");
		rc = admin_bind_put(c->dir, u.id, c->result);
	}
	im_buf_z(c->result, ",\"devices\":[");
	if (rc == IM_OK)
		rc = directory_device_list(
			c->dir, u.id, IM_STR(""), DEVICES_SHOWN, on_device, c->result);
	im_buf_z(c->result, "],\"groups\":[");
	if (rc == IM_OK)
		rc = directory_user_groups(c->dir, u.id, on_group, &groups);
	im_buf_z(c->result, "]}");
	return rc;
}

#define USERNAME                                            \
	{                                                   \
		"username", RPC_STRING, true, 1, IM_UID_MAX \
	}

static const struct rpc_param create_params[] = {
	USERNAME,
	{"password", RPC_STRING, false, 0, IM_PASSWORD_MAX},
	{"role", RPC_STRING, false, 1, 16},
	{"nick", RPC_LINE, false, 0, IM_NICK_MAX},
	{0},
};
static const struct rpc_param restore_params[] = {
	USERNAME,
	{"password", RPC_STRING, false, 0, IM_PASSWORD_MAX},
	{"role", RPC_STRING, false, 1, 16},
	{0},
};
static const struct rpc_param user_params[] = {USERNAME, {0}};
static const struct rpc_param password_params[] = {
	USERNAME,
	{"password", RPC_STRING, true, 0, IM_PASSWORD_MAX},
	{0},
};
static const struct rpc_param role_params[] = {
	USERNAME,
	{"role", RPC_STRING, true, 1, 16},
	{0},
};
static const struct rpc_param max_devices_params[] = {
	USERNAME,
	{"max_devices", RPC_INTEGER, false, DIRECTORY_DEVICES_DEFAULT, IM_DEVICES_LIMIT_MAX},
	{0},
};
static const struct rpc_param list_params[] = {
	{"after", RPC_STRING, false, 0, IM_UID_MAX},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};

const struct admin_command admin_user_commands[] = {
	{"createUser", ADMIN_CHANGE, create_params, create_user},
	{"deleteUser", ADMIN_CHANGE, user_params, delete_user},
	{"restoreUser", ADMIN_CHANGE, restore_params, restore_user},
	{"disableUser", ADMIN_CHANGE, user_params, disable_user},
	{"enableUser", ADMIN_CHANGE, user_params, enable_user},
	{"setUserPassword", ADMIN_CHANGE, password_params, set_password},
	{"setUserRole", ADMIN_CHANGE, role_params, set_role},
	{"setUserMaxDevices", ADMIN_CHANGE, max_devices_params, set_max_devices},
	{"listUsers", ADMIN_LOOK, list_params, list_users},
	{"getUser", ADMIN_LOOK, user_params, get_user},
	{0},
};
