/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns that decision. Called by group_write.c, which also delivers, and by the projection of the
 * log, which only stores the events. */
#include "bridge/write/group_event.h"

#include <jansson.h>
#include <stdlib.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/message/event.h"

/* -- who -- */

static int add(struct group_audience *a, uint64_t user, struct im_str uid, bool told)
{
	struct group_listener *v;
	size_t cap;

	if (uid.n > IM_UID_MAX)
		return IM_E_INTERNAL;
	if (a->n == a->cap) {
		cap = a->cap ? 2 * a->cap : 64;
		v = realloc(a->v, cap * sizeof(*v));
		if (!v)
			return IM_E_NOMEM;
		a->v = v;
		a->cap = cap;
	}
	a->v[a->n++] = (struct group_listener){group_person_of(user, uid, DIRECTORY_MEMBER), told};
	return IM_OK;
}

static int on_member(void *arg, const struct directory_member *m)
{
	return add(arg, m->user, m->uid, true);
}

/* Nobody can see the conversation of a group that has ended. A room's members hear of its end on
 * its topic: they are too many, and have no inbox entry for it. */
static int add_all(struct group_audience *a, struct directory *d, uint64_t group)
{
	struct directory_group row;
	int rc = directory_group_by_id(d, group, &row);

	if (rc || row.dismissed || row.kind == DIRECTORY_ROOM)
		return rc == IM_E_NONE ? IM_OK : rc;
	return directory_member_list(d, group, IM_STR(""), 0, on_member, a);
}

/* An event is for who comes and was no member before, and for who goes and was one. */
static int is_told(struct directory *d, uint64_t group, uint64_t user, const char *event, bool *out)
{
	bool coming = strcmp(event, "invite") == 0;
	struct directory_member m;
	int rc = directory_member_get(d, group, user, &m);

	*out = rc == (coming ? IM_E_NONE : IM_OK);
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* Who makes a group knows. */
static int add_named(struct group_audience *a, struct directory *d, uint64_t group,
	const json_t *change, const json_t *members)
{
	const char *by = json_string_value(json_object_get(change, "by"));
	bool made = json_object_get(change, "gid") != NULL;
	const json_t *one;
	size_t i;
	int rc = IM_OK;

	json_array_foreach(members, i, one)
	{
		const char *uid = json_string_value(json_object_get(one, "uid"));
		json_int_t user = json_integer_value(json_object_get(one, "user"));
		bool told = false;

		if (!uid || user <= 0)
			continue;
		if (a->event && !(made && by && strcmp(uid, by) == 0))
			rc = is_told(d, group, (uint64_t)user, a->event, &told);
		if (!rc)
			rc = add(a, (uint64_t)user, im_str(uid), told);
		if (rc)
			break;
	}
	return rc;
}

/* What an event says has happened; NULL: this change is told by none. */
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

static int find(
	struct directory *d, uint64_t group, const json_t *change, struct group_audience *out)
{
	const char *action = json_string_value(json_object_get(change, "action"));
	const json_t *members = json_object_get(change, "members");

	*out = (struct group_audience){.group = !members || json_object_get(change, "gid")};
	if (!action)
		return IM_OK;
	out->event = told_as(action);
	out->last = strcmp(action, "dismiss") == 0;
	if (members)
		return add_named(out, d, group, change, members);
	return out->event ? add_all(out, d, group) : IM_OK;
}

int group_audience_find(
	struct directory *d, uint64_t group, struct im_str change, struct group_audience *out)
{
	json_t *o = json_loadb(change.p, change.n, 0, NULL);
	int rc = find(d, group, o, out);

	json_decref(o);
	return rc;
}

void group_audience_clear(struct group_audience *a)
{
	free(a->v);
	*a = (struct group_audience){0};
}

/* -- from the log -- */

/* Each event takes a position behind its message, as it had when it was lost; the log has nothing
 * there. */
static int tell_all(struct directory *d, const struct group_audience *a, const struct event *e,
	struct directory_event row)
{
	struct im_buf json;
	int rc = IM_OK;

	im_buf_init(&json, 0);
	row.key = im_buf_view(&e->key);
	for (size_t i = 0; !rc && i < a->n; i++) {
		if (!a->v[i].told)
			continue;
		row.user = a->v[i].who.user;
		rc = event_place(&json, e, ++row.gid);
		row.event = im_buf_view(&json);
		if (!rc)
			rc = directory_event_put(d, &row);
	}
	im_buf_free(&json);
	return rc;
}

/* The group's name is the directory's, or the change's by which it comes to be. */
static int project(struct directory *d, uint64_t group, const json_t *change,
	const struct group_audience *a, struct directory_event row)
{
	const char *gid = json_string_value(json_object_get(change, "gid"));
	const char *by = json_string_value(json_object_get(change, "by"));
	struct directory_group g = {.gid = im_str(gid ? gid : "")};
	struct event e;
	int rc = gid ? IM_OK : directory_group_by_id(d, group, &g);

	if (rc)
		return rc;
	event_group(&e, g.gid, a->event, im_str(by ? by : ""));
	rc = tell_all(d, a, &e, row);
	event_clear(&e);
	return rc;
}

int group_event_project(
	struct directory *d, uint64_t group, uint64_t position, int64_t ts_ms, struct im_str change)
{
	const struct directory_event row = {.gid = position, .ts_ms = ts_ms};
	json_t *o = json_loadb(change.p, change.n, 0, NULL);
	struct group_audience a;
	int rc = find(d, group, o, &a);

	if (!rc && a.event && a.n > 0)
		rc = project(d, group, o, &a, row);
	group_audience_clear(&a);
	json_decref(o);
	return rc == IM_E_NONE ? IM_OK : rc;
}
