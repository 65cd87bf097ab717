/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of a caller's conversations during one call. */
#include "bridge/rpc/conv_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/message/seen.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/view.h"

struct loading {
	struct conv_set *set;
	uint64_t user;
};

static struct conv_item *add(struct conv_set *set)
{
	struct conv_item *v;
	size_t cap;

	if (set->n == set->cap) {
		cap = set->cap ? 2 * set->cap : 64;
		v = realloc(set->v, cap * sizeof(*v));
		if (v == NULL)
			return NULL;
		set->v = v;
		set->cap = cap;
	}
	memset(&set->v[set->n], 0, sizeof(*set->v));
	return &set->v[set->n++];
}

static int on_direct(void *arg, const struct store_conv *conv)
{
	struct loading *l = arg;
	struct conv_item *item = add(l->set);

	if (item == NULL)
		return IM_E_NOMEM;
	item->conv = conv->id;
	item->kind = IM_CONV_USER;
	item->peer = conv->a == l->user ? conv->b : conv->a;
	return IM_OK;
}

static int on_group(void *arg, const struct directory_member *m)
{
	struct loading *l = arg;
	struct conv_item *item = add(l->set);

	if (item == NULL)
		return IM_E_NOMEM;
	item->kind = IM_CONV_GROUP;
	item->peer = m->group;
	item->joined_seq = m->joined_seq;
	item->role = m->role;
	return IM_OK;
}

static int by_conv(const void *a, const void *b)
{
	const struct conv_item *x = a, *y = b;

	return x->conv < y->conv ? -1 : x->conv > y->conv;
}

int conv_set_load(struct rpc_read *rd, struct conv_set *out)
{
	struct rpc_call *c = &rd->call;
	struct loading l = {out, c->user};
	size_t kept;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = directory_user_groups(c->dir, c->user, on_group, &l);
	if (rc != IM_OK)
		return rc;
	kept = 0;
	for (size_t i = 0; i < out->n; i++) {
		rc = rd->backend->find_conv(
			rd->log, IM_CONV_GROUP, out->v[i].peer, 0, &out->v[i].conv);
		if (rc == IM_E_NONE)
			continue;
		if (rc != IM_OK)
			return rc;
		out->v[kept++] = out->v[i];
	}
	out->n = kept;
	rc = rd->backend->user_convs(rd->log, c->user, on_direct, &l);
	if (rc == IM_OK && out->n > 1)
		qsort(out->v, out->n, sizeof(*out->v), by_conv);
	return rc;
}

void conv_set_clear(struct conv_set *set)
{
	free(set->v);
	memset(set, 0, sizeof(*set));
}

struct conv_item *conv_set_find(struct conv_set *set, uint64_t conv)
{
	struct conv_item key = {.conv = conv};

	return set->n ? bsearch(&key, set->v, set->n, sizeof(*set->v), by_conv) : NULL;
}

static void name_it(struct conv_item *item, char kind, struct im_str peer)
{
	snprintf(item->name, sizeof(item->name), "%c/%.*s", kind, IM_ARGS(peer));
}

static int resolve_peer(struct rpc_call *c, struct conv_item *item, bool *history_all_out)
{
	struct directory_user u;
	struct directory_group g;
	int rc;

	*history_all_out = true;
	if (item->kind == IM_CONV_USER) {
		rc = directory_user_by_id(c->dir, item->peer, &u);
		if (rc == IM_OK)
			name_it(item, 'u', u.uid);
		item->peer_gone = rc == IM_OK && u.deleted;
		item->hidden = rc == IM_E_NONE;
		return rc == IM_E_NONE ? IM_OK : rc;
	}
	rc = directory_group_by_id(c->dir, item->peer, &g);
	if (rc == IM_OK && !g.dismissed) {
		name_it(item, 'g', g.gid);
		item->group_kind = g.kind;
		*history_all_out = g.history != 0;
	}
	item->hidden = rc == IM_E_NONE || (rc == IM_OK && g.dismissed);
	return rc == IM_E_NONE ? IM_OK : rc;
}

int conv_item_resolve(
	struct rpc_call *c, struct conv_item *item, struct directory_conv_user *user_out)
{
	struct directory_conv_user mine;
	bool history_all;
	int rc;

	if (item->resolved && user_out == NULL)
		return IM_OK;
	rc = resolve_peer(c, item, &history_all);
	if (rc != IM_OK)
		return rc;
	rc = directory_conv_get(c->dir, c->user, item->conv, &mine);
	if (rc != IM_OK)
		return rc;
	item->floor = view_floor(history_all, item->joined_seq, mine.cleared_to);
	item->was_after = seen_was_after(history_all, item->floor);
	item->followed = item->group_kind != DIRECTORY_ROOM || mine.follow;
	item->resolved = true;
	if (user_out != NULL)
		*user_out = mine;
	return IM_OK;
}
