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

struct conv_item *conv_set_add(struct conv_set *set)
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
	struct conv_item *item = conv_set_add(l->set);

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
	struct conv_item *item = conv_set_add(l->set);

	if (item == NULL)
		return IM_E_NOMEM;
	item->kind = IM_CONV_GROUP;
	item->peer = m->group;
	item->joined_seq = m->joined_seq;
	item->changed = m->changed_gid;
	if (l->set->joined < m->changed_gid)
		l->set->joined = m->changed_gid;
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
	if (rd->looked_at != NULL)
		*rd->looked_at += out->n;
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

int conv_set_heads(struct rpc_read *rd, struct conv_set *set)
{
	int rc = IM_OK;

	for (size_t i = 0; i < set->n && rc == IM_OK; i++)
		rc = rd->backend->read_head(rd->log, set->v[i].conv, &set->v[i].head);
	return rc;
}

struct setting {
	struct conv_set *set;
	size_t at; /* both are in the order of the conversations */
};

static int on_settings(void *arg, const struct directory_conv_user *u)
{
	struct setting *s = arg;
	struct conv_item *item;

	while (s->at < s->set->n && s->set->v[s->at].conv < u->conv)
		s->at++;
	if (s->at == s->set->n || s->set->v[s->at].conv != u->conv)
		return IM_OK;
	item = &s->set->v[s->at];
	item->read_seq = u->read_seq;
	item->cleared_to = u->cleared_to;
	item->pinned = u->pinned;
	item->follow = u->follow;
	if (item->changed < u->changed_gid)
		item->changed = u->changed_gid;
	item->kept = u->pinned || u->marked_unread || u->draft.n > 0;
	return IM_OK;
}

int conv_set_settings(struct rpc_read *rd, struct conv_set *set)
{
	struct setting s = {set, 0};

	return directory_conv_list(rd->call.dir, rd->call.user, on_settings, &s);
}

uint64_t conv_item_mark(const struct conv_item *item)
{
	return view_mark(item->read_seq, item->joined_seq, item->cleared_to);
}

bool conv_item_followed(const struct conv_item *item)
{
	return item->group_kind != DIRECTORY_ROOM || item->follow;
}

static void name_it(struct conv_item *item, char kind, struct im_str peer)
{
	snprintf(item->name, sizeof(item->name), "%c/%.*s", kind, IM_ARGS(peer));
}

static int find_user(struct rpc_call *c, struct conv_item *item, struct conv_peer *out)
{
	struct directory_user u;
	int rc = directory_user_by_id(c->dir, item->peer, &u);

	if (rc != IM_OK)
		return rc;
	name_it(item, 'u', u.uid);
	item->peer_gone = u.deleted;
	item->history_all = true;
	*out = (struct conv_peer){u.nick, u.avatar, u.online, u.rev};
	return IM_OK;
}

static int find_group(struct rpc_call *c, struct conv_item *item, struct conv_peer *out)
{
	struct directory_group g;
	int rc = directory_group_by_id(c->dir, item->peer, &g);

	if (rc != IM_OK || g.dismissed)
		return rc != IM_OK ? rc : IM_E_NONE;
	name_it(item, 'g', g.gid);
	item->group_kind = g.kind;
	item->history_all = g.history != 0;
	*out = (struct conv_peer){.name = g.name, .avatar = g.avatar};
	return IM_OK;
}

int conv_item_peer(struct rpc_call *c, struct conv_item *item, struct conv_peer *out)
{
	int rc;

	*out = (struct conv_peer){.online = 0};
	rc = item->kind == IM_CONV_USER ? find_user(c, item, out) : find_group(c, item, out);
	item->hidden = rc == IM_E_NONE;
	item->named = rc == IM_OK || rc == IM_E_NONE;
	return item->named ? IM_OK : rc;
}

int conv_item_resolve(
	struct rpc_call *c, struct conv_item *item, struct directory_conv_user *user_out)
{
	struct directory_conv_user mine;
	struct conv_peer peer;
	int rc;

	if (item->resolved && user_out == NULL)
		return IM_OK;
	rc = item->named ? IM_OK : conv_item_peer(c, item, &peer);
	if (rc == IM_OK)
		rc = directory_conv_get(c->dir, c->user, item->conv, &mine);
	if (rc != IM_OK)
		return rc;
	item->floor = view_floor(item->history_all, item->joined_seq, mine.cleared_to);
	item->was_after = seen_was_after(item->history_all, item->floor);
	item->follow = mine.follow;
	item->resolved = true;
	if (user_out != NULL)
		*user_out = mine;
	return IM_OK;
}
