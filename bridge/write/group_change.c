/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the form of a group's changes and what each does to the directory. Called by handlers, by
 * the admin commands and by the projection of the log after a crash; must not know rights, the log
 * or deliveries. What a change says is taken as true: it was checked before it was written.
 */
#include "bridge/write/group_change.h"

#include <jansson.h>
#include <string.h>

#include "bridge/directory/directory_ban.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_link.h"
#include "bridge/directory/directory_quota.h"
#include "common/jsonw.h"

static const char *const role_names[] = {"member", "admin", "owner"};
static const char *const join_names[] = {"open", "approval", "invite"};
static const char *const history_names[] = {"join", "all"};
static const char *const kind_names[] = {"group", "room"};

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

static const char *name_of(const char *const *names, int n, int v)
{
	return names[v >= 0 && v < n ? v : 0];
}

static int parse_name(const char *const *names, int n, struct im_str s)
{
	for (int i = 0; i < n; i++)
		if (im_str_eqz(s, names[i]))
			return i;
	return -1;
}

const char *group_role_name(int role)
{
	return name_of(role_names, COUNT(role_names), role);
}

int group_role_parse(struct im_str s)
{
	return parse_name(role_names, COUNT(role_names), s);
}

const char *group_join_name(int join_policy)
{
	return name_of(join_names, COUNT(join_names), join_policy);
}

int group_join_parse(struct im_str s)
{
	return parse_name(join_names, COUNT(join_names), s);
}

const char *group_history_name(int history)
{
	return name_of(history_names, COUNT(history_names), history);
}

int group_history_parse(struct im_str s)
{
	return parse_name(history_names, COUNT(history_names), s);
}

const char *group_kind_name(int kind)
{
	return name_of(kind_names, COUNT(kind_names), kind);
}

int group_kind_parse(struct im_str s)
{
	return parse_name(kind_names, COUNT(kind_names), s);
}

/* -- building -- */

void group_change_begin(struct im_buf *b, const char *action, struct im_str by)
{
	im_buf_printf(b, "{\"action\":\"%s\"", action);
	im_jsonw_member_str(b, "by", by);
}

void group_change_members_begin(struct im_buf *b)
{
	im_buf_z(b, ",\"members\":[");
}

void group_change_member(struct im_buf *b, struct im_str uid, uint64_t user, int role)
{
	if (b->n > 0 && b->p[b->n - 1] == '}')
		im_buf_c(b, ',');
	im_buf_z(b, "{\"uid\":");
	im_jsonw_str(b, uid);
	im_jsonw_member_int(b, "user", (int64_t)user);
	if (role >= 0)
		im_jsonw_member_str(b, "role", im_str(group_role_name(role)));
	im_buf_c(b, '}');
}

void group_change_members_end(struct im_buf *b)
{
	im_buf_c(b, ']');
}

/* -- applying -- */

struct change {
	struct directory *d;
	const json_t *o;
	const json_t *members;
	uint64_t group, seq, position;
	int64_t ts_ms;
};

static struct im_str text_of(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_string(v))
		return (struct im_str){NULL, 0};
	return (struct im_str){json_string_value(v), json_string_length(v)};
}

static int64_t number_of(const json_t *o, const char *name, int64_t def)
{
	const json_t *v = json_object_get(o, name);

	return json_is_integer(v) ? (int64_t)json_integer_value(v) : def;
}

/* One member of the change; -1 when no role is said. */
static int member_of(const json_t *m, uint64_t *user_out, int *role_out)
{
	int64_t user = number_of(m, "user", 0);
	struct im_str role = text_of(m, "role");

	if (user <= 0)
		return IM_E_FORMAT;
	*user_out = (uint64_t)user;
	*role_out = role.p ? group_role_parse(role) : -1;
	return IM_OK;
}

typedef int (*each_fn)(struct change *ch, uint64_t user, int role);

static int each_member(struct change *ch, each_fn fn)
{
	uint64_t user;
	int role, rc = IM_OK;

	for (size_t i = 0; rc == IM_OK && i < json_array_size(ch->members); i++) {
		rc = member_of(json_array_get(ch->members, i), &user, &role);
		if (rc == IM_OK)
			rc = fn(ch, user, role);
		/* Already so, or gone since: nothing to do. */
		if (rc == IM_E_EXISTS || rc == IM_E_NONE)
			rc = IM_OK;
	}
	return rc;
}

/* Who was muted when the last membership ended still is. */
static int add_member(struct change *ch, uint64_t user, int role)
{
	struct directory_member m = {.group = ch->group,
		.user = user,
		.role = role < 0 ? DIRECTORY_MEMBER : role,
		.joined_seq = ch->seq - 1,
		.joined_ms = ch->ts_ms,
		.changed_gid = ch->position};
	int rc = directory_mute_get(ch->d, ch->group, user, &m.muted_until_ms);

	if (rc == IM_OK)
		rc = directory_member_add(ch->d, &m);
	if (rc == IM_OK && m.muted_until_ms)
		rc = directory_mute_remove(ch->d, ch->group, user);
	return rc;
}

/* Counted here, so that it is whatever was lost in a crash. */
static int come(struct change *ch, uint64_t user, int role)
{
	int rc = add_member(ch, user, role);

	return rc == IM_OK ? directory_quota_add(
				     ch->d, user, DIRECTORY_QUOTA_COMING, ch->group, ch->ts_ms, 1)
			   : rc;
}

static int join_member(struct change *ch, uint64_t user, int role)
{
	struct im_str link = text_of(ch->o, "link");
	int rc = come(ch, user, role);

	return rc == IM_OK && link.p ? directory_link_use(ch->d, ch->group, link, user) : rc;
}

static int invite_member(struct change *ch, uint64_t user, int role)
{
	int rc = directory_ban_remove(ch->d, ch->group, user);

	return rc == IM_OK ? come(ch, user, role) : rc;
}

static int unban_user(struct change *ch, uint64_t user, int role)
{
	(void)role;
	return directory_ban_remove(ch->d, ch->group, user);
}

static int keep_mute(struct change *ch, uint64_t user)
{
	struct directory_member m;
	int rc = directory_member_get(ch->d, ch->group, user, &m);

	if (rc != IM_OK || m.muted_until_ms <= ch->ts_ms)
		return rc == IM_E_NONE ? IM_OK : rc;
	return directory_mute_put(ch->d, ch->group, user, m.muted_until_ms, ch->ts_ms);
}

static int remove_member(struct change *ch, uint64_t user, int role)
{
	int rc = keep_mute(ch, user);

	(void)role;
	if (rc == IM_OK && json_is_true(json_object_get(ch->o, "ban")))
		rc = directory_ban_add(ch->d, ch->group, user, ch->ts_ms);
	if (rc == IM_OK)
		rc = directory_link_drop(ch->d, ch->group, user);
	return rc == IM_OK ? directory_member_remove(ch->d, ch->group, user, ch->position) : rc;
}

static int change_role(struct change *ch, uint64_t user, int role)
{
	struct directory_member m;
	int rc = directory_member_get(ch->d, ch->group, user, &m);

	if (rc != IM_OK || role < 0)
		return rc;
	m.role = role;
	m.changed_gid = ch->position;
	rc = directory_member_update(ch->d, &m);
	return rc == IM_OK && role == DIRECTORY_MEMBER ? directory_link_drop(ch->d, ch->group, user)
						       : rc;
}

static int mute_member(struct change *ch, uint64_t user, int role)
{
	struct directory_member m;
	int64_t until_ms = number_of(ch->o, "until", 0);
	int rc = directory_member_get(ch->d, ch->group, user, &m);

	(void)role;
	/* One who has left: lifted now, or found again at the next coming. */
	if (rc == IM_E_NONE)
		return until_ms > ch->ts_ms
			       ? directory_mute_put(ch->d, ch->group, user, until_ms, ch->ts_ms)
			       : directory_mute_remove(ch->d, ch->group, user);
	if (rc != IM_OK)
		return rc;
	m.muted_until_ms = until_ms;
	m.changed_gid = ch->position;
	return directory_member_update(ch->d, &m);
}

static void take_fields(const json_t *o, struct directory_group *g)
{
	struct im_str s;

	s = text_of(o, "name");
	if (s.p)
		g->name = s;
	s = text_of(o, "avatar");
	if (s.p)
		g->avatar = s;
	s = text_of(o, "announcement");
	if (s.p)
		g->announcement = s;
	s = text_of(o, "join");
	if (s.p && group_join_parse(s) >= 0)
		g->join_policy = group_join_parse(s);
	s = text_of(o, "history");
	if (s.p && group_history_parse(s) >= 0)
		g->history = group_history_parse(s);
	g->member_limit = (uint32_t)number_of(o, "member_limit", g->member_limit);
	g->slow_ms = number_of(o, "slow_ms", g->slow_ms);
	g->retention_days = (int)number_of(o, "retention_days", g->retention_days);
}

static int create(struct change *ch)
{
	struct directory_group g = {.id = ch->group,
		.gid = text_of(ch->o, "gid"),
		.name = IM_STR(""),
		.avatar = IM_STR(""),
		.announcement = IM_STR(""),
		.created_ms = ch->ts_ms};
	struct im_str kind = text_of(ch->o, "kind");
	struct directory_group there;
	uint64_t id = 0;
	int rc;

	if (g.gid.n == 0)
		return IM_E_FORMAT;
	g.kind = group_kind_parse(kind) > 0 ? group_kind_parse(kind) : DIRECTORY_GROUP;
	take_fields(ch->o, &g);
	if (ch->group != 0 && directory_group_by_id(ch->d, ch->group, &there) == IM_OK)
		return each_member(ch, add_member);
	rc = directory_group_create(ch->d, &g, &id);
	if (rc != IM_OK)
		return rc;
	ch->group = id;
	return each_member(ch, add_member);
}

/* The row's strings are borrowed from the directory; the update is the next call on it. */
static int update(struct change *ch)
{
	struct directory_group g;
	int rc = directory_group_by_id(ch->d, ch->group, &g);

	if (rc != IM_OK)
		return rc;
	take_fields(ch->o, &g);
	return directory_group_update(ch->d, &g);
}

static int mute(struct change *ch)
{
	struct directory_group g;
	int rc;

	if (ch->members != NULL)
		return each_member(ch, mute_member);
	rc = directory_group_by_id(ch->d, ch->group, &g);
	if (rc != IM_OK)
		return rc;
	g.muted_until_ms = number_of(ch->o, "until", 0);
	return directory_group_update(ch->d, &g);
}

static int dismiss(struct change *ch)
{
	int rc = directory_group_dismiss(ch->d, ch->group, ch->position);

	if (rc == IM_OK && json_is_true(json_object_get(ch->o, "erase")))
		rc = directory_group_erase(ch->d, ch->group);
	return rc;
}

static int dispatch(struct change *ch, struct im_str action)
{
	int rc;

	if (im_str_eqz(action, "create"))
		return create(ch);
	if (ch->group == 0)
		return IM_E_FORMAT;
	if (im_str_eqz(action, "join"))
		return each_member(ch, join_member);
	if (im_str_eqz(action, "invite"))
		return each_member(ch, invite_member);
	if (im_str_eqz(action, "leave") || im_str_eqz(action, "kick"))
		return each_member(ch, remove_member);
	if (im_str_eqz(action, "unban"))
		return each_member(ch, unban_user);
	if (im_str_eqz(action, "role") || im_str_eqz(action, "transfer"))
		return each_member(ch, change_role);
	if (im_str_eqz(action, "mute"))
		rc = mute(ch);
	else if (im_str_eqz(action, "update"))
		rc = update(ch);
	else if (im_str_eqz(action, "dismiss"))
		rc = dismiss(ch);
	else
		return IM_OK;
	/* A group that was never projected has nothing to change. */
	return rc == IM_E_NONE ? IM_OK : rc;
}

int group_apply(struct directory *d, uint64_t *group, uint64_t seq, uint64_t position,
	int64_t ts_ms, struct im_str json)
{
	struct change ch = {
		.d = d, .group = *group, .seq = seq, .position = position, .ts_ms = ts_ms};
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	struct im_str action;
	int rc = IM_E_FORMAT;

	if (json_is_object(o) && seq > 0) {
		ch.o = o;
		ch.members = json_object_get(o, "members");
		action = text_of(o, "action");
		if (action.p != NULL && (ch.members == NULL || json_is_array(ch.members)))
			rc = dispatch(&ch, action);
	}
	json_decref(o);
	*group = ch.group;
	return rc;
}
