/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the search method: narrows a search to what the caller may see, and looks at each hit in the
 * log before it is shown, because the index may be a moment behind. Reads only, on reader threads.
 */
#include "rpc_search.h"

#include <stdlib.h>

#include "../common/ids.h"
#include "../common/jsonw.h"
#include "../common/limits.h"
#include "../common/wire.h"
#include "conv_ref.h"
#include "conv_set.h"
#include "rpc_args.h"
#include "search.h"
#include "view.h"

/* Hits looked at in one call; a search that filters out more goes on in the next page. */
#define HITS_LOOKED_AT 5000

struct hunt {
	struct rpc_call *c;
	struct conv_set set;
	struct im_str type;
	int64_t after_ms, before_ms;
	uint32_t count, limit, looked_at;
	size_t max_bytes;
	struct im_buf one;
	struct im_str snippet; /* of the hit in hand */
	uint64_t last_gid;     /* the last hit dealt with */
	bool more;
};

static int on_message(void *arg, const struct store_msg *m)
{
	struct hunt *h = arg;
	struct conv_item *item = conv_set_find(&h->set, m->conv);
	int rc;

	if (item == NULL)
		return IM_OK;
	rc = conv_item_resolve(h->c, item, NULL);
	if (rc != IM_OK)
		return rc;
	if (item->hidden || m->seq <= item->floor || m->recalled || view_expired(m, h->c->now_ms) ||
		m->ts_ms < h->after_ms || m->ts_ms >= h->before_ms)
		return IM_OK;
	im_buf_z(&h->one, "{\"message\":");
	rc = view_message(&h->one, h->c->names, conv_item_name(item), m, h->c->now_ms);
	im_jsonw_member_str(&h->one, "snippet", h->snippet);
	im_buf_c(&h->one, '}');
	return rc != IM_OK ? rc : h->one.failed ? IM_E_NOMEM : IM_OK;
}

static int on_hit(void *arg, uint64_t gid, struct im_str snippet)
{
	struct hunt *h = arg;
	struct rpc_call *c = h->c;
	int rc;

	h->more = h->looked_at++ == HITS_LOOKED_AT || h->count == h->limit;
	if (h->more)
		return 1;
	h->snippet = snippet;
	im_buf_reset(&h->one);
	rc = c->backend->read_log(c->log, gid, gid, false, on_message, h);
	if (rc != IM_OK)
		return rc;
	if (h->one.n > 0) {
		h->more = h->count > 0 && c->result->n + h->one.n > h->max_bytes;
		if (h->more)
			return 1;
		if (h->count++ > 0)
			im_buf_c(c->result, ',');
		im_buf_str(c->result, im_buf_view(&h->one));
	}
	h->last_gid = gid;
	return IM_OK;
}

static int run(struct hunt *h, struct search_query *query)
{
	struct rpc_call *c = h->c;
	const char *why = NULL;
	int rc;

	im_buf_z(c->result, "{\"hits\":[");
	rc = search_run(c->search, query, on_hit, h, &why);
	if (why != NULL)
		return rpc_fail(c, rc, "%s", why);
	if (rc != IM_OK && rc != 1)
		return rc;
	im_buf_z(c->result, h->more ? "],\"more\":true,\"next\":\"" : "],\"more\":false}");
	if (h->more) {
		im_cursor_put(c->result, h->last_gid);
		im_buf_z(c->result, "\"}");
	}
	return c->result->failed ? IM_E_NOMEM : IM_OK;
}

/* The conversations that are searched: the one that is named, or all of the caller's. */
static int choose_convs(struct hunt *h, uint64_t **ids_out, size_t *n_out)
{
	struct conv_ref ref;
	bool one = rpc_has(h->c, "conv");
	int rc = one ? conv_ref_get(h->c, "conv", &ref) : IM_OK;

	if (rc == IM_OK)
		rc = conv_set_load(h->c, &h->set);
	if (rc != IM_OK)
		return rc;
	*ids_out = calloc(h->set.n + 1, sizeof(**ids_out));
	if (*ids_out == NULL)
		return IM_E_NOMEM;
	*n_out = 0;
	for (size_t i = 0; i < h->set.n; i++)
		if (!one || h->set.v[i].conv == ref.conv)
			(*ids_out)[(*n_out)++] = h->set.v[i].conv;
	return IM_OK;
}

static int search_in_view(struct hunt *h)
{
	struct rpc_call *c = h->c;
	struct search_query query = {.q = rpc_str(c, "q"), .type = h->type};
	uint64_t *ids = NULL;
	int rc = IM_OK;

	if (rpc_has(c, "next") &&
		(im_cursor_parse(rpc_str(c, "next"), &query.before_gid) != IM_OK ||
			query.before_gid == 0))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.next is none that search gave; leave it out to begin");
	if (rpc_has(c, "from"))
		rc = rpc_user_id(c, rpc_str(c, "from"), &query.sender);
	if (rc == IM_OK)
		rc = choose_convs(h, &ids, &query.n_convs);
	query.convs = ids;
	h->last_gid = query.before_gid;
	if (rc == IM_OK)
		rc = run(h, &query);
	conv_set_clear(&h->set);
	free(ids);
	return rc;
}

static int search_call(struct rpc_call *c)
{
	struct hunt h = {.c = c,
		.type = rpc_str(c, "type"),
		.after_ms = rpc_int(c, "after", INT64_MIN),
		.before_ms = rpc_int(c, "before", INT64_MAX),
		.limit = rpc_limit(c),
		.max_bytes = rpc_page_bytes(c)};
	int rc;

	if (c->search == NULL)
		return rpc_fail(c, IM_E_BUSY,
			"search is switched off here; the operator can set `search true`");
	if (h.type.n > 0 && !im_type_valid(h.type))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.type is no type; give 1-32 of a-z, 0-9, '_', '.', '-'");
	im_buf_init(&h.one, 0);
	rc = rpc_views_begin(c);
	if (rc == IM_OK) {
		rc = search_in_view(&h);
		rpc_views_end(c);
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
	{"search", RPC_READ, search_params, search_call},
	{0},
};
