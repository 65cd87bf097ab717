/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of the event, and who gets one. Called by group_write.c, which also delivers it,
 * and by the projection of the log, which only stores it. */
#include "bridge/write/group_event.h"

#include <jansson.h>
#include <stdlib.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "common/jsonw.h"
#include "common/wire.h"

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

/* -- who -- */

static int add(struct group_told *t, uint64_t user, struct im_str uid)
{
	struct group_person *v;
	size_t cap;

	if (uid.n > IM_UID_MAX)
		return IM_E_INTERNAL;
	if (t->n == t->cap) {
		cap = t->cap ? 2 * t->cap : 64;
		v = realloc(t->v, cap * sizeof(*v));
		if (!v)
			return IM_E_NOMEM;
		t->v = v;
		t->cap = cap;
	}
	t->v[t->n++] = group_person_of(user, uid, DIRECTORY_MEMBER);
	return IM_OK;
}

static int on_member(void *arg, const struct directory_member *m)
{
	return add(arg, m->user, m->uid);
}

/* Nobody can see the conversation of a group that has ended. A room's members hear of its end on
 * its topic: they are too many, and have no inbox entry for it. */
static int add_all(struct group_told *t, struct directory *d, uint64_t group)
{
	struct directory_group row;
	int rc = directory_group_by_id(d, group, &row);

	if (rc || row.dismissed || row.kind == DIRECTORY_ROOM)
		return rc == IM_E_NONE ? IM_OK : rc;
	return directory_member_list(d, group, IM_STR(""), 0, on_member, t);
}

/* Who comes was no member before, who goes was one. Who makes a group knows. */
static int add_some(struct group_told *t, struct directory *d, uint64_t group, const json_t *change)
{
	const char *by = json_string_value(json_object_get(change, "by"));
	bool made = json_object_get(change, "gid") != NULL;
	bool coming = strcmp(t->action, "invite") == 0;
	struct directory_member m;
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(change, "members"), i, one)
	{
		const char *uid = json_string_value(json_object_get(one, "uid"));
		json_int_t user = json_integer_value(json_object_get(one, "user"));
		int rc;

		if (!uid || user <= 0 || (made && by && strcmp(uid, by) == 0))
			continue;
		rc = directory_member_get(d, group, (uint64_t)user, &m);
		if (rc == (coming ? IM_E_NONE : IM_OK))
			rc = add(t, (uint64_t)user, im_str(uid));
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

static int find(struct directory *d, uint64_t group, const json_t *change, struct group_told *out)
{
	const char *action = json_string_value(json_object_get(change, "action"));

	*out = (struct group_told){.action = action ? told_as(action) : NULL};
	if (!out->action)
		return IM_OK;
	return json_object_get(change, "members") ? add_some(out, d, group, change)
						  : add_all(out, d, group);
}

int group_told_find(
	struct directory *d, uint64_t group, struct im_str change, struct group_told *out)
{
	json_t *o = json_loadb(change.p, change.n, 0, NULL);
	int rc = find(d, group, o, out);

	json_decref(o);
	return rc;
}

void group_told_clear(struct group_told *t)
{
	free(t->v);
	*t = (struct group_told){0};
}

/* -- from the log -- */

struct telling {
	struct directory *d;
	struct directory_event e; /* the one that was written last */
	struct im_buf json;
	struct im_str open; /* the event's object without its end */
};

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

/* gid: the group's, as the change or the directory has it. */
static int tell_all(
	struct telling *t, const struct group_told *told, const json_t *change, struct im_str gid)
{
	const char *by = json_string_value(json_object_get(change, "by"));
	struct im_buf key, json;
	int rc;

	im_buf_init(&key, 0);
	im_buf_init(&json, 0);
	im_buf_init(&t->json, 0);
	rc = group_event_build(&key, &json, gid, told->action, im_str(by ? by : ""));
	t->e.key = im_buf_view(&key);
	if (!rc)
		t->open = (struct im_str){json.p, json.n - 1};
	for (size_t i = 0; !rc && i < told->n; i++)
		rc = tell(t, told->v[i].user);
	im_buf_free(&key);
	im_buf_free(&json);
	im_buf_free(&t->json);
	return rc;
}

int group_event_project(
	struct directory *d, uint64_t group, uint64_t position, int64_t ts_ms, struct im_str change)
{
	struct telling t = {.d = d, .e = {.gid = position, .ts_ms = ts_ms}};
	json_t *o = json_loadb(change.p, change.n, 0, NULL);
	const char *gid = json_string_value(json_object_get(o, "gid"));
	struct directory_group row = {.gid = im_str(gid ? gid : "")};
	struct group_told told;
	int rc = find(d, group, o, &told);

	if (!rc && told.n > 0 && !gid)
		rc = directory_group_by_id(d, group, &row);
	if (!rc && told.n > 0)
		rc = tell_all(&t, &told, o, row.gid);
	group_told_clear(&told);
	json_decref(o);
	return rc == IM_E_NONE ? IM_OK : rc;
}
