/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of the event, and who gets one. Called by group_write.c, which also delivers it,
 * and by the projection of the log, which only stores it. */
#include "group_event.h"

#include <jansson.h>

#include "../common/jsonw.h"
#include "../common/wire.h"
#include "directory_conv.h"
#include "directory_group.h"

int group_event_build(struct im_buf *key, struct im_buf *json, struct im_str gid,
	const char *action, struct im_str by)
{
	im_buf_z(key, "group:g/");
	im_buf_str(key, gid);
	im_buf_z(json, "{\"event\":\"group\",\"conv\":\"g/");
	im_buf_str(json, gid);
	im_buf_printf(json, "\",\"action\":\"%s\"", action);
	im_jsonw_member_str(json, "by", by);
	im_buf_c(json, '}');
	return key->failed || json->failed ? IM_E_NOMEM : IM_OK;
}

/* A change that is looked through for who is to be told of it. */
struct telling {
	struct directory *d;
	struct directory_event e; /* the one that was written last */
	struct im_buf json;
	struct im_str open; /* the event's object without its end */
	uint64_t group;
	uint64_t *users; /* everybody, of a group that ends */
	size_t n, cap;
};

static int on_member(void *arg, const struct directory_member *m)
{
	struct telling *t = arg;

	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		uint64_t *users = realloc(t->users, cap * sizeof(*users));

		if (!users)
			return IM_E_NOMEM;
		t->users = users;
		t->cap = cap;
	}
	t->users[t->n++] = m->user;
	return IM_OK;
}

/* Each event takes a position behind its message, as it had when it was lost; the log has nothing
 * there. */
static int tell(struct telling *t, uint64_t user)
{
	t->e.user = user;
	t->e.gid++;
	im_buf_reset(&t->json);
	im_buf_str(&t->json, t->open);
	im_buf_z(&t->json, ",\"cursor\":\"");
	im_cursor_put(&t->json, t->e.gid);
	im_buf_z(&t->json, "\"}");
	t->e.event = im_buf_view(&t->json);
	return t->json.failed ? IM_E_NOMEM : directory_event_put(t->d, &t->e);
}

/* As group_write_dismiss: a room's members hear of its end on its topic. */
static int tell_all(struct telling *t)
{
	struct directory_group row;
	int rc = directory_group_by_id(t->d, t->group, &row);

	if (rc || row.dismissed || row.kind == DIRECTORY_ROOM)
		return rc == IM_E_NONE ? IM_OK : rc;
	rc = directory_member_list(t->d, t->group, IM_STR(""), 0, on_member, t);
	for (size_t i = 0; !rc && i < t->n; i++)
		rc = tell(t, t->users[i]);
	free(t->users);
	return rc;
}

/* Who comes was no member before, who goes was one. Who does it knows. */
static int tell_some(struct telling *t, const json_t *members, const char *by, bool coming)
{
	struct directory_member m;
	const json_t *one;
	size_t i;

	json_array_foreach(members, i, one)
	{
		const char *uid = json_string_value(json_object_get(one, "uid"));
		json_int_t user = json_integer_value(json_object_get(one, "user"));
		int rc;

		if (!uid || user <= 0 || (coming && strcmp(uid, by) == 0))
			continue;
		rc = directory_member_get(t->d, t->group, (uint64_t)user, &m);
		if (rc == (coming ? IM_E_NONE : IM_OK))
			rc = tell(t, (uint64_t)user);
		if (rc && rc != IM_E_NONE)
			return rc;
	}
	return IM_OK;
}

/* What the event says has happened; NULL: nobody is told of this one. */
static const char *told_as(const char *action)
{
	static const char *const same[] = {"invite", "kick", "leave", "dismiss"};

	if (strcmp(action, "create") == 0)
		return "invite";
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (strcmp(action, same[i]) == 0)
			return same[i];
	return NULL;
}

/* gid: the group's, as the change or the directory has it. */
static int project(struct telling *t, const json_t *change, const char *action, struct im_str gid)
{
	const char *by = json_string_value(json_object_get(change, "by"));
	const json_t *members = json_object_get(change, "members");
	struct im_buf key, json;
	int rc;

	im_buf_init(&key, 0);
	im_buf_init(&json, 0);
	im_buf_init(&t->json, 0);
	rc = group_event_build(&key, &json, gid, action, im_str(by ? by : ""));
	t->e.key = im_buf_view(&key);
	if (!rc)
		t->open = (struct im_str){json.p, json.n - 1};
	if (!rc)
		rc = members ? tell_some(t, members, by ? by : "", strcmp(action, "invite") == 0)
			     : tell_all(t);
	im_buf_free(&key);
	im_buf_free(&json);
	im_buf_free(&t->json);
	return rc;
}

int group_event_project(
	struct directory *d, uint64_t group, uint64_t position, int64_t ts_ms, struct im_str change)
{
	struct telling t = {.d = d, .group = group, .e = {.gid = position, .ts_ms = ts_ms}};
	json_t *o = json_loadb(change.p, change.n, 0, NULL);
	const char *said = json_string_value(json_object_get(o, "action"));
	const char *action = said ? told_as(said) : NULL;
	const char *gid = json_string_value(json_object_get(o, "gid"));
	struct directory_group row;
	int rc = IM_OK;

	if (action && !gid) {
		rc = directory_group_by_id(d, group, &row);
		if (!rc)
			rc = project(&t, o, action, row.gid);
	} else if (action) {
		rc = project(&t, o, action, im_str(gid));
	}
	json_decref(o);
	return rc == IM_E_NONE ? IM_OK : rc;
}
