/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the steps from a caller to a page of the list. Called by rpc_conv.c and rpc_session.c. */
#include "bridge/rpc/conv_list.h"

#include <stdlib.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/rpc/conv_item.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

static int on_left(void *arg, uint64_t group, uint64_t gone_gid)
{
	struct conv_set *left = arg;
	struct conv_item *item = conv_set_add(left);

	if (item == NULL)
		return IM_E_NOMEM;
	item->kind = IM_CONV_GROUP;
	item->peer = group;
	item->changed = gone_gid;
	item->gone = true;
	return IM_OK;
}

static int load(struct conv_list *l, const struct conv_choice *choice)
{
	struct rpc_call *c = &l->rd->call;
	uint64_t from = 0;
	int rc = conv_set_load(l->rd, &l->set);

	if (rc == IM_OK)
		rc = conv_set_heads(l->rd, &l->set);
	if (rc == IM_OK)
		rc = conv_set_settings(l->rd, &l->set);
	if (rc == IM_OK && choice->changed)
		rc = directory_changes_from(c->dir, &from);
	l->all = !choice->changed || choice->since < from;
	if (rc == IM_OK && !l->all)
		rc = directory_user_left(c->dir, c->user, choice->since, on_left, &l->left);
	return rc;
}

/* Where nothing was sent and nothing is kept any more, an app may still show what was. */
static bool is_listed(
	const struct conv_list *l, const struct conv_choice *choice, struct conv_item *item)
{
	bool there = item->head.seq > 0 || item->kept;

	if (l->all)
		return there;
	item->gone = !there;
	return item->changed > choice->since || item->head.gid > choice->since;
}

int conv_list_open(struct rpc_read *rd, const struct conv_choice *choice, struct conv_list *out)
{
	struct conv_list *l = out;
	int rc;

	*l = (struct conv_list){.rd = rd};
	rc = load(l, choice);
	if (rc == IM_OK)
		rc = conv_order_init(&l->order, l->set.n + l->left.n, choice->pinned_first);
	if (rc != IM_OK)
		return rc;
	for (size_t i = 0; i < l->set.n; i++)
		if (is_listed(l, choice, &l->set.v[i]))
			conv_order_add(&l->order, &l->set.v[i]);
	for (size_t i = 0; i < l->left.n; i++)
		conv_order_add(&l->order, &l->left.v[i]);
	conv_order_sort(&l->order);
	return IM_OK;
}

void conv_list_close(struct conv_list *l)
{
	conv_order_clear(&l->order);
	conv_set_clear(&l->left);
	conv_set_clear(&l->set);
}

/* -- what is new -- */

static int newest_first(const void *a, const void *b)
{
	const struct conv_item *x = *(const struct conv_item *const *)a,
			       *y = *(const struct conv_item *const *)b;

	return x->head.gid < y->head.gid ? 1 : x->head.gid > y->head.gid ? -1 : 0;
}

/* Those in which something may be new, the newest IM_TOTAL_CONVS of all. */
static size_t choose(const struct conv_list *l, struct conv_item **out)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < l->set.n; i++)
		out[n++] = &l->set.v[i];
	if (n > IM_TOTAL_CONVS) {
		qsort(out, n, sizeof(*out), newest_first);
		n = IM_TOTAL_CONVS;
	}
	for (size_t i = 0; i < n; i++)
		if (out[i]->head.seq > conv_item_mark(out[i]))
			out[kept++] = out[i];
	return kept;
}

/* Counts in one of them. Of a group whose settings say nothing of following, whether it is a room
 * decides. */
static int count_in(struct rpc_read *rd, struct conv_item *item)
{
	struct conv_peer peer;
	int rc = IM_OK;

	if (item->kind == IM_CONV_GROUP && !item->follow)
		rc = conv_item_peer(&rd->call, item, &peer);
	return rc == IM_OK ? conv_item_news(rd, item, conv_item_mark(item)) : rc;
}

static int add_up(struct conv_list *l, uint64_t *unread_out, uint64_t *mentions_out)
{
	struct conv_item **v = calloc(l->set.n + 1, sizeof(*v));
	size_t n = v ? choose(l, v) : 0;
	int rc = v ? IM_OK : IM_E_NOMEM;

	*unread_out = *mentions_out = 0;
	for (size_t i = 0; i < n && rc == IM_OK; i++) {
		rc = count_in(l->rd, v[i]);
		*unread_out += v[i]->unread;
		*mentions_out += v[i]->mentions;
	}
	free(v);
	return rc;
}

static void begin_member(struct im_buf *b)
{
	im_buf_c(b, b->n == 0 ? '{' : ',');
}

void conv_list_put_cursor(struct conv_list *l)
{
	struct rpc_call *c = &l->rd->call;

	begin_member(c->result);
	im_buf_z(c->result, "\"cursor\":\"");
	im_cursor_put(c->result, c->position);
	im_buf_c(c->result, '"');
}

static int on_later(void *arg, uint64_t group, uint64_t gone_gid)
{
	uint64_t *last = arg;

	(void)group;
	if (*last < gone_gid)
		*last = gone_gid;
	return IM_OK;
}

int conv_list_put_groups(struct conv_list *l)
{
	struct rpc_call *c = &l->rd->call;
	uint64_t last = l->set.joined;
	int rc = directory_user_left(c->dir, c->user, last, on_later, &last);

	if (rc != IM_OK)
		return rc;
	begin_member(c->result);
	im_buf_z(c->result, "\"groups\":{\"cursor\":\"");
	im_cursor_put(c->result, last);
	im_buf_z(c->result, "\"}");
	return IM_OK;
}

void conv_list_put_all(struct conv_list *l)
{
	begin_member(l->rd->call.result);
	im_buf_z(l->rd->call.result, "\"all\":true");
}

int conv_list_put_news(struct conv_list *l)
{
	struct im_buf *out = l->rd->call.result;
	uint64_t unread, mentions;
	int rc = add_up(l, &unread, &mentions);

	if (rc != IM_OK)
		return rc;
	begin_member(out);
	im_jsonw_key(out, "total_unread");
	im_buf_u64(out, unread);
	im_jsonw_member_int(out, "total_mentions", (int64_t)mentions);
	return IM_OK;
}

/* -- a page -- */

int conv_list_page(struct conv_list *l, bool brief, const struct conv_key *after)
{
	struct rpc_call *c = &l->rd->call;
	struct conv_item *item;
	struct rpc_page page;
	struct conv_key at;
	struct im_buf key;
	int rc = IM_OK;

	im_buf_init(&key, 0);
	rpc_page_begin(&page, c->result, "conversations", rpc_limit(c), rpc_page_bytes(c));
	while (rc == IM_OK) {
		rc = conv_order_next(l->rd, &l->order, after, &item, &at);
		if (rc != IM_OK || item == NULL)
			break;
		rc = conv_item_put(l->rd, item, brief, &page.one);
		if (rc != IM_OK || page.one.n == 0)
			continue;
		im_buf_reset(&key);
		conv_key_put(&key, &at);
		rc = key.failed ? IM_E_NOMEM : rpc_page_add(&page, im_buf_view(&key));
	}
	im_buf_free(&key);
	return rpc_page_end(&page, rc);
}
