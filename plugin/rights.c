/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by acl.c, acl_read.c and acl_subscribe.c for each event, by capture.c for response topics,
 * and by explain.c. */
#include "plugin/rights.h"

#include "common/ids.h"
#include "common/limits.h"
#include "common/may.h"
#include "plugin/account.h"
#include "plugin/inbox.h"
#include "plugin/policy.h"

/* What the directory has answered is yes; that it cannot be read is said. */
static bool yes(struct plugin *p, int ret)
{
	if (ret && ret != IM_E_NONE)
		account_unreadable(p);
	return ret == IM_OK;
}

/* The code for what the directory answered: there is none, or it cannot be read. */
static int absent(struct plugin *p, int ret)
{
	if (ret == IM_E_NONE)
		return IM_OK;
	account_unreadable(p);
	im_buf_z(&p->why, "the directory cannot be read now; send it again in a moment");
	return IM_E_BUSY;
}

/* ---- ordinary topics ---- */

struct im_acl_who rights_who(
	struct plugin *p, struct im_str uid, struct im_str device, struct im_str topic)
{
	struct im_acl_who who = {uid, device, IM_ROLE_USER};
	struct lookup_user u;

	if (im_acl_by_role(p->acl, topic) && yes(p, lookup_user(p->lookup, uid, &u)))
		who.role = u.role;
	return who;
}

bool rights_ordinary(struct plugin *p, struct right *r, enum im_acl_access access)
{
	const struct im_acl_who who = rights_who(p, r->uid, r->device, r->text);

	return im_acl_may(p->acl, &who, access, r->text, &r->acl);
}

void rights_put_reason(const struct plugin *p, const struct right *r, struct im_buf *out)
{
	im_acl_put_reason(p->acl, &r->acl, out);
}

/* ---- writing ---- */

static int allowed(struct right *r, int code, const char *rule)
{
	r->rule = code ? NULL : rule;
	return code;
}

int rights_user(struct plugin *p, struct im_str uid, struct lookup_user *out)
{
	int ret = lookup_user(p->lookup, uid, out);
	int code = ret ? absent(p, ret) : IM_OK;

	return code ? code : im_may_act(!ret, out->disabled, &p->why);
}

/* Of an account whose client ids begin alike no other one can be a device. */
static int may_be_device(struct plugin *p, const struct right *r, const struct lookup_user *to)
{
	char device[IM_DEVICE_MAX];
	struct lookup_owned o;

	if (!r->t.rest.n || !to->bind)
		return IM_OK;
	if (lookup_owns(p->lookup, to, im_device_of_topic(r->t.rest, device), &o) != IM_OK)
		return absent(p, IM_E_IO);
	if (o.owned)
		return IM_OK;
	im_buf_z(&p->why,
		"the client ids of this account's devices begin otherwise; check the last "
		"level of the topic");
	return IM_E_NOT_ALLOWED;
}

static int write_direct(struct plugin *p, struct right *r, const struct lookup_user *from)
{
	struct im_may_direct f = {.server = im_direct_policy_chosen(p->opt.direct_policy)};
	struct lookup_user to = {0};
	struct lookup_relation rel = {0};
	int ret, code = IM_OK;

	f.self = im_str_eq(r->t.id, r->uid);
	f.addressed = r->t.rest.n > 0;
	f.role = from->role;
	if (!f.self) {
		ret = lookup_user(p->lookup, r->t.id, &to);
		if (ret)
			code = absent(p, ret);
		else
			ret = lookup_relation(p->lookup, &to, from, &rel);
		if (!code && ret == IM_E_IO)
			code = absent(p, ret);
		f.exists = ret == IM_OK;
		f.gone = to.gone;
		f.theirs = to.direct_policy;
		f.role = to.role;
	}
	f.blocked = rel.blocked;
	f.contact = rel.contact;
	if (!code)
		code = im_may_direct(&f, &p->why);
	if (!code)
		code = may_be_device(p, r, &to);
	return allowed(r, code,
		f.self      ? "IM: to oneself"
		: f.contact ? "IM: contact of the recipient"
			    : "IM: the recipient takes messages from anyone");
}

static int write_group(struct plugin *p, struct right *r, const struct lookup_user *from)
{
	struct im_may_group f = {.now_ms = r->now_ms};
	struct lookup_group g;
	struct lookup_member m;
	int ret, code = IM_OK;

	ret = lookup_group(p->lookup, r->t.id, &g);
	if (ret) {
		code = absent(p, ret);
	} else {
		f.exists = true;
		f.hidden = g.hidden;
		f.group_muted_until_ms = g.muted_until_ms;
		ret = lookup_member(p->lookup, &g, r->uid, from, &m);
		if (ret) {
			code = absent(p, ret);
		} else {
			f.member = true;
			f.role = m.role;
			f.member_muted_until_ms = m.muted_until_ms;
		}
	}
	return allowed(r, code ? code : im_may_group(&f, &p->why), "IM: member of the group");
}

static int write_admin(struct plugin *p, struct right *r)
{
	struct lookup_user from;
	int code = rights_user(p, r->uid, &from);

	if (code == IM_E_BUSY)
		return code;
	im_buf_reset(&p->why);
	if (code || from.role != IM_ROLE_ADMIN)
		return policy_no_topic(r->t.kind, p->prefix, &p->why);
	return allowed(r, IM_OK, "IM: administrator");
}

int rights_write(struct plugin *p, struct right *r)
{
	struct lookup_user from;
	int code;

	switch (r->t.kind) {
	case IM_TOPIC_SEND_USER:
	case IM_TOPIC_SIGNAL_USER:
		code = rights_user(p, r->uid, &from);
		return code ? code : write_direct(p, r, &from);
	case IM_TOPIC_SEND_GROUP:
	case IM_TOPIC_SIGNAL_GROUP:
		code = rights_user(p, r->uid, &from);
		return code ? code : write_group(p, r, &from);
	case IM_TOPIC_ACK:
	case IM_TOPIC_RPC:
		/* What is wrong with a request is said by its reply; see capture.c. */
		return allowed(r, rights_user(p, r->uid, &from), "IM: open to every user");
	case IM_TOPIC_CTRL:
		return write_admin(p, r);
	default:
		return policy_no_topic(r->t.kind, p->prefix, &p->why);
	}
}

/* ---- reading ---- */

static bool may_see(struct plugin *p, struct im_str viewer, struct im_str uid)
{
	struct im_may_presence f = {.policy = (enum im_presence_policy)p->opt.presence_policy};
	struct lookup_user u, v = {0};
	struct lookup_relation rel = {0};

	f.self = im_str_eq(viewer, uid);
	if (f.self) {
		f.things = yes(p, lookup_user(p->lookup, uid, &u)) && u.role == IM_ROLE_DEVICE;
	} else {
		f.viewer = yes(p, lookup_user(p->lookup, viewer, &v)) && !v.disabled;
		f.exists = f.viewer && yes(p, lookup_user(p->lookup, uid, &u)) &&
			   yes(p, lookup_relation(p->lookup, &u, &v, &rel));
	}
	if (f.exists) {
		f.admin = v.role == IM_ROLE_ADMIN;
		f.things = u.role == IM_ROLE_DEVICE;
		f.blocked = rel.blocked;
		f.contact = rel.contact;
	}
	return im_may_presence(&f);
}

static bool in_room(struct plugin *p, struct im_str uid, struct im_str gid)
{
	struct lookup_user u;
	struct lookup_group g;
	struct lookup_member m;

	return yes(p, lookup_user(p->lookup, uid, &u)) && !u.disabled &&
	       yes(p, lookup_group(p->lookup, gid, &g)) &&
	       yes(p, lookup_member(p->lookup, &g, uid, &u, &m));
}

bool rights_read(struct plugin *p, struct right *r)
{
	switch (r->t.kind) {
	case IM_TOPIC_INBOX:
		r->rule = "IM: the user's own inbox";
		return im_str_eq(r->t.id, r->uid) &&
		       inbox_may_hear(p, r->uid, r->t.rest, r->device);
	case IM_TOPIC_ROOM:
		r->rule = "IM: member of the room";
		return in_room(p, r->uid, r->t.id);
	case IM_TOPIC_PRESENCE:
		r->rule = "IM: presence_policy lets the user see it";
		return may_see(p, r->uid, r->t.id);
	case IM_TOPIC_CTRL_RESPONSE:
		r->rule = "IM: administrator";
		return account_is_admin(p, r->uid);
	case IM_TOPIC_OTHER:
		return rights_ordinary(p, r, IM_ACL_READ);
	default:
		return false;
	}
}

const char *rights_closed(enum im_topic_kind kind)
{
	switch (kind) {
	case IM_TOPIC_INBOX:
		return "another user's inbox, or what is another device's of a device account";
	case IM_TOPIC_ROOM:
		return "no room of this name that the user is a member of";
	case IM_TOPIC_PRESENCE:
		return "no user of this name, or presence_policy or a block keeps it from the user";
	case IM_TOPIC_CTRL:
	case IM_TOPIC_CTRL_RESPONSE:
		return "control commands are for admins";
	case IM_TOPIC_LINK:
		return "it is the bridge's";
	default:
		return "of IM's topics nobody reads any but inboxes, rooms and presence, in the "
		       "forms that PROTOCOL.md lists";
	}
}

const char *rights_subscribe(struct plugin *p, struct right *r, const struct im_filter *f)
{
	struct im_acl_who who;

	if (!f->levels)
		return "it is no filter";
	if (f->levels > IM_FILTER_LEVELS_MAX)
		return "a filter has at most 16 levels";
	if (f->shared && f->filter.p[0] == '$')
		return "topics that begin with $ cannot be shared";
	/* Who is away when he is taken out of the room could not be taken out of the share: it
	 * would go on giving him, and so nobody, his part of the messages. */
	if (f->shared && f->topic.kind == IM_TOPIC_ROOM)
		return "a room cannot be shared; subscribe to it without $share";
	if (f->topic.kind == IM_TOPIC_INBOX && im_str_eq(r->t.id, r->uid)) {
		r->rule = "IM: the user's own inbox";
		return inbox_may_listen(p, r->uid, r->device, f);
	}
	if (f->topic.kind != IM_TOPIC_OTHER)
		return rights_read(p, r) ? NULL : rights_closed(f->topic.kind);
	who = rights_who(p, r->uid, r->device, f->filter);
	return im_acl_may_subscribe(p->acl, &who, f, &r->acl) ? NULL : "";
}
