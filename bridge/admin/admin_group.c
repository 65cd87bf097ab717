/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what administrators may do to groups without belonging to them. */
#include "bridge/admin/admin_group.h"
#include "bridge/rpc/methods/methods.h"

#include <stdlib.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/group_people.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/write/group_change.h"
#include "bridge/write/group_write.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define GROUPS_LOOKED_AT 1024 /* at a time, when a user is deleted */

/* -- creation: by the owner, as group.create does it -- */

static int create_group(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct rpc_write as_owner = ac->write;
	const struct rpc_method *create = methods_find(IM_STR("group.create"));
	struct directory_user owner;
	int rc = rpc_user(c, rpc_str(c, "owner"), &owner);

	if (rc != IM_OK)
		return rc;
	as_owner.call.uid = rpc_str(c, "owner");
	as_owner.call.user = owner.id;
	as_owner.call.admin = false;
	as_owner.call.params = json_copy(c->params);
	if (as_owner.call.params == NULL || create == NULL) {
		json_decref(as_owner.call.params);
		return IM_E_NOMEM;
	}
	json_object_del(as_owner.call.params, "owner");
	rc = create->write(&as_owner);
	json_decref(as_owner.call.params);
	return rc;
}

/* -- deleting a user -- */

struct owned {
	uint64_t group[GROUPS_LOOKED_AT];
	int role[GROUPS_LOOKED_AT];
	size_t n;
};

static int on_membership(void *arg, const struct directory_member *m)
{
	struct owned *o = arg;

	if (o->n == GROUPS_LOOKED_AT)
		return RPC_PAGE_STOP;
	o->group[o->n] = m->group;
	o->role[o->n++] = m->role;
	return IM_OK;
}

struct heir {
	uint64_t not_user;
	struct group_person who;
};

static int on_heir(void *arg, const struct directory_member *m)
{
	struct heir *h = arg;

	if (m->user == h->not_user || m->uid.n > IM_UID_MAX)
		return IM_OK;
	h->who = group_person_of(m->user, m->uid, DIRECTORY_OWNER);
	return RPC_PAGE_STOP;
}

/* An admin of the group, or else its first member; user 0: nobody is left. */
static int find_heir(struct rpc_call *c, uint64_t group, struct heir *h)
{
	int rc = directory_member_admins(c->dir, group, on_heir, h);

	if (rc == IM_OK)
		rc = directory_member_list(c->dir, group, IM_STR(""), 2, on_heir, h);
	return rc == RPC_PAGE_STOP ? IM_OK : rc;
}

static int leave_group(struct rpc_write *wr, uint64_t group, int role, struct group_person *gone)
{
	struct rpc_call *c = &wr->call;
	struct group_write write = {wr->writer, c->user, c->uid, {NULL, 0}, group, false};
	struct heir heir = {.not_user = gone->user};
	struct directory_group row;
	char gid[IM_GID_MAX];
	uint64_t seq;
	int rc = directory_group_by_id(c->dir, group, &row);

	if (rc != IM_OK || row.gid.n > sizeof(gid))
		return rc == IM_E_NONE ? IM_OK : rc == IM_OK ? IM_E_INTERNAL : rc;
	memcpy(gid, row.gid.p, row.gid.n);
	write.gid = (struct im_str){gid, row.gid.n};
	if (role == DIRECTORY_OWNER) {
		rc = find_heir(c, group, &heir);
		if (rc == IM_OK && heir.who.user == 0)
			return group_write_dismiss(write, false, &seq);
		if (rc == IM_OK)
			rc = group_write_people(
				write, "transfer", IM_STR(""), true, &heir.who, 1, &seq);
	}
	if (rc == IM_OK)
		rc = group_write_people(write, "kick", IM_STR(""), false, gone, 1, &seq);
	return rc;
}

int admin_group_remove_user(struct rpc_write *wr, uint64_t user, struct im_str uid)
{
	struct rpc_call *c = &wr->call;
	struct group_person gone = group_person_of(user, uid, DIRECTORY_MEMBER);
	struct owned *o = calloc(1, sizeof(*o));
	int rc;

	if (o == NULL || uid.n > IM_UID_MAX) {
		free(o);
		return o == NULL ? IM_E_NOMEM : IM_E_INTERNAL;
	}
	do {
		o->n = 0;
		rc = directory_user_groups(c->dir, user, on_membership, o);
		rc = rc == RPC_PAGE_STOP ? IM_OK : rc;
		for (size_t i = 0; rc == IM_OK && i < o->n; i++)
			rc = leave_group(wr, o->group[i], o->role[i], &gone);
	} while (rc == IM_OK && o->n == GROUPS_LOOKED_AT);
	free(o);
	return rc;
}

/* -- existing groups -- */

static int named_group(struct rpc_call *c, struct group_ref *out)
{
	return group_ref_get(c, GROUP_REF_ANYBODY, out);
}

/* One that is gone already can still be erased. */
static int erase_gone(struct rpc_call *c)
{
	struct directory_group row;
	int rc = directory_group_gone(c->dir, rpc_str(c, "gid"), &row);

	if (rc == IM_OK)
		rc = directory_group_erase(c->dir, row.id);
	return rc;
}

static int dismiss_group(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	bool erase = rpc_bool(c, "erase", false);
	struct group_ref ref;
	uint64_t seq;
	int rc = named_group(c, &ref);

	if (rc == IM_E_UNKNOWN_GROUP && erase) {
		int gone = erase_gone(c);

		if (gone != IM_E_NONE)
			rc = gone;
	} else if (rc == IM_OK) {
		rc = group_write_dismiss(group_ref_write(&ac->write, &ref), erase, &seq);
	}
	return rc;
}

static int has_room(
	struct rpc_call *c, const struct group_ref *ref, const struct group_people *people)
{
	if (ref->row.members + people->n <= ref->row.member_limit)
		return IM_OK;
	return rpc_fail(c, IM_E_LIMIT_REACHED, "the group has %u members of at most %u",
		ref->row.members, ref->row.member_limit);
}

static int goes_on_without(struct rpc_call *c, const struct group_people *people)
{
	for (size_t i = 0; i < people->n; i++)
		if (people->v[i].role == DIRECTORY_OWNER)
			return rpc_fail(c, IM_E_NOT_ALLOWED,
				"\"%s\" owns the group; give it another owner with setGroupRole, "
				"or dismiss it",
				people->v[i].uid);
	return IM_OK;
}

static int change_members(struct admin_call *ac, bool add)
{
	struct rpc_call *c = &ac->write.call;
	struct group_ref ref;
	struct group_people people = {0};
	uint64_t seq;
	int rc = named_group(c, &ref);

	if (rc == IM_OK)
		rc = group_people_get(&ac->write, "members", 0, &people);
	if (rc == IM_OK)
		rc = group_people_keep(c, ref.row.id, !add, &people);
	if (rc == IM_OK)
		rc = add ? has_room(c, &ref, &people) : goes_on_without(c, &people);
	if (rc == IM_OK && people.n > 0)
		rc = group_write_people(group_ref_write(&ac->write, &ref), add ? "invite" : "kick",
			IM_STR(""), add, people.v, people.n, &seq);
	if (rc == IM_OK)
		rc = rpc_changed(c, people.n > 0);
	group_people_clear(&people);
	return rc;
}

static int add_members(struct admin_call *ac)
{
	return change_members(ac, true);
}

static int remove_members(struct admin_call *ac)
{
	return change_members(ac, false);
}

static int on_owner(void *arg, const struct directory_member *m)
{
	struct group_person *owner = arg;

	if (m->role != DIRECTORY_OWNER || m->uid.n > IM_UID_MAX)
		return IM_OK;
	*owner = group_person_of(m->user, m->uid, DIRECTORY_GROUP_ADMIN);
	return RPC_PAGE_STOP;
}

/* A new owner takes the place of the old one, who stays as an admin. */
static int hand_over(struct rpc_write *wr, struct group_ref *ref, struct group_person two[2])
{
	struct rpc_call *c = &wr->call;
	uint64_t seq;
	int rc = directory_member_admins(c->dir, ref->row.id, on_owner, &two[1]);

	if (rc != IM_OK && rc != RPC_PAGE_STOP)
		return rc;
	return group_write_people(group_ref_write(wr, ref), "transfer", IM_STR(""), true, two,
		two[1].user ? 2 : 1, &seq);
}

static int set_member_role(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct im_str uid = rpc_str(c, "username");
	struct group_person two[2] = {{.user = 0}, {.user = 0}};
	struct directory_member m;
	struct group_ref ref;
	uint64_t user, seq;
	int role = group_role_parse(rpc_str(c, "role"));
	int rc = named_group(c, &ref);

	if (rc == IM_OK && role < 0)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"role is \"%.*s\"; give \"member\", \"admin\" or \"owner\"",
			IM_ARGS(rpc_str(c, "role")));
	if (rc == IM_OK)
		rc = rpc_user_id(c, uid, &user);
	if (rc != IM_OK)
		return rc;
	two[0] = group_person_of(user, uid, role);
	rc = directory_member_get(c->dir, ref.row.id, user, &m);
	if (rc == IM_E_NONE)
		return rpc_fail(
			c, IM_E_NOT_MEMBER, "\"%s\" does not belong to the group", two[0].uid);
	if (rc != IM_OK || m.role == role)
		return rc == IM_OK ? rpc_changed(c, false) : rc;
	if (role != DIRECTORY_OWNER && m.role == DIRECTORY_OWNER)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"\"%s\" owns the group; make another member the owner", two[0].uid);
	rc = role == DIRECTORY_OWNER ? hand_over(&ac->write, &ref, two)
				     : group_write_people(group_ref_write(&ac->write, &ref), "role",
					       IM_STR(""), true, two, 1, &seq);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

/* -- showing -- */

static void put_group(struct im_buf *b, const struct directory_group *g)
{
	im_buf_z(b, "{\"gid\":");
	im_jsonw_str(b, g->gid);
	im_jsonw_member_str(b, "kind", im_str(group_kind_name(g->kind)));
	im_jsonw_member_str(b, "name", g->name);
	im_jsonw_member_int(b, "members", g->members);
	im_jsonw_member_int(b, "member_limit", g->member_limit);
	im_jsonw_member_str(b, "join", im_str(group_join_name(g->join_policy)));
	im_jsonw_member_str(b, "history", im_str(group_history_name(g->history)));
	im_jsonw_member_int(b, "muted_until", g->muted_until_ms);
	im_jsonw_member_int(b, "created_ms", g->created_ms);
	im_buf_c(b, '}');
}

static int on_group(void *arg, const struct directory_group *g)
{
	struct rpc_page *p = arg;

	put_group(&p->one, g);
	return rpc_page_add(p, g->gid);
}

static int list_groups(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct rpc_page page;

	rpc_page_begin(&page, c->result, "groups", (uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX),
		ADMIN_LIST_BYTES_MAX);
	return rpc_page_end(&page,
		directory_group_list(c->dir, rpc_str(c, "after"), page.limit + 1, on_group, &page));
}

static int on_member(void *arg, const struct directory_member *m)
{
	struct rpc_page *p = arg;

	im_buf_z(&p->one, "{\"username\":");
	im_jsonw_str(&p->one, m->uid);
	im_jsonw_member_str(&p->one, "role", im_str(group_role_name(m->role)));
	im_jsonw_member_int(&p->one, "joined_ms", m->joined_ms);
	im_buf_c(&p->one, '}');
	return rpc_page_add(p, m->uid);
}

static int get_group(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct directory_group g;
	struct group_ref ref;
	struct rpc_page page;
	int rc = named_group(c, &ref);

	if (rc == IM_OK)
		rc = directory_group_by_id(c->dir, ref.row.id, &g);
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, "{\"group\":");
	put_group(c->result, &g);
	rpc_page_begin(&page, c->result, "members", (uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX),
		ADMIN_LIST_BYTES_MAX);
	return rpc_page_end(&page, directory_member_list(c->dir, ref.row.id, rpc_str(c, "after"),
					   page.limit + 1, on_member, &page));
}

static const struct rpc_param create_params[] = {
	{"gid", RPC_STRING, false, 1, IM_GID_MAX},
	{"owner", RPC_STRING, true, 1, IM_UID_MAX},
	{"members", RPC_STRINGS, false, 0, IM_INVITE_MAX},
	{"kind", RPC_STRING, false, 1, 16},
	{"name", RPC_LINE, false, 0, 128},
	{"join", RPC_STRING, false, 1, 16},
	{"history", RPC_STRING, false, 1, 16},
	{"member_limit", RPC_INTEGER, false, 1, IM_GROUP_MEMBERS_MAX},
	{0},
};
static const struct rpc_param dismiss_params[] = {
	GROUP_REF_PARAM,
	{"erase", RPC_BOOLEAN, false, 0, 0},
	{0},
};
static const struct rpc_param members_params[] = {
	GROUP_REF_PARAM,
	{"members", RPC_STRINGS, true, 1, IM_INVITE_MAX},
	{0},
};
static const struct rpc_param role_params[] = {
	GROUP_REF_PARAM,
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"role", RPC_STRING, true, 1, 16},
	{0},
};
static const struct rpc_param list_params[] = {
	{"after", RPC_STRING, false, 0, IM_GID_MAX},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};
static const struct rpc_param get_params[] = {
	GROUP_REF_PARAM,
	{"after", RPC_STRING, false, 0, IM_UID_MAX},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};

const struct admin_command admin_group_commands[] = {
	{"createGroup", ADMIN_CHANGE, create_params, create_group},
	{"dismissGroup", ADMIN_CHANGE, dismiss_params, dismiss_group},
	{"listGroups", ADMIN_LOOK, list_params, list_groups},
	{"getGroup", ADMIN_LOOK, get_params, get_group},
	{"addGroupMember", ADMIN_CHANGE, members_params, add_members},
	{"removeGroupMember", ADMIN_CHANGE, members_params, remove_members},
	{"setGroupRole", ADMIN_CHANGE, role_params, set_member_role},
	{0},
};
