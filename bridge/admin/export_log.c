/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns which messages are a user's to have. The whole log is looked at, a stretch a page: there is
 * no index of who wrote what, for this alone would use it. */
#include <stdio.h>

#include "bridge/admin/export.h"
#include "bridge/directory/directory_group.h"
#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/view.h"

/* Messages looked at for one page: some milliseconds. */
#define LOOK_MESSAGES 5000

struct walk {
	struct user_export *x;
	struct conv_set set;
	uint64_t last; /* looked at */
	uint32_t looked_at;
	/* a group that the user has left */
	uint64_t left;
	char left_name[IM_CONV_MAX + 1];
};

/* Of a conversation that is none of the user's any more. */
static int name_left(struct walk *w, uint64_t conv, struct im_str *out)
{
	struct rpc_read *rd = w->x->rd;
	struct store_conv sc;
	struct directory_group g;
	int rc = IM_OK;

	if (w->left != conv) {
		w->left_name[0] = '\0';
		w->left = conv;
		rc = rd->backend->get_conv(rd->log, conv, &sc);
		if (rc == IM_OK && sc.kind == IM_CONV_GROUP)
			rc = directory_group_by_id(rd->call.dir, sc.a, &g);
		if (rc == IM_OK && sc.kind == IM_CONV_GROUP)
			snprintf(w->left_name, sizeof(w->left_name), "g/%.*s", IM_ARGS(g.gid));
	}
	*out = im_str(w->left_name);
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* out->n == 0: the message is not the user's to have. Own edits tell what the text was. */
static int find_name(
	struct walk *w, const struct store_msg *m, struct im_str *out, uint64_t *was_after_out)
{
	struct conv_item *item = conv_set_find(&w->set, m->conv);
	bool own = m->sender == w->x->as.call.user;
	int rc = item ? conv_item_resolve(&w->x->as.call, item, NULL) : IM_OK;

	*out = (struct im_str){NULL, 0};
	*was_after_out = own || item == NULL ? 0 : item->was_after;
	if (rc != IM_OK)
		return rc;
	if (item != NULL && !item->hidden) {
		/* What the user has cleared away is the user's still. */
		if (own || m->seq > item->floor)
			*out = conv_item_name(item);
		return IM_OK;
	}
	return own ? name_left(w, m->conv, out) : IM_OK;
}

static int look_at(struct walk *w, const struct store_msg *m)
{
	struct user_export *x = w->x;
	uint64_t was_after;
	struct im_str name;
	int rc = find_name(w, m, &name, &was_after);

	if (rc != IM_OK || name.n == 0)
		return rc;
	im_buf_reset(&x->one);
	rc = view_message(&x->one, x->rd->names, name, m, was_after, x->rd->call.now_ms);
	return rc == IM_OK ? export_add_at(x, m->gid) : rc;
}

static int on_message(void *arg, const struct store_msg *m)
{
	struct walk *w = arg;
	int rc;

	if (w->looked_at++ == LOOK_MESSAGES) {
		w->x->more = true;
		return EXPORT_FULL;
	}
	rc = look_at(w, m);
	if (rc == IM_OK)
		w->last = m->gid;
	return rc;
}

int export_messages(struct user_export *x)
{
	struct walk w = {.x = x, .last = export_from(x)};
	struct rpc_read *rd = x->rd;
	int rc = conv_set_load(&x->as, &w.set);

	if (rc == IM_OK)
		rc = rd->backend->read_log(
			rd->log, w.last + 1, rd->call.position, false, on_message, &w);
	/* Behind what was looked at, whether or not it was taken. */
	snprintf(x->next, sizeof(x->next), "%llu", (unsigned long long)w.last);
	conv_set_clear(&w.set);
	return rc;
}
