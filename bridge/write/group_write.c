/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the order in which a group's change becomes true, seen and enforced. Called by RPC handlers
 * and admin commands. */
#include "bridge/write/group_write.h"

#include "bridge/directory/directory_group.h"
#include "bridge/message/event.h"
#include "bridge/write/group_change.h"
#include "bridge/write/group_event.h"

static int next_seq(struct group_write *g, uint64_t *seq_out)
{
	struct store_head head = {0, 0};
	uint64_t conv;
	int rc;

	*seq_out = 1;
	if (g->group == 0)
		return IM_OK;
	rc = writer_conv(g->w, IM_CONV_GROUP, g->group, 0, false, &conv);
	if (rc == IM_OK)
		rc = writer_head(g->w, conv, &head);
	*seq_out = head.seq + 1;
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int append(struct group_write *g, struct im_str json, uint64_t *seq_out)
{
	struct directory_group row = {.id = g->group, .gid = g->gid};

	return writer_system(g->w, &row, g->actor, g->actor_uid, g->plain, json, seq_out);
}

static int tell(struct group_write *g, const struct group_audience *a)
{
	struct event e;
	int rc = IM_OK;

	if (!a->event)
		return IM_OK;
	event_group(&e, g->gid, a->event, g->actor_uid);
	for (size_t i = 0; rc == IM_OK && i < a->n; i++)
		if (a->v[i].told)
			rc = writer_event(g->w, a->v[i].who.user, im_str(a->v[i].who.uid), &e);
	event_clear(&e);
	return rc;
}

static void forget(struct group_write *g, const struct group_audience *a)
{
	struct effects *fx = writer_effects(g->w);

	if (a->group)
		effects_forget_group(fx, g->gid);
	for (size_t i = 0; !a->group && i < a->n; i++)
		effects_forget_member(fx, g->gid, im_str(a->v[i].who.uid));
}

static int apply(struct group_write *g, struct im_str json, uint64_t seq, uint64_t position)
{
	int rc = group_apply(
		writer_directory(g->w), &g->group, seq, position, writer_now_ms(g->w), json);

	if (rc == IM_OK)
		writer_members_changed(g->w, g->group);
	return rc == IM_E_FORMAT ? IM_E_INTERNAL : rc;
}

int group_write_change(struct group_write g, struct im_str json, uint64_t *seq_out)
{
	uint64_t position = writer_next(g.w); /* of its message */
	struct group_audience a;
	int rc = group_audience_find(writer_directory(g.w), g.group, json, &a);

	if (rc == IM_OK)
		rc = a.last ? append(&g, json, seq_out) : next_seq(&g, seq_out);
	if (rc == IM_OK)
		rc = apply(&g, json, *seq_out, position);
	if (rc == IM_OK && !a.last)
		rc = append(&g, json, seq_out);
	if (rc == IM_OK)
		rc = tell(&g, &a);
	if (rc == IM_OK)
		forget(&g, &a);
	group_audience_clear(&a);
	return rc;
}

int group_write_dismiss(struct group_write g, bool erase, uint64_t *seq_out)
{
	struct im_buf json;
	int rc;

	im_buf_init(&json, 0);
	group_change_begin(&json, "dismiss", g.actor_uid);
	im_buf_z(&json, erase ? ",\"erase\":true}" : "}");
	rc = json.failed ? IM_E_NOMEM : group_write_change(g, im_buf_view(&json), seq_out);
	im_buf_free(&json);
	return rc;
}

int group_write_people(struct group_write g, const char *action, struct im_str more, bool roles,
	const struct group_person *who, size_t n, uint64_t *seq_out)
{
	struct im_buf json;
	int rc;

	im_buf_init(&json, 0);
	group_change_begin(&json, action, g.actor_uid);
	im_buf_str(&json, more);
	group_change_members_begin(&json);
	for (size_t i = 0; i < n; i++)
		group_change_member(
			&json, im_str(who[i].uid), who[i].user, roles ? who[i].role : -1);
	group_change_members_end(&json);
	im_buf_c(&json, '}');
	rc = json.failed ? IM_E_NOMEM : group_write_change(g, im_buf_view(&json), seq_out);
	im_buf_free(&json);
	return rc;
}
