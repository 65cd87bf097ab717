/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by plugin/rights.c, and in the bridge by directory/rights, rpc/msg_target,
 * rpc/group_people, the engine's requests and presence.get, which gather the facts. */
#include "common/may.h"

#include <inttypes.h>

const char *const im_direct_policy_names[IM_DIRECT_POLICIES] = {
	[IM_DIRECT_DEFAULT] = "default",
	[IM_DIRECT_ANYONE] = "anyone",
	[IM_DIRECT_CONTACTS] = "contacts",
};

const char *const im_presence_policy_names[IM_PRESENCE_POLICIES] = {
	[IM_PRESENCE_EVERYONE] = "everyone",
	[IM_PRESENCE_CONTACTS] = "contacts",
	[IM_PRESENCE_SELF] = "self",
};

const char *const im_role_names[IM_ROLES] = {
	[IM_ROLE_USER] = "user",
	[IM_ROLE_ADMIN] = "admin",
	[IM_ROLE_DEVICE] = "device",
};

int im_role_parse(struct im_str name)
{
	for (int i = 0; i < IM_ROLES; i++)
		if (im_str_eqz(name, im_role_names[i]))
			return i;
	return -1;
}

static int refuse(struct im_buf *why, int code, const char *text)
{
	if (why)
		im_buf_z(why, text);
	return code;
}

int im_may_act(bool exists, bool disabled, struct im_buf *why)
{
	if (exists && !disabled)
		return IM_OK;
	return refuse(why, IM_E_NOT_ALLOWED, "your user is disabled or does not exist any more");
}

int im_may_direct(const struct im_may_direct *f, struct im_buf *why)
{
	/* Each of ten thousand that wrote to all would make as many deliveries. */
	if (f->self && f->role == IM_ROLE_DEVICE)
		return refuse(why, IM_E_NOT_ALLOWED,
			"a device account does not write to itself; let its devices write to the "
			"user who runs them");
	if (f->addressed && (f->self || f->exists) && f->role != IM_ROLE_DEVICE)
		return refuse(why, IM_E_NOT_ALLOWED,
			"the devices of device accounts alone are written to one by one; leave the "
			"last level of the topic out");
	if (f->self)
		return IM_OK;
	if (!f->exists)
		return refuse(why, IM_E_UNKNOWN_USER,
			f->gone ? "this user's account was deleted"
				: "there is no user of this name; check it");
	if (f->theirs == IM_DIRECT_NOBODY)
		return refuse(why, IM_E_NOT_ALLOWED,
			"this conversation is for reading: the recipient takes no messages");
	if (f->blocked)
		return refuse(why, IM_E_BLOCKED, "the recipient takes no messages from you");
	if (im_direct_policy_of(f) == IM_DIRECT_CONTACTS && !f->contact)
		return refuse(why, IM_E_CONTACTS_ONLY,
			"the recipient takes messages from contacts alone; send a contact.request "
			"and wait until it is accepted");
	return IM_OK;
}

static int muted(struct im_buf *why, const char *who, int64_t until_ms)
{
	if (why)
		im_buf_printf(why, "%s until %" PRId64 " (milliseconds since 1970)", who, until_ms);
	return IM_E_MUTED;
}

int im_may_group(const struct im_may_group *f, struct im_buf *why)
{
	if (!f->exists || (f->hidden && !f->member))
		return refuse(why, IM_E_UNKNOWN_GROUP, "there is no group of this name; check it");
	if (!f->member)
		return refuse(why, IM_E_NOT_MEMBER,
			"members alone write to a group; call group.join or ask to be invited");
	if (f->member_muted_until_ms > f->now_ms)
		return muted(why, "you may not write", f->member_muted_until_ms);
	if (f->role == IM_GROUP_MEMBER && f->group_muted_until_ms > f->now_ms)
		return muted(why, "owner and admins alone may write", f->group_muted_until_ms);
	return IM_OK;
}

bool im_may_presence(const struct im_may_presence *f)
{
	if (f->things)
		return false;
	if (f->self)
		return true;
	if (!f->viewer || !f->exists)
		return false;
	if (f->admin)
		return true;
	if (f->blocked || f->policy == IM_PRESENCE_SELF)
		return false;
	return f->policy == IM_PRESENCE_EVERYONE || f->contact;
}
