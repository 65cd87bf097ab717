/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the search method: says of each hit whether the caller may see it, by the log, because the
 * index may be a moment behind. The hits, `more` and `next` are made of what he sees alone. Reads
 * only, on reader threads.
 */
#include "bridge/rpc/methods/methods.h"

#include <stdlib.h>

#include "bridge/message/seen.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/view.h"
#include "bridge/search/search.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

struct hunt {
	struct rpc_read *rd;
	struct conv_set set;
	uint64_t only; /* the conversation that was named, or 0 */
	int64_t after_ms, before_ms;
	uint32_t count, limit;
	size_t max_bytes;
	struct im_buf one;
	/* the message in hand */
	struct conv_item *item;
	enum search_sight sight;
	struct im_str snippet;
	uint64_t last_gid; /* of the last hit that was given */
	bool more;
};

static int look_at(void *arg, const struct store_msg *m)
{
	struct hunt *h = arg;
	int rc;

	h->item = h->only == 0 || h->only == m->conv ? conv_set_find(&h->set, m->conv) : NULL;
	if (h->item == NULL)
		return IM_OK;
	rc = conv_item_resolve(&h->rd->call, h->item, NULL);
	if (rc != IM_OK)
		return rc;
	if (h->item->hidden || m->seq <= h->item->floor)
		h->sight = SEARCH_ENDED;
	else if (seen_gone(m->recalled, m->meta, m->ts_ms, h->rd->call.now_ms))
		h->sight = SEARCH_UNSEEN;
	else
		h->sight = m->ts_ms < h->after_ms || m->ts_ms >= h->before_ms ? SEARCH_LEFT_OUT
									      : SEARCH_SEEN;
	return IM_OK;
}

static int on_sight(void *arg, uint64_t gid, uint64_t *conv_out)
{
	struct hunt *h = arg;
	int rc;

	h->item = NULL;
	h->sight = SEARCH_UNSEEN;
	rc = h->rd->backend->read_log(h->rd->log, gid, gid, false, look_at, h);
	if (h->item != NULL)
		*conv_out = h->item->conv;
	return rc != IM_OK ? rc : (int)h->sight;
}

static int put_message(void *arg, const struct store_msg *m)
{
	struct hunt *h = arg;
	struct conv_item *item = conv_set_find(&h->set, m->conv);
	int rc;

	im_buf_z(&h->one, "{\"message\":");
	rc = conv_item_resolve(&h->rd->call, item, NULL);
	if (rc == IM_OK)
		rc = view_message(&h->one, h->rd->names, conv_item_name(item), m, item->was_after,
			h->rd->call.now_ms);
	im_jsonw_member_str(&h->one, "snippet", h->snippet);
	im_buf_c(&h->one, '}');
	return rc != IM_OK ? rc : h->one.failed ? IM_E_NOMEM : IM_OK;
}

static int on_hit(void *arg, uint64_t gid, struct im_str snippet)
{
	struct hunt *h = arg;
	struct rpc_read *rd = h->rd;
	struct rpc_call *c = &rd->call;
	int rc;

	h->more = h->count == h->limit;
	if (h->more)
		return IM_STOP;
	h->snippet = snippet;
	im_buf_reset(&h->one);
	rc = rd->backend->read_log(rd->log, gid, gid, false, put_message, h);
	if (rc != IM_OK)
		return rc;
	h->more = h->count > 0 && c->result->n + h->one.n > h->max_bytes;
	if (h->more)
		return IM_STOP;
	if (h->count++ > 0)
		im_buf_c(c->result, ',');
	im_buf_str(c->result, im_buf_view(&h->one));
	h->last_gid = gid;
	return IM_OK;
}

static int run(struct hunt *h, struct search_query *query)
{
	struct rpc_read *rd = h->rd;
	struct rpc_call *c = &rd->call;
	const char *why = NULL;
	uint64_t cut = 0;
	int rc;

	im_buf_z(c->result, "{\"hits\":[");
	rc = search_run(rd->search, query, &cut, &why);
	if (why != NULL)
		return rpc_fail(c, rc, "%s", why);
	if (rc != IM_OK && rc != IM_STOP)
		return rc;
	if (!h->more && cut != 0) {
		h->more = true;
		h->last_gid = cut;
	}
	im_buf_z(c->result, h->more ? "],\"more\":true,\"next\":\"" : "],\"more\":false}");
	if (h->more) {
		im_cursor_put(c->result, h->last_gid);
		im_buf_z(c->result, "\"}");
	}
	return c->result->failed ? IM_E_NOMEM : IM_OK;
}

/* The conversations that are searched: the one that is named, or all of the caller's. */
static int choose_convs(struct hunt *h, struct search_query *query)
{
	struct conv_ref ref = {.conv = 0};
	struct rpc_read *rd = h->rd;
	struct rpc_call *c = &rd->call;
	struct store_head head = {.gid = 0};
	bool one = rpc_has(c, "conv");
	int rc = one ? conv_ref_read(rd, "conv", &ref) : IM_OK;

	if (rc == IM_OK)
		rc = conv_set_load(rd, &h->set);
	if (rc != IM_OK)
		return rc;
	h->only = ref.conv;
	query->convs = calloc(h->set.n + 1, sizeof(*query->convs));
	if (query->convs == NULL)
		return IM_E_NOMEM;
	for (size_t i = 0; rc == IM_OK && i < h->set.n; i++) {
		if (one && h->set.v[i].conv != ref.conv)
			continue;
		if (!one && h->set.n > SEARCH_CONVS_MAX)
			rc = rd->backend->read_head(rd->log, h->set.v[i].conv, &head);
		query->convs[query->n_convs++] = (struct search_conv){h->set.v[i].conv, head.gid};
	}
	return rc;
}

static int search_in_view(struct hunt *h)
{
	struct rpc_read *rd = h->rd;
	struct rpc_call *c = &rd->call;
	struct search_query query = {.q = rpc_str(c, "q"),
		.type = rpc_str(c, "type"),
		.want = h->limit + 1,
		.arg = h,
		.sight = on_sight,
		.hit = on_hit};
	struct directory_user from;
	int rc = IM_OK;

	if (rpc_has(c, "next") &&
		(im_cursor_parse(rpc_str(c, "next"), &query.before_gid) != IM_OK ||
			query.before_gid == 0))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.next is none that search gave; leave it out to begin");
	if (rpc_has(c, "from")) {
		rc = rpc_user_past(c, rpc_str(c, "from"), &from);
		query.sender = rc == IM_OK ? from.id : 0;
	}
	if (rc == IM_OK)
		rc = choose_convs(h, &query);
	if (rc == IM_OK)
		rc = run(h, &query);
	conv_set_clear(&h->set);
	free(query.convs);
	return rc;
}

static int search_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct hunt h = {.rd = rd,
		.after_ms = rpc_int(c, "after", INT64_MIN),
		.before_ms = rpc_int(c, "before", INT64_MAX),
		.limit = rpc_limit(c),
		.max_bytes = rpc_page_bytes(c)};
	struct im_str type = rpc_str(c, "type");
	int rc;

	if (rd->search == NULL)
		return rpc_fail(c, IM_E_BUSY,
			"search is switched off here; the operator can set `search true`");
	if (type.n > 0 && !im_type_valid(type))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.type is no type; give 1-32 of a-z, 0-9, '_', '.', '-'");
	im_buf_init(&h.one, 0);
	rc = rpc_views_begin(rd);
	if (rc == IM_OK) {
		rc = search_in_view(&h);
		rpc_views_end(rd);
	}
	im_buf_free(&h.one);
	return rc;
}

static const struct rpc_param search_params[] = {
	{"q", RPC_STRING, true, 1, SEARCH_QUERY_MAX},
	{"conv", RPC_STRING, false, 1, IM_CONV_MAX},
	{"from", RPC_STRING, false, 1, IM_UID_MAX},
	{"type", RPC_STRING, false, 1, IM_TYPE_MAX},
	{"after", RPC_INTEGER, false, 0, INT64_MAX},
	{"before", RPC_INTEGER, false, 0, INT64_MAX},
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, 32},
	{0},
};

const struct rpc_method rpc_search_methods[] = {
	{"search", RPC_SEARCH, search_params, .read = search_call},
	{0},
};
