/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of that answer. Called by methods that take lists of names; knows nothing of who
 * has one. */
#include "bridge/rpc/rpc_named.h"

#include "bridge/rpc/rpc_args.h"
#include "common/jsonw.h"

struct named {
	struct rpc_call *c;
	rpc_named_fn put;
	struct im_buf one, unknown;
	size_t shown, max;
	bool more;
};

/* Whether so many bytes more have no room; the first of all names always has. */
static bool is_full(struct named *n, size_t bytes)
{
	n->more = n->shown + n->unknown.n > 0 && n->c->result->n + n->unknown.n + bytes > n->max;
	return n->more;
}

static int add_unknown(struct named *n, struct im_str name)
{
	im_buf_reset(&n->one);
	im_jsonw_str(&n->one, name);
	if (is_full(n, n->one.n))
		return IM_OK;
	im_buf_c(&n->unknown, n->unknown.n ? ',' : '[');
	im_buf_str(&n->unknown, im_buf_view(&n->one));
	return n->one.failed ? IM_E_NOMEM : IM_OK;
}

static int add(struct named *n, struct im_str name)
{
	struct im_buf *out = n->c->result;
	int rc;

	im_buf_reset(&n->one);
	rc = n->put(n->c, name, &n->one);
	if (rc == IM_E_UNKNOWN_USER || rc == IM_E_UNKNOWN_GROUP)
		return add_unknown(n, name);
	if (rc != IM_OK || is_full(n, n->one.n))
		return rc;
	if (n->shown++ > 0)
		im_buf_c(out, ',');
	im_buf_str(out, im_buf_view(&n->one));
	return n->one.failed ? IM_E_NOMEM : IM_OK;
}

int rpc_named(struct rpc_call *c, const char *param, const char *list, rpc_named_fn put)
{
	struct named n = {.c = c, .put = put, .max = rpc_page_bytes(c)};
	size_t names = rpc_list_size(c, param);
	int rc = directory_view_begin(c->dir);

	if (rc != IM_OK)
		return rc;
	im_buf_init(&n.one, 0);
	im_buf_init(&n.unknown, 0);
	im_buf_printf(c->result, "{\"%s\":[", list);
	for (size_t i = 0; rc == IM_OK && !n.more && i < names; i++)
		rc = add(&n, rpc_list_str(c, param, i));
	directory_view_end(c->dir);
	im_buf_z(c->result, n.more ? "],\"more\":true" : "],\"more\":false");
	if (n.unknown.n > 0) {
		im_buf_z(c->result, ",\"unknown\":");
		im_buf_str(c->result, im_buf_view(&n.unknown));
		im_buf_c(c->result, ']');
	}
	im_buf_c(c->result, '}');
	if (rc == IM_OK && (c->result->failed || n.unknown.failed))
		rc = IM_E_NOMEM;
	im_buf_free(&n.one);
	im_buf_free(&n.unknown);
	return rc;
}
